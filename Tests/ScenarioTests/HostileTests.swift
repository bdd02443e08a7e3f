import HeadlessClients
import ICE
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Hostile datagrams") struct HostileTests {
    private let stranger = SocketAddress(ipv4: 0xcb00_7142, port: 4_242)

    @Test("100,000 garbage datagrams of every first byte leave no state, and media goes on")
    func garbage() throws {
        let world = try SimulatedWorld(seed: 90)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        let before = world.unit.statistics()
        let noise = Entropy.seeded(9)
        let known = [camera, viewer].map { $0.routes[0].outer }
        var bytes = noise.bytes(1_500)
        for number in 0..<100_000 {
            let draw = noise.next()
            // Fresh noise now and then; otherwise a few bytes of it change, which is quicker and garbage all the same.
            if number % 256 == 0 { bytes = noise.bytes(1_500) }
            bytes[Int(draw >> 8 & 0x3ff)] = UInt8(truncatingIfNeeded: draw >> 24)
            bytes[0] = UInt8(truncatingIfNeeded: number)
            bytes[1] = UInt8(truncatingIfNeeded: draw >> 32)
            let length = Int(draw >> 40) % (number % 4 == 0 ? 1_501 : 120)
            // A third of it claims to come from where a client is.
            let from = number % 3 == 0 ? known[number & 1] : stranger.with(port: UInt16(truncatingIfNeeded: draw >> 16))
            world.inject(Array(bytes[..<length]), from: from)
            if number % 10_000 == 0 { world.run(for: .milliseconds(100)) }
        }
        #expect(world.unit.counters.sent.packets(.stun) - before.counters.sent.packets(.stun) < 10)
        world.run(for: .seconds(3))
        let after = world.unit.statistics()
        #expect(after.transports == before.transports && after.rooms == before.rooms)
        #expect(after.publications == before.publications && after.subscriptions == before.subscriptions)
        #expect(!world.unit.isKnown(Path(local: SimulatedWorld.serverAddress, remote: stranger)))
        expectCleanVideo(viewer, frames: 200)
        expectCleanAudio(viewer, packets: 330)
        #expect(viewer.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("forged checks and media sent again from another address change nothing")
    func forged() throws {
        let world = try SimulatedWorld(seed: 91)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let origin = camera.routes[0].outer
        var captured: [[UInt8]] = []
        world.run(for: .seconds(2))
        world.tap = { bytes, from, _ in if from == origin, captured.count < 400 { captured.append(bytes) } }
        world.run(for: .seconds(2))
        world.tap = nil
        world.run(for: .milliseconds(100))
        let media = captured.filter { $0[0] >= 128 }
        #expect(media.count > 200)
        // Everything that the publisher sent, from elsewhere; then again from its own address.
        for bytes in media { world.inject(bytes, from: stranger) }
        #expect(world.unit.counters.dropped(.unknownAddress) >= UInt64(media.count))
        let replayed = world.unit.counters.dropped(.replayedSRTP)
        for bytes in media { world.inject(bytes, from: origin) }
        #expect(world.unit.counters.dropped(.replayedSRTP) == replayed + UInt64(media.count))
        // A check for the publisher's user fragment by somebody who has not its password.
        let check = try #require(forgedCheck(for: camera))
        world.inject(check, from: stranger)
        #expect(world.unit.counters.dropped(.unauthenticatedSTUN) == 1)
        #expect(!world.unit.isKnown(Path(local: SimulatedWorld.serverAddress, remote: stranger)))
        world.run(for: .seconds(2))
        expectCleanVideo(viewer, frames: 170)
        expectCleanAudio(viewer, packets: 280)
    }

    private func forgedCheck(for peer: SimulatedPeer) -> [UInt8]? {
        let credentials = peer.credentials
        return [UInt8](unsafeUninitializedCapacity: 200) { buffer, count in
            let slot = UnsafeMutableRawBufferPointer(buffer)
            var writer = STUNWriter(slot, .request, transactionID: STUNTransactionID(high: 1, low: 2))
            writer.username(Array((credentials.remote.ufrag + ":" + credentials.local.ufrag).utf8))
            writer.priority(1)
            writer.role(.controlling(1))
            writer.useCandidate()
            count = writer.finish(key: MessageIntegrityKey(password: "a password that is not the right one"))
        }
    }

    @Test("a client that floods its own connection with wrong RTP and RTCP harms only itself")
    func hostileParticipant() throws {
        let world = try SimulatedWorld(seed: 92)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let bad = try world.join(.publisher("bad"))
        world.run(for: .seconds(2))
        for round in 0..<2_000 {
            world.flood(bad, seed: UInt64(round))
            if round % 100 == 0 { world.run(for: .milliseconds(50)) }
        }
        world.run(for: .seconds(2))
        #expect(world.closing(of: bad) == nil)
        expectCleanVideo(viewer, frames: 130)
        expectCleanAudio(viewer, packets: 210)
    }

    @Test("a client that floods the queue of handshakes keeps nobody else out")
    func handshakeFlood() throws {
        let world = try SimulatedWorld(seed: 96)
        let flooder = try world.join(.viewer("flooder"))
        var hello: [UInt8]?
        let origin = flooder.routes[0].outer
        world.tap = { bytes, from, _ in if from == origin, hello == nil, bytes.first == 22 { hello = bytes } }
        #expect(world.run(for: .seconds(1)) { hello != nil })
        world.tap = nil
        let first = try #require(hello)
        // All of it comes in one turn.
        world.holdsTurns = true
        for _ in 0..<1_000 { world.inject(first, from: origin) }
        world.holdsTurns = false
        let others = try (0..<20).map { try world.join(.viewer("viewer \($0)")) }
        #expect(world.run(for: .seconds(2)) { others.allSatisfy(\.transport.isConnected) })
        #expect(world.unit.counters.dropped(.handshakeQueueFull) > 900)
        #expect(world.run(for: .seconds(5)) { flooder.transport.isConnected })
    }

    @Test("a viewer that asks for keyframes all the time does not spoil the picture of the others")
    func keyframeStorm() throws {
        let world = try SimulatedWorld(seed: 93)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let bad = try world.join(.viewer("bad"))
        world.run(for: .seconds(2))
        let before = camera.cameras[0].keyframes
        for _ in 0..<1_000 {
            world.sendRTCP(from: bad) { PictureLossIndication(sender: SSRC(1), media: bad.video.ssrc).write(into: &$0) }
            world.run(for: .milliseconds(20))
        }
        // Five in a row, and one every two seconds.
        #expect(camera.cameras[0].keyframes - before <= 16)
        expectCleanVideo(viewer, frames: 640)
    }

    @Test("an estimate of 1 bit/s from a viewer with transport-wide feedback, and feedback on what was never sent, move nothing")
    func absurdFeedback() throws {
        let world = try SimulatedWorld(seed: 95)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        let ssrcs = [viewer.video.ssrc]
        for round in 0..<500 as Range<Int64> {
            world.sendRTCP(from: viewer) { writer in
                ReceiverEstimatedMaximumBitrate.write(into: &writer, sender: SSRC(1), bitsPerSecond: 1, ssrcs: ssrcs.span)
                let arrivals = (0..<50 as Range<Int64>).map { PacketArrival(sequence: 40_000 + 60 * round + $0, arrival: world.now) }
                _ = TransportFeedback.write(
                    into: &writer, sender: SSRC(1), media: viewer.video.ssrc, feedbackCount: UInt8(truncatingIfNeeded: round),
                    base: arrivals[0].sequence, arrivals: arrivals.span)
            }
            world.run(for: .milliseconds(20))
        }
        expectCleanVideo(viewer, frames: 400)
        #expect(viewer.video.decoder.longestPause < .milliseconds(200))
    }

    @Test("one datagram tells of so many packets as one message may, whatever number of messages it holds")
    func crowdedFeedback() throws {
        let world = try SimulatedWorld(seed: 97)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        // Two runs of 8,191 packets that did not arrive.
        let message: [UInt8] = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0x3f, 0xfe, 0, 0, 0, 0, 0x1f, 0xff, 0x1f, 0xff]
        let before = world.unit.counters.dropped(.invalidRTCP)
        world.sendRTCP(from: viewer) { writer in for _ in 0..<50 { writer.bytes(message) } }
        world.run(for: .milliseconds(100))
        #expect(world.unit.counters.dropped(.invalidRTCP) == before + 49)
        world.run(for: .seconds(2))
        expectCleanVideo(viewer, frames: 100)
    }

    @Test("a viewer that never tells anything is sent everything all the same")
    func neverTells() throws {
        let world = try SimulatedWorld(seed: 96)
        _ = try world.join(.publisher())
        var plan = PeerPlan.viewer()
        plan.tellsOfArrivals = false
        let viewer = try world.join(plan)
        world.run(for: .seconds(30))
        expectCleanVideo(viewer, frames: 860)
        #expect(viewer.video.decoder.longestPause < .milliseconds(200))
    }

    @Test("a viewer that asks for everything again gets no more than a share of what it is sent")
    func nackStorm() throws {
        let world = try SimulatedWorld(seed: 94)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let bad = try world.join(.viewer("bad"))
        world.run(for: .seconds(2))
        let before = world.unit.counters.sent
        for _ in 0..<1_000 {
            let newest = SequenceNumber(bad.video.newest)
            let wanted = (0..<500).map { newest + ($0 - 499) }
            world.sendRTCP(from: bad) { _ = Nack.write(into: &$0, sender: SSRC(1), media: bad.video.ssrc, sequences: wanted.span) }
            world.run(for: .milliseconds(10))
        }
        let media = world.unit.counters.sent.bytes(.rtp) - before.bytes(.rtp)
        let again = world.unit.counters.sent.bytes(.retransmission) - before.bytes(.retransmission)
        // A quarter of one viewer's half of the media, 64 kB a second, and what had been saved up.
        #expect(again > 0 && again < media / 8 + 11 * 64_000 + 256_000, "\(again) of \(media)")
        expectCleanVideo(viewer, frames: 350)
        expectCleanVideo(bad, frames: 350)
    }
}
