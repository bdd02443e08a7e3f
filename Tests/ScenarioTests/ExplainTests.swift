import Congestion
import Forwarding
import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Explaining")
struct ExplainTests {
    private func world(seed: UInt64) throws -> (SimulatedWorld, SimulatedPeer) {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        return (world, try world.join(plan))
    }

    /// What is said of a viewer's picture.
    private func picture(of viewer: SimulatedPeer, in world: SimulatedWorld) throws -> SubscriptionExplanation {
        let all = world.unit.explain("room", at: world.now).filter { $0.subscriber == viewer.id }
        return try #require(all.first { $0.wanted != nil || $0.current != nil || $0.track == viewer.sending[0].source?.id })
    }

    @Test("the best that there is, no use for more, and nothing wanted")
    func wishes() throws {
        let (world, _) = try world(seed: 260)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        var said = try picture(of: viewer, in: world)
        #expect(said.reason == .best && said.current?.encoding == 2 && said.allocated == said.wanted)
        // For how long: since it was decided.
        #expect(said.since == said.decisions.last?.age && said.since != nil)
        #expect(said.decisions.map(\.allocated?.encoding) == [1, 2] && said.decisions.first?.reason == .bandwidth)
        world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = 1 }
        world.run(for: .seconds(2))
        said = try picture(of: viewer, in: world)
        #expect(said.reason == .viewport && said.current?.encoding == 1)
        world.negotiate(viewer) { _, sending in sending[0].wish.isPaused = true }
        world.run(for: .seconds(1))
        said = try picture(of: viewer, in: world)
        #expect(said.reason == .paused && said.since == nil)
        #expect(world.unit.statistics().limitedSubscriptions == 0)
    }

    @Test("no room for more, with the estimate that says so")
    func narrow() throws {
        let (world, _) = try world(seed: 261)
        var plan = PeerPlan.viewer()
        plan.downlink = .bottleneck(400_000)
        let viewer = try world.join(plan)
        world.run(for: .seconds(20))
        let said = try picture(of: viewer, in: world)
        #expect(said.reason == .bandwidth && said.current?.encoding == 0 && said.wanted?.encoding == 2)
        #expect((200_000...450_000).contains(said.estimate.target.bitsPerSecond))
        #expect(!said.decisions.isEmpty && said.decisions.count <= 10)
        // The same in metrics.
        let statistics = world.unit.statistics()
        #expect(statistics.limitedSubscriptions == 1 && statistics.pausedSubscriptions == 0 && statistics.downlinks == 2)
        #expect(statistics.downlinkEstimates > said.estimate.target.bitsPerSecond && statistics.counters.requestsSent.keyframes > 0)
        // The reason changes, and what is sent does not.
        world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = 0 }
        world.run(for: .seconds(1))
        let later = try picture(of: viewer, in: world)
        #expect(later.reason == .viewport && later.current?.encoding == 0)
        #expect(try #require(later.since) <= .seconds(1) && #require(later.decisions.last).age > .seconds(1))
    }

    @Test("nothing arrives of it, or a keyframe has not come")
    func waiting() throws {
        let (world, camera) = try world(seed: 262)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        for source in camera.cameras { source.isPaused = true }
        world.run(for: .seconds(3))
        #expect(try picture(of: viewer, in: world).reason == .notLive)
        for source in camera.cameras { source.isPaused = false }
        world.run(for: .seconds(4))
        #expect(try picture(of: viewer, in: world).reason == .best)
        camera.ignoresKeyframeRequests = true
        world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = 0 }
        world.run(for: .milliseconds(600))
        let said = try picture(of: viewer, in: world)
        #expect(
            [.awaitingKeyframe, .keyframeOverdue].contains(said.reason) && said.allocated?.encoding == 0 && said.current?.encoding == 2)
        #expect(try #require(said.since) <= .milliseconds(600))
    }
}
