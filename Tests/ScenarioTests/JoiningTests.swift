import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Joining") struct JoiningTests {
    @Test("a subscriber joining mid-GOP gets a keyframe and begins with it")
    func midGOP() throws {
        let world = try SimulatedWorld(seed: 10)
        let camera = try world.join(.publisher())
        let first = try world.join(.viewer("early"))
        world.run(for: .milliseconds(7_321))
        let before = camera.cameras[0].keyframes
        let joined = world.now
        let late = try world.join(.viewer("late"))
        world.run(for: .seconds(3))
        expectCleanVideo(late, frames: 75)
        expectCleanAudio(late, packets: 130)
        #expect(camera.cameras[0].keyframes == before + 1)
        let begin = try #require(late.video.decoder.firstFrame)
        #expect(begin - joined < .milliseconds(500))
        // Who was there before notices nothing.
        expectCleanVideo(first, frames: 290)
        #expect(first.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("50 simultaneous joins cost at most two keyframes")
    func fiftyJoins() throws {
        let world = try SimulatedWorld(seed: 11)
        let camera = try world.join(.publisher())
        world.run(for: .seconds(3))
        let before = camera.cameras[0].keyframes
        var viewers: [SimulatedPeer] = []
        for number in 0..<50 {
            var plan = PeerPlan.viewer("viewer \(number)")
            // Some are far away.
            plan.uplink.delay = .milliseconds(5 + Int64(number))
            plan.downlink.delay = .milliseconds(5 + Int64(number))
            viewers.append(try world.join(plan))
        }
        world.run(for: .seconds(2))
        for viewer in viewers { expectCleanVideo(viewer, frames: 30) }
        #expect(camera.cameras[0].keyframes - before <= 2)
        // Nor is the encoder pestered: it would make no more of it, but some do.
        #expect(camera.cameras[0].requests <= 3)
    }

    @Test("200 who join at one instant all get in, and those who were there see nothing of it")
    func wave() throws {
        let world = try SimulatedWorld(seed: 18)
        _ = try world.join(.publisher())
        let first = try world.join(.viewer("early"))
        world.run(for: .seconds(3))
        var others: [SimulatedPeer] = []
        for number in 0..<200 {
            var plan = PeerPlan.viewer("viewer \(number)")
            plan.room = "elsewhere"
            others.append(try world.join(plan))
        }
        #expect(world.run(for: .seconds(2)) { others.allSatisfy(\.transport.isConnected) })
        #expect(world.unit.counters.dropped(.handshakeQueueFull) == 0)
        world.run(for: .seconds(1))
        expectCleanVideo(first, frames: 115)
        #expect(first.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("rooms do not mix, and a participant can be followed by name")
    func rooms() throws {
        let world = try SimulatedWorld(seed: 12)
        for (room, identity) in [("red", "a"), ("red", "b"), ("blue", "c")] {
            var plan = PeerPlan.publisher(identity)
            plan.room = room
            _ = try world.join(plan)
        }
        var byName = PeerPlan.viewer("1")
        byName.room = "red"
        byName.following = .participant(identity: "b")
        var blue = PeerPlan.viewer("2")
        blue.room = "blue"
        let viewers = try [world.join(byName), world.join(blue)]
        world.run(for: .seconds(2))
        #expect(viewers[0].video.decoder.stretches.map(\.source) == [1] && viewers[0].audio.review().sources == [1])
        #expect(viewers[1].video.decoder.stretches.map(\.source) == [2] && viewers[1].audio.review().sources == [2])
    }

    @Test("on a wide way twelve cameras that begin together are seen within half a second, and nothing of them is thrown away")
    func manyCameras() throws {
        let world = try SimulatedWorld(seed: 19)
        let begin = world.now + .seconds(2)
        let cameras = try (0..<12).map { number in
            var plan = PeerPlan.publisher("camera \(number)")
            plan.video?.shapes = [VideoShape(width: 1_280, height: 720, packetsPerFrame: 5, packetLength: 1_200)]
            plan.startDelay = .seconds(2)
            return try world.join(plan)
        }
        let viewer = try world.join(watching: cameras) { plan in
            plan.downlink.delay = .milliseconds(20)
            plan.uplink.delay = .milliseconds(20)
        }
        world.run(for: .seconds(7))
        // Some had to wait for the first probes: nobody is told that the way is too narrow.
        #expect(!world.events.contains { if case .paused = $0.event { true } else { false } })
        for video in viewer.videos {
            let first = try #require(video.decoder.firstFrame)
            #expect(first - begin < .milliseconds(500), "\(first - begin)")
            #expect(video.decoder.faults == [] && video.decoder.longestPause < .milliseconds(500))
            #expect(video.holes.allSatisfy { $0.count == 1 }, "\(video.holes)")
        }
    }

    @Test("200 viewers that join at once all see the picture")
    func crowd() throws {
        let world = try SimulatedWorld(seed: 13)
        var plan = PeerPlan.publisher()
        plan.video?.shapes = [VideoShape(width: 320, height: 180, packetsPerFrame: 2, packetLength: 200)]
        let camera = try world.join(plan)
        world.run(for: .seconds(1))
        let viewers = try (0..<200).map { try world.join(.viewer("viewer \($0)")) }
        world.run(for: .milliseconds(1_200))
        for viewer in viewers { expectCleanVideo(viewer, frames: 20) }
        #expect(camera.cameras[0].keyframes <= 3)
        #expect(world.unit.counters.dropped(.sendQueueFull) == 0)
        // They all leave with the publisher's room.
        for viewer in viewers { world.close(viewer, reason: "the room ends") }
        world.run(for: .milliseconds(100))
        #expect(viewers.allSatisfy { $0.transport.closedReason?.contains("closed") == true })
    }
}
