import CAllocations
import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation

/// How much virtual time a CPU second simulates: a room with one publisher of simulcast and sound and three viewers, all over lossy links.
///
///     swift run -c release VirtualHours [minutes]
///
/// Everything counts: the clients, the links, the cipher on both sides. Fails if a viewer saw a fault.
@main
struct VirtualHours {
    struct Fault: Error {
        var sentences: [String]
    }

    static func main() throws {
        let minutes = CommandLine.arguments.dropFirst().compactMap { Int64($0) }.first { $0 > 0 } ?? 60
        let start = cpu_nanoseconds_of_thread()
        let world = try SimulatedWorld(seed: 1)
        var datagrams = 0
        world.tap = { _, _, _ in datagrams += 1 }

        var rough = LinkConditions(delay: .milliseconds(25), loss: 0.01, reordering: 0.005, duplication: 0.001)
        rough.jitter = .milliseconds(10)
        rough.bursts = GilbertElliott(badShare: 0.005, burst: 4)
        rough.rate = 4_000_000
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.uplink = rough
        let camera = try world.join(plan)
        let viewers = try (0..<3).map { number in
            var viewing = PeerPlan.viewer("viewer \(number)")
            viewing.downlink = rough
            return try world.join(viewing)
        }
        // Each has use for another layer, and every minute they change.
        for minute in 0..<minutes {
            for (number, viewer) in viewers.enumerated() {
                world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = (number + Int(minute)) % 3 }
            }
            world.run(for: .seconds(60))
        }

        let seconds = Double(cpu_nanoseconds_of_thread() - start) / 1e9
        let faults = viewers.flatMap { $0.video.decoder.faults + $0.audio.review().faults }
        let frames = viewers.map(\.video.decoder.frames)
        print(
            "\(minutes) virtual minutes in \(rounded(seconds)) s of CPU: \(rounded(Double(minutes) / 60 / seconds)) virtual hours a CPU second"
        )
        print("\(datagrams) datagrams, \(rounded(Double(datagrams) / seconds / 1_000)) thousand a CPU second")
        print(
            "frames decoded: \(frames), lost up: \(camera.uplink.lost), lost down: \(viewers.map(\.downlink.lost)), faults: \(faults.count)"
        )
        guard faults.isEmpty, frames.allSatisfy({ $0 > Int(minutes) * 60 * 28 }) else { throw Fault(sentences: Array(faults.prefix(5))) }
    }

    /// With three decimals.
    static func rounded(_ value: Double) -> Double { Double(Int(value * 1_000 + 0.5)) / 1_000 }
}
