import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Simulcast") struct SimulcastTests {
    private func world(seed: UInt64, bestFirst: Bool, loss: Double = 0) throws -> (SimulatedWorld, SimulatedPeer, SimulatedPeer) {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast(bestFirst: bestFirst)
        plan.uplink.loss = loss
        return (world, try world.join(plan), try world.join(.viewer()))
    }

    @Test(
        "the best living layer is forwarded; it dies and comes back; every switch is a keyframe without a hole", arguments: [false, true],
        [0, 0.05])
    func bestLayer(bestFirst: Bool, loss: Double) throws {
        // With one seed of seven something is lost on its way up just before a switch, which stays a hole.
        let (world, camera, viewer) = try world(seed: 71, bestFirst: bestFirst, loss: loss)
        let (best, middle) = bestFirst ? (0, 1) : (2, 1)
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == UInt8(best))
        camera.cameras[best].isPaused = true
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == UInt8(middle))
        camera.cameras[best].isPaused = false
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == UInt8(best))
        expectCleanVideo(viewer, frames: 380)
        expectCleanAudio(viewer, packets: 600, missing: loss == 0 ? 0 : 80)
        // Up at the beginning, down, up.
        #expect(viewer.video.decoder.stretches.count <= (loss == 0 ? 4 : 6))
        #expect(viewer.video.decoder.longestPause < .seconds(2))
        // A layer may die in the middle of a frame; whoever waits for its end asks.
        #expect(viewer.video.keyframeRequests <= (loss == 0 ? 0 : 4))
    }

    @Test("a layer that ends is missed for 400 ms and no longer, whenever that is", arguments: [0, 60, 120, 180, 240] as [Int64])
    func ending(offset: Int64) throws {
        let (world, camera, viewer) = try world(seed: 78, bestFirst: false)
        world.run(for: .seconds(4) + .milliseconds(offset))
        camera.cameras[2].isPaused = true
        world.run(for: .seconds(2))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        // Besides, a round trip, an encoder's 50 ms, and a frame.
        #expect(viewer.video.decoder.longestPause < .milliseconds(600), "\(viewer.video.decoder.longestPause)")
    }

    @Test("a layer that goes on after a pause without a keyframe of its own is asked for one")
    func silentReturn() throws {
        let (world, camera, viewer) = try world(seed: 71, bestFirst: false)
        world.run(for: .seconds(3))
        for layer in [1, 2] { camera.cameras[layer].isPaused = true }
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 0)
        camera.cameras[1].resume(withKeyframe: false)
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        expectCleanVideo(viewer, frames: 270)
    }

    @Test("layers may die and return every two seconds for a minute, with loss in both directions", arguments: [72, 73] as [UInt64])
    func restless(_ seed: UInt64) throws {
        let (world, camera, viewer) = try world(seed: seed, bestFirst: false, loss: 0.05)
        viewer.downlink.conditions.loss = 0.05
        for round in 0..<30 {
            for (layer, source) in camera.cameras.enumerated() { source.isPaused = layer == 2 - round % 3 }
            world.run(for: .seconds(2))
        }
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.stretches.count > 5)
        #expect(viewer.video.decoder.frames > 1_150)
        #expect(viewer.video.decoder.longestPause < .milliseconds(2_500))
    }

    @Test("all layers change their SSRCs at once")
    func newSSRCs() throws {
        let (world, camera, viewer) = try world(seed: 74, bestFirst: true)
        world.run(for: .seconds(3))
        camera.changeSSRCs()
        world.run(for: .seconds(4))
        expectCleanVideo(viewer, frames: 170)
        #expect(viewer.video.decoder.stretches.last?.layer == 0)
    }

    @Test("viewers move from one simulcast publisher to another")
    func nextPublisher() throws {
        let (world, camera, viewer) = try world(seed: 75, bestFirst: false)
        var plan = PeerPlan.publisher("second")
        plan.video = .simulcast(bestFirst: true)
        _ = try world.join(plan)
        world.run(for: .seconds(4))
        world.leave(camera)
        world.run(for: .seconds(4))
        expectCleanVideo(viewer, frames: 210)
        let last = try #require(viewer.video.decoder.stretches.last)
        #expect(last.source == 2 && last.layer == 0)
    }

    @Test("whoever joins while the best layer gives no keyframe stays with the one that he began with")
    func overdueKeyframe() throws {
        let world = try SimulatedWorld(seed: 76)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        let camera = try world.join(plan)
        world.run(for: .seconds(2))
        camera.cameras[2].ignoresKeyframeRequests = true
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        #expect(viewer.video.decoder.frames > 40)
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.map(\.layer) == [1])
        camera.cameras[2].ignoresKeyframeRequests = false
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.map(\.layer) == [1, 2])
        #expect(viewer.video.decoder.faults == [])
    }

    @Test("pictures of temporal layers arrive as whole as others do, over switches and with loss", arguments: [0, 0.03])
    func temporalLayers(loss: Double) throws {
        let world = try SimulatedWorld(seed: 77)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        for index in 0..<3 { plan.video?.shapes[index].temporalLayers = 3 }
        plan.uplink.loss = loss
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        for round in 0..<6 {
            world.run(for: .seconds(3))
            camera.cameras[2].isPaused = round % 2 == 0
        }
        if loss == 0 { expectCleanVideo(viewer, frames: 380) }
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 320)
        #expect(viewer.video.decoder.stretches.count > 3)
    }
}
