import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Changes of numbers") struct ChangeTests {
    @Test("sequence numbers and timestamps wrap unnoticed", arguments: [0, 0.05])
    func wrap(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 50)
        var plan = PeerPlan.publisher()
        // 128 packets a second of video and 50 of sound: the wraps come after four to eight seconds.
        plan.video?.firstSequence = 65_000
        plan.video?.firstTimestamp = .max - 6 * 90_000
        plan.audio?.firstSequence = 65_300
        plan.audio?.firstTimestamp = .max - 7 * 48_000
        plan.uplink.loss = loss
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(12))
        camera.uplink.conditions.loss = 0
        world.run(for: .seconds(1))
        expectCleanVideo(viewer, frames: 370)
        expectCleanAudio(viewer, packets: loss == 0 ? 600 : 500, missing: loss == 0 ? 0 : 100)
        #expect(viewer.video.holes.isEmpty)
        #expect(camera.cameras[0].stream.sequence < 10_000)
    }

    @Test("outgoing numbers wrap unnoticed, too, with loss on the way down")
    func longRun() throws {
        let world = try SimulatedWorld(seed: 51)
        var plan = PeerPlan.publisher()
        // So many packets that the 15 bits in which outgoing numbers begin are certainly left behind, and 16 likely.
        plan.video?.shapes = [VideoShape(width: 1_280, height: 720, packetsPerFrame: 60, packetLength: 60)]
        plan.audio = nil
        _ = try world.join(plan)
        var viewing = PeerPlan.viewer()
        viewing.downlink.loss = 0.01
        let viewer = try world.join(viewing)
        world.run(for: .seconds(30))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.packets > 50_000)
        #expect(viewer.video.decoder.frames > 850)
    }

    @Test("a publisher that goes on under other SSRCs is followed, from a keyframe on", arguments: [52, 53] as [UInt64])
    func newSSRC(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        camera.changeSSRCs()
        world.run(for: .seconds(4))
        expectCleanVideo(viewer, frames: 225)
        expectCleanAudio(viewer, packets: 380)
        #expect(viewer.video.decoder.longestPause < .milliseconds(600))
    }

    @Test("a report for a new SSRC before its first keyframe does not move the timestamps")
    func reportBeforeKeyframe() throws {
        let world = try SimulatedWorld(seed: 54)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        camera.changeSSRCs(beginningWithKeyframe: false)
        // The server's request for a keyframe is lost a few times, while reports get through.
        camera.ignoresKeyframeRequests = true
        world.run(for: .seconds(3))
        camera.ignoresKeyframeRequests = false
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 170)
    }

    @Test("10 minutes of mute end with the picture and the sound back, and nobody is closed")
    func mute() throws {
        let world = try SimulatedWorld(seed: 55)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        camera.isMuted = true
        world.run(for: .seconds(600))
        let (frames, packets) = (viewer.video.decoder.frames, viewer.audio.count)
        camera.isMuted = false
        world.run(for: .seconds(3))
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        expectCleanVideo(viewer, frames: frames + 85)
        expectCleanAudio(viewer, packets: packets + 140)
        #expect(camera.cameras[0].requests <= 2)
    }
}
