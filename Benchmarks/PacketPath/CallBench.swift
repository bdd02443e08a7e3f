import CAllocations
import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation

/// A whole call in virtual time: one publisher of three encodings and of sound, and viewers with room for the best of them who answer as browsers
/// do. All that the unit does is counted (what arrives, feedback, timers, allocation, what leaves), and nothing that others do.
struct CallBench {
    /// Until everybody has the best encoding and no probe is due.
    private static let warmUp = Interval.seconds(20)

    /// A viewer did not get what it should have got.
    struct NotServed: Error {}

    private let world: SimulatedWorld
    private let viewers: [SimulatedPeer]

    init(viewers: Int, isControlled: Bool) throws {
        var limits = ForwardingUnit.Limits()
        limits.controlsCongestion = isControlled
        world = try SimulatedWorld(seed: 1, limits: limits)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        _ = try world.join(plan)
        let world = world
        self.viewers = try (0..<viewers).map { try world.join(PeerPlan.viewer("viewer \($0)")) }
        world.run(for: CallBench.warmUp)
    }

    /// How many packets of media left meanwhile, and the blocks asked of the C library for that. (Callgrind counts calls on both sides of a toggle.)
    func count(seconds: Int64) throws -> (packets: UInt64, allocations: UInt64) {
        let before = viewers.map(\.video.decoder.frames)
        let sent = packetsSent
        callgrind_begin()
        callgrind_toggle()
        var allocations: UInt64 = 0
        var isWorking = false
        world.whenWorking = {
            isWorking.toggle()
            // What was asked for before goes off, what has been by now comes on.
            allocations = isWorking ? allocations &- allocations_of_thread() : allocations &+ allocations_of_thread()
            callgrind_toggle()
        }
        world.run(for: .seconds(seconds))
        world.whenWorking = nil
        callgrind_end()
        for (viewer, before) in zip(viewers, before) where viewer.video.decoder.frames - before < Int(seconds) * 28 { throw NotServed() }
        return (packetsSent - sent, allocations)
    }

    private var packetsSent: UInt64 { world.unit.statistics().counters.sent.packets(.rtp) }
}
