import Forwarding
import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Layers that nobody watches") struct DynacastTests {
    private func world(seed: UInt64, workers: Int = 1) throws -> SimulatedWorld { try SimulatedWorld(seed: seed, workers: workers) }

    /// A client with a camera, 50 ms there and back, that sends what it is told to.
    private func camera(_ change: (inout PeerPlan) -> Void = { _ in }) -> PeerPlan {
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.heedsDemand = true
        (plan.uplink.delay, plan.downlink.delay) = (.milliseconds(25), .milliseconds(25))
        change(&plan)
        return plan
    }

    private func viewer(on worker: Int = 0) -> PeerPlan {
        var plan = PeerPlan.viewer()
        plan.worker = worker
        (plan.uplink.delay, plan.downlink.delay) = (.milliseconds(25), .milliseconds(25))
        return plan
    }

    /// What the publisher was told, and when.
    private func demands(of peer: SimulatedPeer, in world: SimulatedWorld) -> [(at: Instant, layers: Int)] {
        world.events.compactMap { if case .demand(peer.id, _, let layers) = $0.event { ($0.at, layers) } else { nil } }
    }

    private func want(_ layer: Int?, _ viewer: SimulatedPeer, in world: SimulatedWorld) {
        world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = layer }
    }

    private func layersSent(by peer: SimulatedPeer, in world: SimulatedWorld, during time: Interval = .seconds(1)) -> [Bool] {
        let before = peer.cameras.map(\.stream.packets)
        world.run(for: time)
        return zip(peer.cameras, before).map { $0.stream.packets > $1 }
    }

    @Test(
        "a picture that nobody watches is not sent after five seconds, and is seen within one of being asked for", arguments: [true, false])
    func nobody(isSimulcast: Bool) throws {
        let world = try world(seed: 300)
        let camera = try world.join(camera { if !isSimulcast { $0.video = PeerPlan.Video() } })
        world.run(for: .seconds(1))
        #expect(layersSent(by: camera, in: world) == camera.cameras.map { _ in true })
        world.run(for: .seconds(3))
        #expect(demands(of: camera, in: world).map(\.layers) == [0])
        #expect(layersSent(by: camera, in: world) == camera.cameras.map { _ in false })
        world.run(for: .seconds(20))
        let asked = world.now
        let viewer = try world.join(viewer())
        #expect(demands(of: camera, in: world).isEmpty == false)
        #expect(world.run(for: .seconds(1)) { viewer.video.decoder.frames > 0 })
        world.run(for: .seconds(5))
        let told = demands(of: camera, in: world)
        #expect(told.map(\.layers) == [0, camera.cameras.count] && told[1].at - asked < .milliseconds(10))
        expectCleanVideo(viewer, frames: 150)
        #expect(viewer.video.decoder.stretches.last?.layer == UInt8(camera.cameras.count - 1))
        world.leave(viewer)
        world.run(for: .seconds(5))
        #expect(demands(of: camera, in: world).map(\.layers) == [0, camera.cameras.count, 0])
    }

    @Test("layers above the best that anybody wants are off within five seconds, and shown within one without a pause", arguments: [0, 1])
    func upperLayers(workerOfViewer worker: Int) throws {
        let world = try world(seed: 301, workers: 2)
        let camera = try world.join(camera())
        let viewer = try world.join(viewer(on: worker))
        world.run(for: .seconds(8))
        #expect(viewer.video.decoder.stretches.last?.layer == 2 && demands(of: camera, in: world).isEmpty)

        let lowered = world.now
        want(0, viewer, in: world)
        world.run(for: .seconds(6))
        let off = demands(of: camera, in: world)
        #expect(off.map(\.layers) == [1] && off[0].at - lowered >= .seconds(4) && off[0].at - lowered < .milliseconds(4_900))
        #expect(layersSent(by: camera, in: world) == [true, false, false])
        world.run(for: .seconds(30))
        #expect(viewer.video.decoder.stretches.last?.layer == 0)

        let raised = world.now
        want(nil, viewer, in: world)
        #expect(world.run(for: .seconds(1)) { viewer.video.decoder.stretches.last?.layer == 2 })
        let on = demands(of: camera, in: world)
        #expect(on.map(\.layers) == [1, 3] && on[1].at - raised < .milliseconds(10))
        world.run(for: .seconds(10))
        #expect(layersSent(by: camera, in: world) == [true, true, true] && demands(of: camera, in: world).count == 2)
        expectCleanVideo(viewer, frames: 1_500)
        #expect(viewer.video.decoder.longestPause < .milliseconds(200))
    }

    @Test("one encoder for all layers begins anew, and nobody's picture stands")
    func oneEncoder() throws {
        let world = try world(seed: 302)
        let camera = try world.join(camera { $0.video?.keyframesTogether = true })
        let viewers = try (0..<2).map { _ in try world.join(viewer()) }
        world.run(for: .seconds(6))
        for viewer in viewers { want(0, viewer, in: world) }
        world.run(for: .seconds(10))
        let keyframes = camera.cameras[0].keyframes
        want(nil, viewers[0], in: world)
        #expect(world.run(for: .seconds(1)) { viewers[0].video.decoder.stretches.last?.layer == 2 })
        world.run(for: .seconds(5))
        for viewer in viewers {
            expectCleanVideo(viewer, frames: 580)
            #expect(viewer.video.decoder.longestPause < .milliseconds(200))
        }
        // Nobody had to be asked.
        #expect(camera.cameras[0].keyframes <= keyframes + 2)
    }

    @Test("the best that anybody wants counts, wherever he is, and only while he wants it")
    func several() throws {
        let world = try world(seed: 303, workers: 3)
        let camera = try world.join(camera())
        let viewers = try [0, 1, 2, 2].map { try world.join(viewer(on: $0)) }
        world.run(for: .seconds(2))
        for (viewer, layer) in zip(viewers, [0, 1, 0, 0]) { want(layer, viewer, in: world) }
        world.run(for: .seconds(6))
        #expect(demands(of: camera, in: world).map(\.layers) == [2])
        world.negotiate(viewers[1]) { _, sending in sending[0].wish.isPaused = true }
        world.run(for: .seconds(6))
        #expect(demands(of: camera, in: world).map(\.layers) == [2, 1])
        want(nil, viewers[3], in: world)
        world.run(for: .seconds(2))
        world.leave(viewers[3])
        world.run(for: .seconds(6))
        #expect(demands(of: camera, in: world).map(\.layers) == [2, 1, 3, 1])
        for viewer in [viewers[0], viewers[2]] { world.leave(viewer) }
        world.run(for: .seconds(6))
        #expect(demands(of: camera, in: world).map(\.layers) == [2, 1, 3, 1, 0])
        world.negotiate(viewers[1]) { _, sending in sending[0].wish.isPaused = false }
        world.run(for: .seconds(2))
        #expect(demands(of: camera, in: world).map(\.layers) == [2, 1, 3, 1, 0, 2])
        #expect(viewers[1].video.decoder.faults == [])
    }

    @Test("who looks away for a moment, and who wavers, has nothing told")
    func wavering() throws {
        let world = try world(seed: 304)
        let camera = try world.join(camera())
        let viewer = try world.join(viewer())
        world.run(for: .seconds(2))
        for turn in 0..<40 {
            want(turn % 2 == 0 ? 0 : nil, viewer, in: world)
            world.run(for: .milliseconds(700))
        }
        #expect(demands(of: camera, in: world).isEmpty)
    }

    @Test("who has no room for a layer wants it all the same")
    func narrow() throws {
        let world = try world(seed: 305)
        let camera = try world.join(camera())
        var plan = viewer()
        plan.downlink = .bottleneck(200_000)
        _ = try world.join(plan)
        world.run(for: .seconds(20))
        #expect(demands(of: camera, in: world).isEmpty)
    }

    @Test("a publisher that cannot be told, as by WHIP, is not")
    func deaf() throws {
        let world = try world(seed: 306)
        let camera = try world.join(camera { $0.heedsDemand = false })
        let viewer = try world.join(viewer())
        want(0, viewer, in: world)
        world.run(for: .seconds(10))
        #expect(demands(of: camera, in: world).isEmpty && layersSent(by: camera, in: world) == [true, true, true])
        want(nil, viewer, in: world)
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 2)
    }

    @Test("a publisher that comes back is told anew")
    func again() throws {
        let world = try world(seed: 307)
        let first = try world.join(camera())
        let viewer = try world.join(viewer())
        want(0, viewer, in: world)
        world.run(for: .seconds(6))
        #expect(demands(of: first, in: world).map(\.layers) == [1])
        world.leave(first)
        world.run(for: .seconds(1))
        let second = try world.join(camera())
        world.run(for: .seconds(1))
        #expect(layersSent(by: second, in: world) == [true, true, true])
        world.run(for: .seconds(5))
        #expect(demands(of: second, in: world).map(\.layers) == [1] && layersSent(by: second, in: world) == [true, false, false])
        #expect(viewer.video.decoder.stretches.last?.source == 2)
    }

    @Test("a mute changes nothing of it")
    func mute() throws {
        let world = try world(seed: 308)
        let camera = try world.join(camera())
        let viewer = try world.join(viewer())
        world.run(for: .seconds(4))
        camera.isMuted = true
        world.run(for: .seconds(10))
        #expect(demands(of: camera, in: world).isEmpty)
        want(1, viewer, in: world)
        world.run(for: .seconds(10))
        #expect(demands(of: camera, in: world).map(\.layers) == [2])
        camera.isMuted = false
        world.run(for: .seconds(3))
        #expect(layersSent(by: camera, in: world) == [true, true, false] && viewer.video.decoder.stretches.last?.layer == 1)
        #expect(viewer.video.decoder.faults == [])
    }

    // MARK: What is said of it

    private func picture(of viewer: SimulatedPeer, in world: SimulatedWorld) throws -> SubscriptionExplanation {
        let all = world.unit.explain("room", at: world.now).filter { $0.subscriber == viewer.id }
        return try #require(all.first { $0.track == viewer.sending[0].source?.id })
    }

    @Test("a layer that had been switched off is waited for, and given up where it does not come")
    func slowPublisher() throws {
        let world = try world(seed: 309)
        let camera = try world.join(camera())
        let viewer = try world.join(viewer())
        world.run(for: .seconds(6))
        want(0, viewer, in: world)
        world.run(for: .seconds(6))
        camera.downlink.conditions.delay = .seconds(60)
        want(nil, viewer, in: world)
        world.run(for: .milliseconds(1_500))
        var said = try picture(of: viewer, in: world)
        #expect(said.reason == .awaitingPublisher && said.allocated?.encoding == 2 && said.current?.encoding == 0)
        #expect(try #require(said.since) <= .milliseconds(1_500))
        world.run(for: .seconds(5))
        said = try picture(of: viewer, in: world)
        #expect(said.reason == .best && said.allocated?.encoding == 0)
        #expect(viewer.video.decoder.longestPause < .milliseconds(300))
    }

    @Test("a layer that the publisher had given up by itself is not counted on")
    func vanished() throws {
        let world = try world(seed: 310)
        let camera = try world.join(camera())
        let viewer = try world.join(viewer())
        world.run(for: .seconds(4))
        camera.cameras[2].isPaused = true
        world.run(for: .seconds(4))
        want(0, viewer, in: world)
        world.run(for: .seconds(6))
        #expect(demands(of: camera, in: world).map(\.layers) == [1])
        want(nil, viewer, in: world)
        world.run(for: .seconds(2))
        let said = try picture(of: viewer, in: world)
        #expect(said.reason == .best && said.allocated?.encoding == 1 && said.current?.encoding == 1)
        camera.cameras[2].isPaused = false
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.last?.layer == 2)
    }
}
