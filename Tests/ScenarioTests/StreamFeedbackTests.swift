import Congestion
import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Feedback by stream") struct StreamFeedbackTests {
    /// Three encodings, and a viewer that answers by RFC 8888 only.
    private func world(seed: UInt64, rate: Int) throws -> (SimulatedWorld, SimulatedPeer) {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        _ = try world.join(plan)
        world.run(for: .seconds(2))
        var viewing = PeerPlan.viewer()
        viewing.tellsByStream = true
        viewing.downlink = .bottleneck(rate)
        return (world, try world.join(viewing))
    }

    private func estimate(_ viewer: SimulatedPeer, _ world: SimulatedWorld) throws -> BandwidthEstimate {
        try #require(world.unit.explain("room", at: world.now).first { $0.subscriber == viewer.id }).estimate
    }

    @Test("finds room for the best encoding, by probes", arguments: [530, 531] as [UInt64])
    func rise(_ seed: UInt64) throws {
        let (world, viewer) = try world(seed: seed, rate: 3_000_000)
        #expect(world.run(for: .seconds(5)) { viewer.video.decoder.stretches.last?.layer == 2 })
        world.run(for: .seconds(20))
        expectCleanVideo(viewer, frames: 600)
        let said = try estimate(viewer, world)
        #expect(said.loss == 0 && said.target > .kilobits(900))
        #expect(viewer.downlink.refused == 0 && viewer.video.received.padding.packets > 0)
    }

    @Test("keeps to a narrow way, and learns what it loses", arguments: [532, 533] as [UInt64])
    func narrow(_ seed: UInt64) throws {
        let (world, viewer) = try world(seed: seed, rate: 500_000)
        world.run(for: .seconds(10))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.downlink.longestWait < .milliseconds(300))
        #expect(try estimate(viewer, world).target < .kilobits(700))
        viewer.downlink.conditions.loss = 0.05
        // What was lost of late wavers around it.
        var loss = 0.0
        for _ in 0..<20 {
            world.run(for: .seconds(1))
            loss += try estimate(viewer, world).loss / 20
        }
        #expect(loss > 0.02 && loss < 0.1, "\(loss)")
        #expect(viewer.video.decoder.faults == [] && viewer.video.decoder.frames > 700)
    }
}
