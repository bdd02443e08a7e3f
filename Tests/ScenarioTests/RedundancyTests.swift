import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Redundant audio in a room") struct RedundancyTests {
    private func publisher() -> PeerPlan {
        var plan = PeerPlan.publisher()
        plan.video = nil
        plan.audio?.isRedundant = true
        return plan
    }

    /// One who takes it, one who takes it under another number for Opus, and one who does not.
    private func viewers(_ world: SimulatedWorld, on worker: Int = 0, loss: Double = 0) throws -> [SimulatedPeer] {
        try [111, 96, nil].map { (type: UInt8?) in
            var plan = PeerPlan.viewer()
            plan.redundancyOf = type
            plan.worker = worker
            plan.downlink.loss = loss
            return try world.join(plan)
        }
    }

    @Test("goes whole to whoever has agreed to it, and as Opus to everybody else", arguments: [0, 1])
    func forwarding(worker: Int) throws {
        let world = try SimulatedWorld(seed: 310, workers: 2)
        _ = try world.join(publisher())
        let viewers = try viewers(world, on: worker)
        world.run(for: .seconds(10))
        for viewer in viewers { expectCleanAudio(viewer, packets: 450) }
        #expect(viewers[0].audio.redundantPackets >= 450)
        #expect(viewers[1...].allSatisfy { $0.audio.redundantPackets == 0 })
    }

    @Test("what is lost on the way down comes with the next packet")
    func loss() throws {
        let world = try SimulatedWorld(seed: 311)
        let microphone = try world.join(publisher())
        let viewers = try viewers(world, loss: 0.1)
        world.run(for: .seconds(60))
        let sent = Double(try #require(microphone.microphone).stream.packets)
        let (whole, plain) = (Double(viewers[0].audio.frameCount(of: 0)), Double(viewers[2].audio.frameCount(of: 0)))
        #expect(plain < 0.93 * sent)
        #expect(whole > 0.975 * sent)
        for viewer in viewers { #expect(viewer.audio.review().faults == []) }
    }

    @Test("and so does what is lost on the way up, for whoever takes it")
    func uplink() throws {
        let world = try SimulatedWorld(seed: 312)
        var plan = publisher()
        plan.uplink.loss = 0.1
        let microphone = try world.join(plan)
        let viewers = try viewers(world)
        world.run(for: .seconds(60))
        let sent = Double(try #require(microphone.microphone).stream.packets)
        #expect(Double(viewers[0].audio.frameCount(of: 0)) > 0.975 * sent)
        for viewer in viewers { #expect(viewer.audio.review().faults == []) }
    }
}
