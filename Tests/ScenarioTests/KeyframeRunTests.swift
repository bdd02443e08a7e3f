import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Beginning with a keyframe that has come before") struct KeyframeRunTests {
    /// Somebody who is connected, and is shown nothing yet.
    private func waiting(_ identity: String = "late", on worker: Int = 0) -> PeerPlan {
        var plan = PeerPlan.viewer(identity)
        plan.following = .nobody
        plan.worker = worker
        return plan
    }

    /// `viewer` is shown `camera` from now on.
    private func show(_ camera: SimulatedPeer, to viewer: SimulatedPeer, in world: SimulatedWorld) {
        world.negotiate(viewer) { _, sending in
            for index in sending.indices {
                sending[index].source = camera.tracks.first { $0.parameters.kind == sending[index].parameters.kind }
            }
        }
    }

    /// The camera makes a keyframe, and sends it now.
    private func makeKeyframe(_ camera: SimulatedPeer, encoding: Int = 0, in world: SimulatedWorld) {
        let before = camera.cameras[encoding].keyframes
        camera.cameras[encoding].requestKeyframe(at: world.now)
        let isMade = world.run(for: .seconds(1)) { camera.cameras[encoding].keyframes > before }
        #expect(isMade)
    }

    private func served(in world: SimulatedWorld) -> [UInt64] { world.units.map { $0.statistics().joinersServed } }

    @Test("who joins 200 ms after a keyframe sees a picture at once, and nobody is asked for another")
    func soon() throws {
        let world = try SimulatedWorld(seed: 400)
        let camera = try world.join(.publisher())
        let first = try world.join(.viewer("early"))
        let late = try world.join(waiting())
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(200))
        let (joined, requests) = (world.now, camera.cameras[0].requests)
        show(camera, to: late, in: world)
        world.run(for: .seconds(4))
        #expect(served(in: world) == [1] && camera.cameras[0].requests == requests)
        let begin = try #require(late.video.decoder.firstFrame)
        // The way takes 20 ms.
        #expect(begin - joined < .milliseconds(60))
        expectCleanVideo(late, frames: 125)
        expectCleanAudio(late, packets: 190)
        #expect(late.video.holes.isEmpty && late.video.keyframeRequests == 0 && late.video.decoder.keyframes == 1)
        // Its timestamps lie in time where those of the sound do.
        let seen = try #require(late.video.displayDelay(SimulatedWorld.wallClock))
        let heard = try #require(late.audio.displayDelay(SimulatedWorld.wallClock))
        #expect(abs((seen - heard).milliseconds) < 15)
        expectCleanVideo(first, frames: 200)
        #expect(first.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("a browser that begins so catches up, without a freeze")
    func catchingUp() throws {
        let world = try SimulatedWorld(seed: 408)
        var plan = PeerPlan.publisher()
        plan.video?.shapes = [VideoShape(width: 640, height: 360, packetsPerFrame: 2)]
        let camera = try world.join(plan)
        var viewing = PeerPlan.viewer("early")
        viewing.manner = .browser
        let first = try world.join(viewing)
        viewing = waiting()
        viewing.manner = .browser
        let late = try world.join(viewing)
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(280))
        let joined = world.now
        show(camera, to: late, in: world)
        world.run(for: .seconds(10))
        #expect(served(in: world) == [1])
        let before = try #require(first.video.playout?.shown.last)
        let shown = try #require(late.video.playout?.shown)
        let begin = try #require(shown.first)
        #expect(begin.at - joined < .milliseconds(60))
        let usual = before.at - before.captured
        for frame in shown where frame.at - joined > .seconds(1) { #expect(frame.at - frame.captured < usual + .milliseconds(200)) }
        let last = try #require(shown.last)
        #expect(last.at - last.captured < usual + .milliseconds(50))
        #expect(late.video.playout?.freezes.count == 0)
    }

    @Test("who joins five seconds after one waits for the next, which is asked for")
    func tooLate() throws {
        let world = try SimulatedWorld(seed: 401)
        let camera = try world.join(.publisher())
        _ = try world.join(.viewer("early"))
        let late = try world.join(waiting())
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .seconds(5))
        let requests = camera.cameras[0].requests
        show(camera, to: late, in: world)
        world.run(for: .seconds(2))
        #expect(served(in: world) == [0] && camera.cameras[0].requests == requests + 1)
        expectCleanVideo(late, frames: 50)
    }

    @Test("what has a hole is not begun with, until that is filled", arguments: [true, false])
    func hole(isRepaired: Bool) throws {
        let world = try SimulatedWorld(seed: 402)
        let camera = try world.join(.publisher())
        _ = try world.join(.viewer("early"))
        let late = try world.join(waiting())
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(40))
        var lost = 0
        world.passes = { bytes, _, to in
            guard to == SimulatedWorld.serverAddress, (128...191).contains(bytes[0]) else { return true }
            let type = bytes[1] & 0x7f
            if type == 97 { return isRepaired }
            guard type == 96, lost == 0 else { return true }
            lost += 1
            return false
        }
        world.run(for: .milliseconds(200))
        let requests = camera.cameras[0].requests
        show(camera, to: late, in: world)
        world.run(for: .milliseconds(150))
        #expect(lost == 1 && served(in: world) == [isRepaired ? 1 : 0])
        #expect(camera.cameras[0].requests == requests + (isRepaired ? 0 : 1))
        world.passes = nil
        world.run(for: .seconds(2))
        expectCleanVideo(late, frames: 55)
    }

    @Test("50 who join at once after a keyframe are all served from one place, in turns, and cost none")
    func fifty() throws {
        let world = try SimulatedWorld(seed: 403)
        var plan = PeerPlan.publisher()
        plan.video?.shapes = [VideoShape(width: 640, height: 360, packetsPerFrame: 8, packetLength: 100)]
        let camera = try world.join(plan)
        let first = try world.join(.viewer("early"))
        let viewers = try (0..<50).map { try world.join(waiting("viewer \($0)")) }
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(270))
        let (joined, requests) = (world.now, camera.cameras[0].requests)
        for viewer in viewers { show(camera, to: viewer, in: world) }
        world.run(for: .milliseconds(1_500))
        #expect(served(in: world) == [50] && camera.cameras[0].requests == requests)
        for viewer in viewers {
            let begin = try #require(viewer.video.decoder.firstFrame)
            #expect(begin - joined < .milliseconds(100))
            expectCleanVideo(viewer, frames: 50)
            #expect(viewer.video.holes.isEmpty && viewer.video.nacked == 0)
        }
        expectCleanVideo(first, frames: 130)
        #expect(first.video.decoder.longestPause < .milliseconds(100))
        #expect(world.unit.statistics().counters.dropped(.sendQueueFull) == 0)
    }

    @Test(
        "of simulcast with temporal layers the encoding is begun with that there is room for, and the better one waits for its own keyframe"
    )
    func simulcast() throws {
        let world = try SimulatedWorld(seed: 404)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        for index in 0..<3 { plan.video?.shapes[index].temporalLayers = 3 }
        let camera = try world.join(plan)
        _ = try world.join(.viewer("early"))
        let late = try world.join(waiting())
        world.run(for: .seconds(5))
        makeKeyframe(camera, encoding: 1, in: world)
        world.run(for: .milliseconds(150))
        let (joined, requests) = (world.now, camera.cameras.map(\.requests))
        show(camera, to: late, in: world)
        world.run(for: .seconds(4))
        #expect(served(in: world) == [1])
        #expect(camera.cameras[1].requests == requests[1] && camera.cameras[2].requests == requests[2] + 1)
        let begin = try #require(late.video.decoder.firstFrame)
        #expect(begin - joined < .milliseconds(60))
        #expect(late.video.decoder.stretches.map(\.layer) == [1, 2])
        expectCleanVideo(late, frames: 120)
    }

    @Test("whoever's way would have to catch up for long waits for a keyframe, as does he who has pictures already")
    func noRoom() throws {
        let world = try SimulatedWorld(seed: 405)
        var plan = PeerPlan.publisher()
        plan.video?.shapes = [VideoShape(width: 1_280, height: 720, packetsPerFrame: 12, packetLength: 1_000)]
        let camera = try world.join(plan)
        let other = try world.join(.publisher("other"))
        let viewers = try ["new", "former"].map { try world.join(waiting($0)) }
        show(other, to: viewers[1], in: world)
        world.run(for: .seconds(5))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(200))
        let requests = camera.cameras[0].requests
        for viewer in viewers { show(camera, to: viewer, in: world) }
        world.run(for: .seconds(3))
        #expect(served(in: world) == [0] && (1...2).contains(camera.cameras[0].requests - requests))
        for viewer in viewers {
            #expect(viewer.video.decoder.faults == [])
            #expect(viewer.video.decoder.stretches.last?.source == 0)
        }
    }

    @Test("who joins on another worker is served there, once somebody watches there")
    func relayed() throws {
        let world = try SimulatedWorld(seed: 406, workers: 2)
        let camera = try world.join(.publisher())
        var plan = PeerPlan.viewer("there")
        plan.worker = 1
        _ = try world.join(plan)
        let late = try world.join(waiting(on: 1))
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(200))
        let (joined, requests) = (world.now, camera.cameras[0].requests)
        show(camera, to: late, in: world)
        world.run(for: .seconds(3))
        #expect(served(in: world) == [0, 1] && camera.cameras[0].requests == requests)
        let begin = try #require(late.video.decoder.firstFrame)
        #expect(begin - joined < .milliseconds(60))
        expectCleanVideo(late, frames: 95)
        #expect(late.video.holes.isEmpty)
    }

    @Test("what was sent last before a camera was muted is not shown to who comes later")
    func muted() throws {
        let world = try SimulatedWorld(seed: 407)
        let camera = try world.join(.publisher())
        _ = try world.join(.viewer("early"))
        let late = try world.join(waiting())
        world.run(for: .seconds(3))
        makeKeyframe(camera, in: world)
        world.run(for: .milliseconds(100))
        camera.isMuted = true
        world.run(for: .seconds(1))
        show(camera, to: late, in: world)
        world.run(for: .seconds(2))
        #expect(served(in: world) == [0] && late.video.packets == 0)
        camera.isMuted = false
        world.run(for: .seconds(2))
        expectCleanVideo(late, frames: 50)
    }
}
