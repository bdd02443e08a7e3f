import HeadlessClients
import MediaPrimitives
import MediaSecurity
import Simulation
import Testing

@Suite("Loss") struct LossTests {
    private func run(seed: UInt64, seconds: Int64 = 20, up: LinkConditions = LinkConditions(), down: LinkConditions = LinkConditions())
        throws -> (
            camera: SimulatedPeer, viewer: SimulatedPeer
        )
    {
        let world = try SimulatedWorld(seed: seed)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        camera.uplink.conditions = up
        viewer.downlink.conditions = down
        world.run(for: .seconds(seconds))
        camera.uplink.conditions = LinkConditions()
        viewer.downlink.conditions = LinkConditions()
        world.run(for: .seconds(1))
        return (camera, viewer)
    }

    @Test("5 % random loss on the way up is repaired by retransmissions", arguments: [20, 21, 22] as [UInt64])
    func uplink(_ seed: UInt64) throws {
        let (camera, viewer) = try run(seed: seed, up: LinkConditions(loss: 0.05))
        #expect(camera.uplink.lost > 100)
        #expect(camera.cameras[0].stream.resent >= 100)
        expectCleanVideo(viewer, frames: 680)
        #expect(viewer.video.holes.isEmpty && viewer.video.keyframeRequests == 0)
        #expect(camera.cameras[0].keyframes <= 2)
        #expect(viewer.video.decoder.longestPause < .milliseconds(400))
    }

    @Test("5 % random loss on the way down is repaired by retransmissions", arguments: [23, 24, 25] as [UInt64])
    func downlink(_ seed: UInt64) throws {
        let (camera, viewer) = try run(seed: seed, down: LinkConditions(loss: 0.05))
        #expect(viewer.downlink.lost > 100)
        #expect(viewer.video.repaired >= 100)
        expectCleanVideo(viewer, frames: 680)
        #expect(viewer.video.holes.isEmpty && viewer.video.keyframeRequests == 0)
        #expect(camera.cameras[0].keyframes <= 2)
        #expect(viewer.video.decoder.longestPause < .milliseconds(400))
    }

    @Test("reordering and duplication do no harm", arguments: [26, 27] as [UInt64])
    func reordering(_ seed: UInt64) throws {
        let rough = LinkConditions(reordering: 0.05, duplication: 0.05)
        let (camera, viewer) = try run(seed: seed, up: rough, down: rough)
        expectCleanVideo(viewer, frames: 680)
        expectCleanAudio(viewer, packets: 1_100)
        #expect(viewer.video.holes.isEmpty)
        #expect(camera.cameras[0].keyframes <= 2)
        #expect(viewer.transport.drops[.replayedSRTP, default: 0] > 100)
    }

    @Test("10 % loss in both directions, with jitter and reordering, never shows a broken picture", arguments: [28, 29, 30] as [UInt64])
    func rough(_ seed: UInt64) throws {
        var rough = LinkConditions(loss: 0.1, reordering: 0.03, duplication: 0.02)
        rough.jitter = .milliseconds(15)
        let (_, viewer) = try run(seed: seed, up: rough, down: rough)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > 600)
        #expect(viewer.video.decoder.longestPause < .seconds(2))
    }

    @Test("viewers begin although packets of their keyframe are lost on the way up", arguments: 31...40 as ClosedRange<UInt64>)
    func lossyKeyframe(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.uplink.loss = 0.2
        let camera = try world.join(plan)
        world.run(for: .seconds(5))
        let joined = world.now
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.faults == [])
        let begin = try #require(viewer.video.decoder.firstFrame)
        #expect(begin - joined < .milliseconds(1_500))
        #expect(viewer.video.keyframeRequests == 0)
        #expect(camera.cameras[0].keyframes <= 5)
    }

    @Test("an outage of less than a second is over within a second", arguments: [100, 300, 800] as [Int64], [true, false])
    func outage(milliseconds: Int64, above: Bool) throws {
        let world = try SimulatedWorld(seed: 41)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let link = above ? camera.uplink : viewer.downlink
        world.run(for: .seconds(3))
        for _ in 0..<5 {
            link.conditions.isCut = true
            world.run(for: .milliseconds(milliseconds))
            link.conditions.isCut = false
            world.run(for: .seconds(4))
        }
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.longestPause < .milliseconds(milliseconds + 1_000))
        // What can be sent again needs no keyframe.
        #expect(camera.cameras[0].keyframes <= (milliseconds < 500 ? 2 : 8))
    }

    @Test("far away, a lost packet is not asked for again and again while the answer is on its way", arguments: [true, false])
    func farAway(above: Bool) throws {
        let world = try SimulatedWorld(seed: 42)
        var publisher = PeerPlan.publisher()
        var viewing = PeerPlan.viewer()
        if above {
            publisher.uplink = LinkConditions(delay: .milliseconds(150), loss: 0.03)
            publisher.downlink.delay = .milliseconds(150)
        } else {
            viewing.downlink = LinkConditions(delay: .milliseconds(150), loss: 0.03)
            viewing.uplink.delay = .milliseconds(150)
        }
        let camera = try world.join(publisher)
        let viewer = try world.join(viewing)
        world.run(for: .seconds(30))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 850)
        let sentAgain = above ? camera.cameras[0].stream.resent : viewer.video.repaired
        let lost = above ? camera.uplink.lost : viewer.downlink.lost
        #expect(sentAgain < 2 * lost, "\(sentAgain) for \(lost)")
    }

    @Test("a request for a keyframe that is lost is repeated until the keyframe comes")
    func lostRequest() throws {
        let world = try SimulatedWorld(seed: 43)
        let camera = try world.join(.publisher())
        world.run(for: .seconds(3))
        camera.ignoresKeyframeRequests = true
        let viewer = try world.join(.viewer())
        world.run(for: .milliseconds(2_500))
        #expect(viewer.video.packets == 0)
        #expect((2...4).contains(camera.cameras[0].requests))
        camera.ignoresKeyframeRequests = false
        world.run(for: .milliseconds(1_500))
        expectCleanVideo(viewer, frames: 10)
    }
}
