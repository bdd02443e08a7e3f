import CAllocations
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms
import Simulation

/// The packet path without sockets: CPU time and allocations for each packet that leaves, from encrypted datagram to encrypted datagrams.
///
///     swift run -c release PacketPath [cm] [rounds [viewers]]
///     PacketPath callgrind [cm] [layers] VIEWERS PAYLOAD        as Benchmarks/instructions runs it
///     PacketPath callgrind call [uncontrolled] VIEWERS          a whole call (`CallBench`)
///
/// One publisher of VP8, so many viewers, real DTLS, SRTP (AES-128-GCM, or with `cm` AES-CM and HMAC-SHA1) and forwarding unit. Handshakes and the
/// publisher's own work are not counted. With `layers` its pictures are of three temporal layers, which everybody gets.
@main
struct PacketPath {
    /// Packets that arrive in one turn.
    static let burst = 8
    static let turnsPerRound = 100
    static let profile: SRTPProfile = CommandLine.arguments.contains("cm") ? .aes128CMSHA1Tag80 : .aeadAES128GCM

    static func main() throws {
        let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }.filter { $0 > 0 }
        if CommandLine.arguments.dropFirst().first == "callgrind", numbers.count == 2 {
            return try measureUnderCallgrind(viewers: numbers[0], payload: numbers[1])
        }
        if CommandLine.arguments.dropFirst().starts(with: ["callgrind", "call"]), numbers.count == 1 {
            let isControlled = !CommandLine.arguments.contains("uncontrolled")
            let counted = try CallBench(viewers: numbers[0], isControlled: isControlled).count(seconds: 5)
            return print(counted.packets, counted.allocations)
        }
        // Nobody keeps up consent meanwhile: after 30 s of virtual time all would count as gone.
        let rounds = min(numbers.first ?? 7, 50)
        print("viewers  payload  receive  release    total  allocations      libsrtp2  over it")
        print("                   ns/out   ns/out   ns/out      per out        ns/out")
        for viewers in numbers.count > 1 ? [numbers[1]] : [1, 10, 50, 200] {
            for payload in [120, 1_100] { try measure(viewers: viewers, payload: payload, rounds: rounds) }
        }
        print("")
        print("between workers, ns for each packet that arrives:")
        print("viewers  payload    none  handed over   relayed")
        for viewers in [1, 50] {
            for payload in [120, 1_100] { try measureCrossing(viewers: viewers, payload: payload, rounds: rounds) }
        }
    }

    /// What it costs that a datagram arrives at another worker, or that the viewers are on another one: both sides together, without wakes.
    static func measureCrossing(viewers: Int, payload: Int, rounds: Int) throws {
        let benches = try ForwardingBench.Crossing.allCases.map {
            try ForwardingBench(viewers: viewers, payload: payload, profile: profile, crossing: $0)
        }
        for bench in benches { for _ in 0..<(2 * turnsPerRound) { _ = bench.turn() } }
        var results = benches.map { _ in [Double]() }
        for _ in 0..<rounds {
            for (index, bench) in benches.enumerated() {
                var cost = ForwardingBench.Cost()
                for _ in 0..<turnsPerRound { cost += bench.turn() }
                results[index].append(Double(cost.receive + cost.release) / Double(turnsPerRound * burst))
                guard cost.packets == turnsPerRound * burst * viewers else { throw ForwardingBench.NotConnected() }
            }
        }
        let medians = results.map { $0.sorted()[rounds / 2] }
        let columns = [column(Double(viewers), 7, 0), column(Double(payload), 9, 0), column(medians[0], 8, 0), column(medians[1], 13, 0)]
        print((columns + [column(medians[2], 10, 0)]).joined())
    }

    static func measure(viewers: Int, payload: Int, rounds: Int) throws {
        let bench = try ForwardingBench(viewers: viewers, payload: payload, profile: profile)
        // Fills the ring, the histories and everything else that takes its memory once.
        for _ in 0..<(2 * turnsPerRound) { _ = bench.turn() }
        var results: [ForwardingBench.Cost] = []
        var ciphers: [Double] = []
        for _ in 0..<rounds {
            var cost = ForwardingBench.Cost()
            for _ in 0..<turnsPerRound { cost += bench.turn() }
            results.append(cost)
            ciphers.append(bench.cipherAlone(packets: 2_000))
        }
        let median = { (value: (ForwardingBench.Cost) -> Double) in results.map(value).sorted()[rounds / 2] }
        let cipher = ciphers.sorted()[rounds / 2]
        let total = median { Double($0.receive + $0.release) / Double($0.packets) }
        let columns = [
            column(Double(viewers), 7, 0), column(Double(payload), 9, 0), column(median { Double($0.receive) / Double($0.packets) }, 9, 0),
            column(median { Double($0.release) / Double($0.packets) }, 9, 0), column(total, 9, 0),
            column(median { Double($0.allocations) / Double($0.packets) }, 13, 3), column(cipher, 14, 0), column(total / cipher, 9, 2),
        ]
        print(columns.joined())
    }

    /// Callgrind sees the same turns that are timed elsewhere, and none before memory is taken and streams are known. Says how many packets left.
    static func measureUnderCallgrind(viewers: Int, payload: Int) throws {
        let bench = try ForwardingBench(
            viewers: viewers, payload: payload, profile: profile, hasLayers: CommandLine.arguments.contains("layers"))
        for _ in 0..<(2 * turnsPerRound) { _ = bench.turn() }
        var cost = ForwardingBench.Cost()
        for _ in 0..<turnsPerRound { cost += bench.turn(forCallgrind: true) }
        guard cost.packets == turnsPerRound * burst * viewers else { throw ForwardingBench.NotConnected() }
        print(cost.packets)
    }

    /// `value` with so many decimals, flushed right.
    static func column(_ value: Double, _ width: Int, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int(value * scale + 0.5)
        var text = String(scaled)
        if decimals > 0 {
            let digits = String(repeating: "0", count: max(0, decimals + 1 - text.count)) + text
            text = digits.dropLast(decimals) + "." + digits.suffix(decimals)
        }
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
