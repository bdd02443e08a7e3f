import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Narrow ways, and bursts of loss") struct NarrowTests {
    @Test("behind 300 kbit/s a viewer that takes the lowest layer sees and hears it without a fault, and without delay")
    func lowestLayer() throws {
        let world = try SimulatedWorld(seed: 230)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        _ = try world.join(plan)
        var viewing = PeerPlan.viewer()
        viewing.downlink = .bottleneck(300_000)
        let viewer = try world.join(viewing)
        world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = 0 }
        world.run(for: .seconds(30))
        expectCleanVideo(viewer, frames: 860)
        expectCleanAudio(viewer, packets: 1_400)
        #expect(viewer.downlink.refused == 0 && viewer.downlink.longestWait < .milliseconds(150))
        #expect(viewer.video.decoder.longestPause < .milliseconds(150))
        let (seen, heard) = try (
            #require(viewer.video.displayDelay(SimulatedWorld.wallClock)), #require(viewer.audio.displayDelay(SimulatedWorld.wallClock))
        )
        #expect(seen < .milliseconds(150) && heard < .milliseconds(150), "\(seen) \(heard)")
    }

    @Test("too much for one viewer's way breaks no picture, spoils nobody else's, and ends when the way is wide again")
    func overload() throws {
        let world = try SimulatedWorld(seed: 231)
        let camera = try world.join(.publisher())
        let narrow = try world.join(.viewer("narrow"))
        let other = try world.join(.viewer("other"))
        world.run(for: .seconds(3))
        let before = (keyframes: camera.cameras[0].keyframes, sent: world.unit.counters.sent)
        narrow.downlink.conditions = .bottleneck(300_000)
        world.run(for: .seconds(20))
        #expect(narrow.downlink.refused > 1_000 && narrow.downlink.longestWait > .milliseconds(250))
        #expect(narrow.video.decoder.faults == [] && narrow.audio.review().faults == [])
        // What it does not get, it asks for: within bounds.
        #expect(camera.cameras[0].keyframes - before.keyframes <= 16)
        let media = world.unit.counters.sent.bytes(.rtp) - before.sent.bytes(.rtp)
        let again = world.unit.counters.sent.bytes(.retransmission) - before.sent.bytes(.retransmission)
        #expect(again < media / 8 + 20 * 64_000 + 256_000, "\(again) of \(media)")
        narrow.downlink.conditions = LinkConditions()
        world.run(for: .seconds(2))
        let frames = narrow.video.decoder.frames
        world.run(for: .seconds(3))
        #expect(narrow.video.decoder.frames >= frames + 88)
        #expect(narrow.video.decoder.faults == [])
        #expect(world.closing(of: narrow) == nil)
        expectCleanVideo(other, frames: 820)
        expectCleanAudio(other, packets: 1_350)
        #expect(other.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("where no more can wait for the pacer, what leaves is still in order")
    func fullPool() throws {
        var limits = ForwardingUnit.Limits()
        limits.heldPackets = 20
        let world = try SimulatedWorld(seed: 239, limits: limits)
        _ = try world.join(.publisher())
        world.run(for: .seconds(2))
        var viewing = PeerPlan.viewer()
        // Too narrow for the only encoding: much has to wait.
        viewing.downlink = .bottleneck(700_000)
        let viewer = try world.join(viewing)
        var (left, overtaken) = (0, 0)
        var last: SequenceNumber?
        world.tap = { bytes, from, _ in
            // RTCP names streams, too; its second byte is 200 and more (RFC 5761 §4).
            guard from == SimulatedWorld.serverAddress, bytes[0] >> 6 == 2, bytes[1] & 0x7f >= 96,
                let header = RTPHeader.parse(bytes.span.bytes), header.ssrc == viewer.video.ssrc
            else { return }
            left += 1
            if let last, last.isNewer(than: header.sequenceNumber) { overtaken += 1 }
            last = header.sequenceNumber
        }
        world.run(for: .seconds(6))
        #expect(left > 400 && overtaken == 0, "\(overtaken) of \(left)")
    }

    @Test("a publisher's way that is too narrow for two seconds costs its viewers a pause, and little more of its way")
    func narrowAbove() throws {
        let world = try SimulatedWorld(seed: 232)
        var plan = PeerPlan.publisher()
        plan.uplink = .bottleneck(1_200_000)
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        #expect(camera.uplink.refused == 0)
        expectCleanVideo(viewer, frames: 100)
        camera.uplink.conditions.rate = 700_000
        world.run(for: .seconds(2))
        camera.uplink.conditions.rate = 1_200_000
        world.run(for: .seconds(6))
        #expect(camera.uplink.refused > 20)
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.longestPause < .milliseconds(1_500))
        // What is late is not taken for lost again and again.
        #expect(camera.cameras[0].stream.resent < 4 * camera.uplink.lost, "\(camera.cameras[0].stream.resent) for \(camera.uplink.lost)")
        let frames = viewer.video.decoder.frames
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.frames >= frames + 88)
    }

    @Test(
        "what finds a publisher's queue full is asked for once, and not at all where nobody watches it",
        arguments: [239, 240, 241] as [UInt64])
    func fullQueueAbove(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        for (layer, bitrate) in [150_000, 500_000, 1_500_000].enumerated() { plan.video?.shapes[layer].bitrate = bitrate }
        plan.video?.adaptsToUplink = true
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        camera.uplink.conditions.rate = 1_000_000
        world.run(for: .seconds(6))
        #expect(camera.uplink.refused > 10)
        let resent = camera.cameras.reduce(0) { $0 + $1.stream.resent }
        // Each answer in vain is another that finds the queue full.
        #expect(camera.uplink.refused < 90 && resent < 70, "\(resent) for \(camera.uplink.refused)")
        #expect(viewer.video.decoder.faults == [] && viewer.video.decoder.longestPause < .milliseconds(1_600))
    }

    @Test(
        "whoever's way carries less than all is told what is paused, and so is who tells nothing of what arrives",
        arguments: zip([true, false], [2, 1]))
    func pauses(tellsOfArrivals: Bool, expected: Int) throws {
        let world = try SimulatedWorld(seed: 243)
        let cameras = try (0..<3).map { try world.join(.publisher("camera \($0)")) }
        world.run(for: .seconds(1))
        let viewer = try world.join(watching: cameras) { plan in
            plan.tellsOfArrivals = tellsOfArrivals
            plan.downlink = .bottleneck(1_200_000)
        }
        #expect(world.run(for: .seconds(5)) { world.pausesTold(to: viewer) == expected })
        guard tellsOfArrivals else { return }
        viewer.downlink.conditions = LinkConditions()
        #expect(world.run(for: .seconds(30)) { world.pausesTold(to: viewer) == 0 })
        #expect(viewer.videos.allSatisfy { $0.decoder.faults == [] })
    }

    @Test("who falls silent before the way is found out is told what is paused")
    func silent() throws {
        let world = try SimulatedWorld(seed: 244)
        let cameras = try (0..<3).map { number in
            var plan = PeerPlan.publisher("camera \(number)")
            // Nothing is wanted at first, and then less than is assumed: nothing is probed for.
            plan.startDelay = .seconds(2)
            if number == 0 { plan.video?.shapes = [VideoShape(width: 320, height: 180, packetsPerFrame: 1)] }
            return try world.join(plan)
        }
        let viewer = try world.join(watching: cameras) { $0.uplink.delay = .milliseconds(10) }
        world.show([cameras[0]], to: viewer)
        // All of its RTCP is lost, and nothing else.
        let outer = viewer.routes[0].outer
        world.passes = { bytes, from, _ in from != outer || !(128...191).contains(bytes[0]) || !(192...223).contains(bytes[1]) }
        world.run(for: .seconds(5))
        world.show(cameras, to: viewer)
        #expect(world.run(for: .seconds(3)) { world.pausesTold(to: viewer) == 2 })
    }

    @Test("what is lost of encodings that nobody watches is not asked for")
    func unwatched() throws {
        let world = try SimulatedWorld(seed: 242)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.uplink.loss = 0.05
        plan.uplink.reordering = 0.05
        let camera = try world.join(plan)
        world.run(for: .seconds(10))
        // But what follows a keyframe at once, with which somebody might begin.
        #expect(camera.cameras.allSatisfy { $0.stream.resent < 6 })
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(20))
        #expect(camera.cameras[0].stream.resent < 10 && camera.cameras[2].stream.resent > 20)
        expectCleanVideo(viewer, frames: 540)
        // What is only late is not told as lost.
        let lost = camera.cameras.map { Double(camera.reports[$0.stream.ssrc]?.cumulativeLost ?? .max) / Double($0.stream.packets) }
        #expect(lost.allSatisfy { $0 < 0.08 }, "\(lost)")
    }

    @Test(
        "bursts of loss are repaired by retransmissions, above and below", arguments: [true, false], [233, 234, 235] as [UInt64])
    func bursts(above: Bool, seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        let link = above ? camera.uplink : viewer.downlink
        // One burst in two thirds of a second, of five packets on average.
        link.conditions.bursts = GilbertElliott(badShare: 0.04, burst: 5)
        world.run(for: .seconds(30))
        link.conditions.bursts = nil
        world.run(for: .seconds(1))
        #expect(link.lost > 100)
        expectCleanVideo(viewer, frames: 975)
        #expect(viewer.video.holes.isEmpty && viewer.video.keyframeRequests == 0)
        #expect(camera.cameras[0].keyframes <= 2)
        #expect(viewer.video.decoder.longestPause < .milliseconds(600))
        #expect(viewer.audio.review().faults == [])
    }

    @Test("long bursts in both directions at once never show a broken picture", arguments: [236, 237] as [UInt64])
    func longBursts(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        for link in [camera.uplink, camera.downlink, viewer.uplink, viewer.downlink] {
            link.conditions.bursts = GilbertElliott(badShare: 0.1, burst: 30)
            link.conditions.jitter = .milliseconds(20)
        }
        world.run(for: .seconds(40))
        for peer in [camera, viewer] { for link in [peer.uplink, peer.downlink] { link.conditions = LinkConditions() } }
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > 900)
        #expect(viewer.video.decoder.longestPause < .seconds(3))
        let frames = viewer.video.decoder.frames
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.frames >= frames + 88)
    }

    @Test("a keyframe that is lost whole on the way down is made again for the one who waits for it")
    func lostKeyframe() throws {
        let world = try SimulatedWorld(seed: 238)
        let camera = try world.join(.publisher())
        let other = try world.join(.viewer("other"))
        world.run(for: .seconds(3))
        let viewer = try world.join(.viewer())
        let before = camera.cameras[0].keyframes
        // The keyframe, and some frames behind it.
        let outer = viewer.routes[0].outer
        var end: Instant?
        world.passes = { [unowned world] bytes, _, to in
            guard to == outer, (128...191).contains(bytes[0]), !(192...223).contains(bytes[1]) else { return true }
            if end == nil { end = world.now + .milliseconds(150) }
            return world.now > end ?? world.now
        }
        world.run(for: .seconds(4))
        let first = try #require(viewer.video.decoder.firstFrame)
        let lost = try #require(end)
        #expect(first > lost && first - lost < .milliseconds(1_200))
        expectCleanVideo(viewer, frames: 70)
        #expect(camera.cameras[0].keyframes == before + 2)
        expectCleanVideo(other, frames: 200)
        #expect(other.video.decoder.longestPause < .milliseconds(100))
    }
}
