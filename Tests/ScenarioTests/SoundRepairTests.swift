import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Sound that is repaired") struct SoundRepairTests {
    private func viewer(_ world: SimulatedWorld, profile: Int? = nil, repairs: Bool = true, redundancyOf: UInt8? = nil) throws
        -> SimulatedPeer
    {
        var plan = PeerPlan.viewer()
        plan.repairsSound = repairs
        plan.redundancyOf = redundancyOf
        if let profile { plan.profiles = [plan.profiles[profile % plan.profiles.count]] }
        return try world.join(plan)
    }

    private func ask(_ world: SimulatedWorld, _ viewer: SimulatedPeer, for numbers: [SequenceNumber]) {
        world.sendRTCP(from: viewer) { writer in
            _ = Nack.write(into: &writer, sender: SSRC(1), media: viewer.audio.ssrc, sequences: numbers.span)
        }
    }

    private func retransmissions(_ world: SimulatedWorld) -> UInt64 {
        world.units.reduce(0) { $0 &+ $1.statistics().counters.sent.packets(.retransmission) }
    }

    @Test("what is lost on the way down comes again as it was, whatever the cipher", arguments: 0..<3, [nil, 111] as [UInt8?])
    func repair(profile: Int, redundancyOf: UInt8?) throws {
        let world = try SimulatedWorld(seed: 320)
        var plan = PeerPlan.publisher()
        plan.video = nil
        plan.audio?.isRedundant = redundancyOf != nil
        _ = try world.join(plan)
        let viewer = try viewer(world, profile: profile, redundancyOf: redundancyOf)
        world.run(for: .seconds(3))
        for _ in 0..<10 {
            viewer.downlink.conditions.loss = 0.4
            world.run(for: .milliseconds(300))
            viewer.downlink.conditions.loss = 0
            world.run(for: .milliseconds(60))
            #expect(!viewer.audio.missing.isEmpty)
            ask(world, viewer, for: viewer.audio.missing)
            world.run(for: .milliseconds(100))
            #expect(viewer.audio.missing.isEmpty)
        }
        expectCleanAudio(viewer, packets: 300)
        #expect(viewer.strayPackets == 0)
    }

    @Test("requests for what is not missing, or was never sent, or again and again, cost little")
    func flood() throws {
        let world = try SimulatedWorld(seed: 321)
        var plan = PeerPlan.publisher()
        plan.video = nil
        _ = try world.join(plan)
        let viewer = try viewer(world)
        world.run(for: .seconds(2))
        let before = (viewer.audio.count, retransmissions(world))
        let everything = (0..<600).map { SequenceNumber(UInt16($0 * 109)) } + (0..<400).map { SequenceNumber(UInt16($0)) }
        for _ in 0..<1_000 {
            ask(world, viewer, for: everything)
            ask(world, viewer, for: (0..<40).map { SequenceNumber(viewer.audio.newest.rawValue &- UInt16($0)) })
            world.run(for: .milliseconds(1))
        }
        // A replay is nothing new to the viewer.
        #expect(viewer.audio.count - before.0 <= 55)
        let repeated = retransmissions(world) - before.1
        #expect(repeated > 30 && repeated <= 3 * 90)
        expectCleanAudio(viewer, packets: 100)
    }

    @Test("whoever has not agreed to it is sent nothing again")
    func without() throws {
        let world = try SimulatedWorld(seed: 322)
        var plan = PeerPlan.publisher()
        plan.video = nil
        _ = try world.join(plan)
        let viewer = try viewer(world, repairs: false)
        world.run(for: .seconds(2))
        ask(world, viewer, for: [viewer.audio.newest])
        world.run(for: .milliseconds(200))
        #expect(retransmissions(world) == 0)
    }
}
