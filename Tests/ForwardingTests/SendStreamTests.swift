import Forwarding
import MediaPrimitives
import RTP
import Testing

/// A publication of one or more encodings with one subscriber, and the packets that left for it.
private final class Leg {
    let encodings: [Encoding]
    let stream: SendStream
    var queue = DepartureQueue(capacity: 256)

    init(_ parameters: RTPParameters = .video, sending: RTPParameters? = nil, encodings count: Int = 1, seed: UInt64 = 1) {
        encodings = (0..<count).map { layer in
            let encoding = Encoding(layer: layer, rid: nil, parameters: parameters)
            encoding.bind(SSRC(UInt32(1_000 + layer)))
            return encoding
        }
        stream = SendStream(sending ?? parameters, entropy: .seeded(seed))
    }

    /// Receives and forwards; `aligning` where the stream starts anew.
    @discardableResult
    func forward(
        _ packet: SourcePacket, layer: Int = 0, aligning: Bool = false, elapsed: Interval? = nil, at now: Instant = at(0)
    ) -> SentPacket? {
        switch encodings[layer].receive(packet, at: now) {
        case .media(let media):
            if aligning { stream.align(to: media, elapsed: elapsed) }
            stream.forward(media, from: encodings[layer].ring, transport: 7, into: &queue)
        case .padding(let sequence): stream.leaveOut(sequence)
        case .nothing, .invalid, nil: break
        }
        return queue.takeAll().last
    }

    /// How many packets answer a request.
    func answers(to sequence: UInt16, _ insistence: Insistence, at now: Instant) -> [SentPacket] {
        _ = stream.resend(
            sequence, insisting: insistence, at: now, ring: { $0 < encodings.count ? encodings[$0].ring : nil }, transport: 7, into: &queue)
        return queue.takeAll()
    }

    /// The header of what `body` writes, padding taken off.
    func pad(_ body: (UnsafeMutablePointer<Forwarding.Leg>, UnsafeMutableRawBufferPointer) -> ReadyPacket?) -> RTPHeader? {
        let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_500, alignment: 16)
        defer { packet.deallocate() }
        guard let ready = body(stream.leg, packet) else { return nil }
        return RTPHeader.parse(UnsafeRawBufferPointer(rebasing: packet[..<ready.length]).bytes)
    }

    func resend(_ sequence: UInt16, at now: Instant) -> SentPacket? {
        let sent = stream.resend(
            sequence, at: now, ring: { $0 < encodings.count ? encodings[$0].ring : nil }, transport: 7, into: &queue)
        let packet = queue.takeAll().last
        if sent != (packet != nil) { Issue.record("what was said to be sent and what was queued differ") }
        return packet
    }
}

@Suite("Send streams")
struct SendStreamTests {
    // MARK: Headers

    @Test("What leaves parses back: our SSRC, payload type, mid and levels, room for the stamps, and the payload as it came")
    func header() throws {
        let leg = Leg(.audio, sending: .audio.with(mid: "sixteen-bytes-id", streams: [.init(ssrc: SSRC(0xdead_beef))]))
        let packet = SourcePacket(payloadType: 111, marker: true, sequence: 65_535, timestamp: 99, audioLevel: 12, payload: [1, 2, 3])
        let sent = try #require(leg.forward(packet, aligning: true))
        #expect(sent.header.ssrc == SSRC(0xdead_beef) && sent.header.payloadType == 111 && sent.header.marker)
        #expect(sent.header.sequenceNumber.rawValue < 0x8000)
        #expect(sent.values.mid == ShortText("sixteen-bytes-id") && sent.values.audioLevel == 12 && sent.values.rid == nil)
        #expect(sent.values.absSendTime == 0 && sent.values.transportSequence == 0)
        #expect(sent.payload == [1, 2, 3] && sent.kind == .rtp && sent.transport == 7)
        #expect(leg.stream.packetsSent == 1 && leg.stream.octetsSent == 3)
    }

    @Test("Before alignment, and of a codec that the subscriber did not agree to, nothing is sent")
    func nothing() {
        let leg = Leg()
        #expect(leg.forward(SourcePacket(sequence: 1)) == nil)
        let other = Leg(.video, sending: .audio)
        #expect(other.forward(SourcePacket(sequence: 1), aligning: true) == nil)
        #expect(!other.stream.accepts(.vp8) && other.stream.accepts(.opus))
    }

    @Test("Numbers and timestamps go on over the wraps of the source")
    func wraps() throws {
        let leg = Leg()
        let first = try #require(leg.forward(SourcePacket(sequence: 65_000, timestamp: 0xffff_0000), aligning: true))
        for step: UInt16 in 1..<2_000 {
            let packet = SourcePacket(sequence: 65_000 &+ step, timestamp: 0xffff_0000 &+ UInt32(step) * 3_000)
            let sent = try #require(leg.forward(packet))
            #expect(sent.sequence == first.sequence &+ step)
            #expect(sent.header.timestamp == first.header.timestamp &+ UInt32(step) * 3_000)
        }
    }

    @Test("Padding is left out without a hole, and a late packet has the number that it would have had")
    func padding() throws {
        let leg = Leg()
        let first = try #require(leg.forward(SourcePacket(sequence: 65_533), aligning: true)).sequence
        #expect(leg.forward(SourcePacket(sequence: 65_534, payload: [])) == nil)
        #expect(leg.forward(SourcePacket(sequence: 0))?.sequence == first &+ 2)
        #expect(leg.forward(SourcePacket(sequence: 65_535))?.sequence == first &+ 1)
        #expect(leg.forward(SourcePacket(sequence: 1))?.sequence == first &+ 3)
        #expect(leg.forward(SourcePacket(sequence: 65_500)) == nil)
    }

    @Test("Padding takes the numbers behind a whole frame where there is no other stream, and the next frame those behind it")
    func paddingPutIn() throws {
        let parameters = RTPParameters.video.with(streams: [.init(ssrc: SSRC(1_000))])
        let leg = Leg(parameters)
        func pad(_ bytes: Int) -> RTPHeader? { leg.pad { $0.pointee.padMedia(bytes, into: $1) } }
        #expect(pad(100) == nil)
        leg.stream.leg.pointee.isReady = true
        let first = try #require(leg.forward(SourcePacket(sequence: 500, timestamp: 9_000), aligning: true))
        #expect(pad(100) == nil)
        let last = try #require(leg.forward(SourcePacket(marker: true, sequence: 502, timestamp: 9_000)))
        let (packets, octets) = (leg.stream.packetsSent, leg.stream.octetsSent)
        let padding = try [#require(pad(100)), #require(pad(1_000))]
        #expect(padding.map(\.paddingLength) == [100, 255] && padding.allSatisfy { $0.payloadLength == 0 && !$0.marker })
        #expect(padding.map(\.sequenceNumber.rawValue) == [first.sequence &+ 3, first.sequence &+ 4])
        #expect(padding.allSatisfy { $0.payloadType == 96 && $0.ssrc == SSRC(1_000) && $0.timestamp == last.header.timestamp })
        // A sender report counts the packets, and nothing of what they bear (RFC 3550 §6.4.1).
        #expect(leg.stream.packetsSent == packets + 2 && leg.stream.octetsSent == octets)
        #expect(leg.forward(SourcePacket(sequence: 501, timestamp: 9_000))?.sequence == first.sequence &+ 1)
        #expect(leg.forward(SourcePacket(sequence: 503, timestamp: 12_000))?.sequence == first.sequence &+ 5)
        #expect(pad(100) == nil)
        #expect(leg.resend(first.sequence &+ 3, at: at(100)) == nil)
        _ = leg.forward(SourcePacket(marker: true, sequence: 504, timestamp: 12_000))
        #expect(pad(100)?.sequenceNumber.rawValue == first.sequence &+ 7)
        // Another source goes on behind it.
        let next = try #require(leg.forward(SourcePacket(sequence: 520, timestamp: 77), aligning: true))
        #expect(next.sequence == first.sequence &+ 8)
    }

    @Test("Where there is a stream of retransmissions, it is padded, and the media stream never is")
    func paddingOfRetransmissions() throws {
        let leg = Leg()
        leg.stream.leg.pointee.isReady = true
        let first = try #require(leg.forward(SourcePacket(marker: true, sequence: 500), aligning: true))
        #expect(leg.pad { $0.pointee.padMedia(10, into: $1) } == nil)
        let header = try #require(leg.pad { $0.pointee.padRetransmissions(10, into: $1) })
        #expect(header.ssrc == SSRC(2_000) && header.payloadType == 97 && header.paddingLength == 10)
        #expect(leg.forward(SourcePacket(sequence: 501))?.sequence == first.sequence &+ 1)
    }

    @Test(
        "By no trick of the source do two packets in a row lie so far apart that a rollover counter could be guessed wrong",
        arguments: 0..<20)
    func jumps(seed: UInt64) throws {
        var random = Entropy.seeded(seed)
        let leg = Leg()
        var source: UInt16 = 100
        var last = try #require(leg.forward(SourcePacket(sequence: source), aligning: true)).sequence
        var used: Set<Int> = [Int(last)]
        var extended = Int(last)
        for _ in 0..<100 {
            for _ in 0..<Int.random(in: 0...150, using: &random) {
                source &+= [1, 300, 511, 512, 20_000, 32_767].randomElement(using: &random) ?? 1
                _ = leg.forward(SourcePacket(sequence: source, payload: []))
            }
            source &+= [1, 2, 511, 513, 32_767].randomElement(using: &random) ?? 1
            let sent = try #require(leg.forward(SourcePacket(sequence: source)))
            let step = SequenceNumber(last).distance(to: sent.header.sequenceNumber)
            #expect(step > 0 && step <= 512)
            extended += step
            #expect(used.insert(extended).inserted)
            last = sent.sequence
        }
    }

    @Test("The same with alignments between")
    func jumpsWithAlignment() throws {
        let leg = Leg(encodings: 2)
        var last = try #require(leg.forward(SourcePacket(sequence: 1), aligning: true)).sequence
        var sources: [UInt16] = [1, 1]
        for round in 0..<20 {
            for layer in 0..<2 {
                for _ in 0..<4 {
                    sources[layer] &+= 30_000
                    _ = leg.forward(SourcePacket(sequence: sources[layer], payload: []), layer: layer)
                }
            }
            sources[1 - round & 1] &+= 1
            let sent = try #require(leg.forward(SourcePacket(sequence: sources[1 - round & 1]), layer: 1 - round & 1, aligning: true))
            #expect((1...3).contains(SequenceNumber(last).distance(to: sent.header.sequenceNumber)))
            last = sent.sequence
        }
    }

    // MARK: Switches

    @Test(
        "A switch goes on by one, or by two after a frame without its end, and time never goes back",
        arguments: [true, false], [nil, .milliseconds(40), .milliseconds(-500), .zero, .seconds(100_000)] as [Interval?])
    func switches(marker: Bool, elapsed: Interval?) throws {
        let leg = Leg(encodings: 2)
        _ = leg.forward(SourcePacket(sequence: 65_534, timestamp: 0xffff_fff0), aligning: true)
        let before = try #require(leg.forward(SourcePacket(marker: marker, sequence: 65_535, timestamp: 0xffff_fff0), at: at(100)))
        let after = try #require(
            leg.forward(SourcePacket(sequence: 9, timestamp: 5), layer: 1, aligning: true, elapsed: elapsed, at: at(120)))
        #expect(after.sequence == before.sequence &+ (marker ? 1 : 2))
        let ticks: Int64 = Int64(Int32(truncatingIfNeeded: after.header.timestamp &- before.header.timestamp))
        let expected: Int64
        switch elapsed {
        case nil: expected = 20 * 90
        case .some(let time) where time < .milliseconds(10): expected = 10 * 90
        case .some(let time): expected = min(time.nanoseconds / 1_000_000, 3_600_000) * 90
        }
        #expect(ticks == expected)
        // Stragglers of before the switch are not sent: they are of another layer or older than the keyframe.
        #expect(leg.forward(SourcePacket(sequence: 8, timestamp: 1), layer: 1) == nil)
    }

    @Test(
        "Over many switches among layers with loss, numbers have no repeat, time does not go back, and every payload is the source's",
        arguments: 0..<10)
    func manySwitches(seed: UInt64) throws {
        var random = Entropy.seeded(seed)
        let leg = Leg(encodings: 3, seed: seed)
        var sequences: [UInt16] = [65_000, 20, 32_760]
        var timestamps: [UInt32] = [0xffff_f000, 7, 0x7fff_fff0]
        var current = 0
        var starts = true
        var last: (sequence: Int, timestamp: UInt32)?
        var used: Set<Int> = []
        for frame in 0..<300 {
            let now = at(Int64(frame) * 33)
            for layer in 0..<3 { timestamps[layer] &+= 2_970 }
            if Int.random(in: 0..<25, using: &random) == 0 {
                current = Int.random(in: 0..<3, using: &random)
                starts = true
            }
            for part in 0..<4 {
                for layer in 0..<3 {
                    sequences[layer] &+= 1
                    if Int.random(in: 0..<20, using: &random) == 0 { continue }
                    let packet = SourcePacket(
                        marker: part == 3, sequence: sequences[layer], timestamp: timestamps[layer],
                        payload: [0x10, 0x01, UInt8(frame & 255)])
                    guard layer == current else {
                        _ = leg.encodings[layer].receive(packet, at: now)
                        continue
                    }
                    let sent = try #require(leg.forward(packet, layer: layer, aligning: starts, at: now))
                    starts = false
                    #expect(sent.payload == packet.payload)
                    let step = last.map { SequenceNumber(UInt16(truncatingIfNeeded: $0.sequence)).distance(to: sent.header.sequenceNumber) }
                    let extended = (last?.sequence ?? Int(sent.sequence)) + (step ?? 0)
                    #expect(step ?? 1 > 0 && step ?? 1 < 60)
                    #expect(used.insert(extended).inserted)
                    if let last { #expect(Int32(truncatingIfNeeded: sent.header.timestamp &- last.timestamp) >= 0) }
                    last = (extended, sent.header.timestamp)
                }
            }
        }
    }

    @Test("A pause of ten minutes changes nothing")
    func pause() throws {
        let leg = Leg()
        let before = try #require(leg.forward(SourcePacket(sequence: 65_535, timestamp: 1_000), aligning: true, at: at(0)))
        let after = try #require(leg.forward(SourcePacket(sequence: 0, timestamp: 1_000 &+ 600 * 90_000), at: at(600_000)))
        #expect(after.sequence == before.sequence &+ 1)
        #expect(after.header.timestamp == before.header.timestamp &+ 600 * 90_000)
    }

    // MARK: VP8

    @Test(
        "VP8 numbers grow by one over switches, whatever their width and wraps, and widths are kept", arguments: [true, false],
        [true, false])
    func vp8(firstIsLong: Bool, secondIsLong: Bool) throws {
        let leg = Leg(encodings: 2)
        // Two pictures before the wraps of 7, 15, 8 and 5 bits.
        var pictures: [UInt16] = [firstIsLong ? 0x7ffe : 0x7e, secondIsLong ? 0x7ffd : 0x7d]
        var tl0: [UInt8] = [254, 3]
        var key: [UInt8] = [30, 31]
        var sequence: UInt16 = 65_500
        var last: VP8Descriptor?
        var wasLong = firstIsLong
        for round in 0..<60 {
            let layer = round / 10 % 2
            let isLong = layer == 0 ? firstIsLong : secondIsLong
            for part in 0..<2 {
                let payload = VP8.payload(
                    pictureID: pictures[layer], isLong: isLong, tl0: tl0[layer], keyIndex: key[layer], isKey: round % 10 == 0,
                    starts: part == 0)
                let sent = try #require(
                    leg.forward(
                        SourcePacket(marker: part == 1, sequence: sequence, timestamp: UInt32(round) * 3_000, payload: payload),
                        layer: layer,
                        aligning: round % 10 == 0 && part == 0, at: at(Int64(round) * 33)))
                sequence &+= 1
                let descriptor = try #require(sent.vp8)
                #expect(sent.payload.count == payload.count && sent.payload.suffix(20) == payload.suffix(20))
                #expect(descriptor.hasLongPictureID == isLong && descriptor.isKeyframeStart == (round % 10 == 0 && part == 0))
                if let last {
                    let step: UInt16 = part == 0 ? 1 : 0
                    let mask: UInt16 = isLong && wasLong ? 0x7fff : 0x7f
                    #expect(((descriptor.pictureID ?? 0) &- (last.pictureID ?? 0)) & mask == step & mask)
                    #expect((descriptor.tl0PicIdx ?? 0) &- (last.tl0PicIdx ?? 0) == UInt8(step))
                    #expect(((descriptor.keyIndex ?? 0) &- (last.keyIndex ?? 0)) & 0x1f == UInt8(step))
                }
                last = descriptor
                wasLong = isLong
            }
            pictures[layer] = (pictures[layer] &+ 1) & (isLong ? 0x7fff : 0x7f)
            tl0[layer] &+= 1
            key[layer] = (key[layer] &+ 1) & 0x1f
        }
    }

    @Test("A late packet of a picture before does not turn VP8's numbers back")
    func vp8Late() throws {
        let leg = Leg(encodings: 2)
        let send = { (sequence: UInt16, picture: UInt16, layer: Int, aligning: Bool) in
            leg.forward(
                SourcePacket(marker: true, sequence: sequence, payload: VP8.payload(pictureID: picture)), layer: layer, aligning: aligning)?
                .vp8
        }
        _ = send(1, 10, 0, true)
        let newest = try #require(send(3, 12, 0, false)?.pictureID)
        #expect(send(2, 11, 0, false)?.pictureID == newest - 1)
        #expect(send(900, 500, 1, true)?.pictureID == newest + 1)
    }

    @Test("A VP8 payload whose descriptor is cut short goes out as it came, and other codecs' payloads are never touched")
    func opaque() throws {
        let leg = Leg()
        let cut = try #require(leg.forward(SourcePacket(sequence: 1, payload: [0x90, 0x80]), aligning: true))
        #expect(cut.payload == [0x90, 0x80])
        let h264 = try #require(leg.forward(SourcePacket(payloadType: 102, sequence: 2, payload: [0x90, 0xf0, 0x80, 1, 2, 3])))
        #expect(h264.payload == [0x90, 0xf0, 0x80, 1, 2, 3] && h264.header.payloadType == 102)
    }

    // MARK: Retransmission

    @Test("A resent packet has the original number before the same payload, on the RTX stream with numbers of its own")
    func resends() throws {
        let leg = Leg()
        let payload = VP8.payload(pictureID: 77, tl0: 3, keyIndex: 4, isKey: true)
        _ = leg.forward(SourcePacket(sequence: 65_534), aligning: true)
        let sent = try #require(leg.forward(SourcePacket(marker: true, sequence: 65_535, timestamp: 4, payload: payload)))
        let again = try #require(leg.resend(sent.sequence, at: at(100)))
        #expect(again.kind == .retransmission && again.header.ssrc == SSRC(2_000) && again.header.payloadType == 97)
        #expect(again.header.timestamp == sent.header.timestamp && again.header.marker && again.values.mid == ShortText("v"))
        #expect(again.payload == [UInt8(sent.sequence >> 8), UInt8(sent.sequence & 0xff)] + sent.payload)
        let third = try #require(leg.resend(sent.sequence, at: at(200)))
        #expect(third.sequence == again.sequence &+ 1 && third.payload == again.payload)
        #expect(leg.stream.packetsSent == 2)
    }

    @Test("The same packet is not sent again within 30 ms, nor one that never was, nor without an RTX stream")
    func throttle() throws {
        let leg = Leg()
        let sent = try #require(leg.forward(SourcePacket(sequence: 5), aligning: true)).sequence
        #expect(leg.resend(sent, at: at(0)) != nil)
        #expect(leg.resend(sent, at: at(29)) == nil)
        #expect(leg.resend(sent, at: at(30)) != nil)
        #expect(leg.resend(sent &+ 1, at: at(100)) == nil && leg.resend(sent &- 1, at: at(100)) == nil)
        #expect(leg.resend(sent &+ 512, at: at(100)) == nil)
        let plain = Leg(.video, sending: .video.with(streams: [.init(ssrc: SSRC(5))]))
        let number = try #require(plain.forward(SourcePacket(sequence: 5), aligning: true)).sequence
        #expect(plain.resend(number, at: at(100)) == nil)
    }

    @Test("What is asked for again is sent more than once, unless the first answer may be on its way, or little may be sent again")
    func insistence() throws {
        let leg = Leg()
        let payload = [UInt8](repeating: 0x10, count: 1_200)
        let sent = try #require(leg.forward(SourcePacket(sequence: 5, payload: payload), aligning: true)).sequence
        let insistence = Insistence(copies: 3, answered: .milliseconds(75))
        #expect(leg.answers(to: sent, insistence, at: at(0)).count == 1)
        #expect(leg.answers(to: sent, insistence, at: at(74)).count == 1)
        let again = leg.answers(to: sent, insistence, at: at(150))
        #expect(again.count == 3 && again.allSatisfy { $0.kind == .retransmission && $0.header.ssrc == again[0].header.ssrc })
        #expect(Set(again.map(\.header.sequenceNumber.rawValue)).count == 3, "each is a packet of its own")
        #expect(leg.answers(to: sent, Insistence(), at: at(300)).count == 1)
        // The budget is half full in the beginning; the last quarter is for what is asked for the first time.
        var copies: [Int] = []
        let impatient = Insistence(copies: 3)
        for round in 0..<60 { copies.append(leg.answers(to: sent, impatient, at: at(400 + Int64(round) * 30)).count) }
        #expect(copies.prefix(20).allSatisfy { $0 == 3 } && copies.suffix(10).contains(1) && !copies.contains(0), "\(copies)")
    }

    @Test("A flood of requests is answered within a budget, which comes back with time and with what is sent")
    func budget() throws {
        let leg = Leg()
        let payload = [UInt8](repeating: 0x10, count: 1_200)
        var sequences = [try #require(leg.forward(SourcePacket(sequence: 0, payload: payload), aligning: true)).sequence]
        for sequence: UInt16 in 1..<500 {
            sequences.append(try #require(leg.forward(SourcePacket(sequence: sequence, payload: payload))).sequence)
        }
        let count = { (from: Int64, rounds: Int64) in
            var resent = 0
            for round in 0..<rounds {
                for sequence in sequences where leg.resend(sequence, at: at(from + round * 400)) != nil { resent += 1 }
            }
            return resent
        }
        // 256 kB at most, then 64 kB a second.
        #expect((200...240).contains(count(0, 2)))
        let inTenSeconds = count(800, 25)
        #expect((500...560).contains(inTenSeconds))
    }

    @Test("What the ring has overwritten, and what came from a source that is gone, cannot be sent again")
    func outdated() throws {
        let leg = Leg()
        let first = try #require(leg.forward(SourcePacket(sequence: 0), aligning: true)).sequence
        for sequence: UInt16 in 1..<511 { _ = leg.encodings[0].receive(SourcePacket(sequence: sequence), at: at(0)) }
        #expect(leg.resend(first, at: at(0)) != nil)
        _ = leg.encodings[0].receive(SourcePacket(sequence: 511), at: at(0))
        #expect(leg.resend(first, at: at(100)) != nil)
        _ = leg.encodings[0].receive(SourcePacket(sequence: 512), at: at(0))
        #expect(leg.resend(first, at: at(200)) == nil)
        let second = try #require(leg.forward(SourcePacket(sequence: 513))).sequence
        leg.stream.forgetHistory()
        #expect(leg.resend(second, at: at(300)) == nil)
    }

    // MARK: Departures

    @Test("A publisher's payloads outlive it until they have left")
    func publisherLeaves() {
        var queue = DepartureQueue(capacity: 8)
        let stream = SendStream(.video, entropy: .seeded(1))
        weak var ring: PayloadRing?
        do {
            let encoding = Encoding(layer: 0, rid: nil, parameters: .video)
            encoding.bind(SSRC(1))
            ring = encoding.ring
            if let media = encoding.media(SourcePacket(sequence: 1, payload: [0x10, 1, 2, 3]), at: at(0)) {
                stream.align(to: media, elapsed: nil)
                stream.forward(media, from: encoding.ring, transport: 0, into: &queue)
            }
        }
        #expect(ring != nil)
        let sent = queue.takeAll()
        #expect(sent.map(\.payload) == [[0x10, 1, 2, 3]])
        #expect(ring == nil)
    }

    @Test("However often layers are switched, no time is lost or won")
    func manySwitches() throws {
        let leg = Leg(encodings: 2)
        var first: UInt32?
        for round in 0..<300 {
            let packet = SourcePacket(sequence: UInt16(round), timestamp: UInt32(round % 7) &* 1_000_000)
            let elapsed: Interval? = round == 0 ? nil : .microseconds(33_333)
            let sent = try #require(leg.forward(packet, layer: round % 2, aligning: true, elapsed: elapsed))
            let begin = first ?? sent.header.timestamp
            first = begin
            // A tick of the clock each time at most.
            let exact = Int(33_333 * round * 90 / 1_000)
            #expect(abs(Int(sent.header.timestamp &- begin) - exact) <= round)
        }
    }

    @Test("A payload that was overwritten before its release is not sent under the other's header")
    func overwritten() {
        let leg = Leg(.audio)
        for sequence: UInt16 in 0..<200 {
            guard
                let media = leg.encodings[0].media(
                    SourcePacket(payloadType: 111, sequence: sequence, payload: [UInt8(sequence)]), at: at(0))
            else {
                continue
            }
            if sequence == 0 { leg.stream.align(to: media, elapsed: nil) }
            leg.stream.forward(media, from: leg.encodings[0].ring, transport: 0, into: &leg.queue)
        }
        let sent = leg.queue.takeAll()
        #expect(sent.map(\.payload) == (72..<200).map { [UInt8($0)] })
        let outdated = leg.queue.outdated
        #expect(outdated == 72)
    }

    @Test("A full queue refuses and counts, and what it refused is not taken as sent")
    func full() throws {
        let leg = Leg()
        var queue = DepartureQueue(capacity: 2)
        for sequence: UInt16 in 0..<5 {
            let media = try #require(leg.encodings[0].media(SourcePacket(sequence: sequence), at: at(0)))
            if sequence == 0 { leg.stream.align(to: media, elapsed: nil) }
            leg.stream.forward(media, from: leg.encodings[0].ring, transport: 0, into: &queue)
        }
        let refused = queue.refused
        #expect(refused == 3 && leg.stream.packetsSent == 2)
        // What left is looked at, or the optimizer may copy it when its memory has been freed.
        var left = 0
        queue.take(1) { _, _, bytes in left += bytes.count }
        let waiting = queue.count
        #expect(waiting == 1 && left > 0)
        let sent = queue.takeAll()
        let rest = queue.count
        #expect(sent.count == 1 && rest == 0)
    }

    @Test(
        "Packets leave destination by destination, each in order, however often the release stops and whatever is added meanwhile",
        arguments: 0..<10)
    func destinations(seed: UInt64) throws {
        var random = Entropy.seeded(seed)
        let leg = Leg(.audio)
        var queue = DepartureQueue(capacity: 64)
        var expected: [Int: [UInt8]] = [:]
        var left: [Int: [UInt8]] = [:]
        var runs = 0
        for round: UInt8 in 0..<60 {
            for index: UInt8 in 0..<3 {
                let value = round &* 3 &+ index
                let packet = SourcePacket(payloadType: 111, sequence: UInt16(value), payload: [value])
                let media = try #require(leg.encodings[0].media(packet, at: at(0)))
                if value == 0 { leg.stream.align(to: media, elapsed: nil) }
                let transport = [9, 0, 4, 200].randomElement(using: &random) ?? 0
                let before = queue.refused
                leg.stream.forward(media, from: leg.encodings[0].ring, transport: transport, into: &queue)
                if queue.refused == before { expected[transport, default: []].append(value) }
            }
            var last = -1
            queue.take(round == 59 ? 1_000 : Int.random(in: 0...8, using: &random)) { transport, _, bytes in
                if transport != last { runs += 1 }
                last = transport
                left[transport, default: []].append(bytes[bytes.count - 1])
            }
        }
        let rest = queue.count
        #expect(rest == 0 && left == expected)
        #expect(runs <= 60 * 5)
    }

    @Test("Random sources never trap a stream, and whatever leaves parses", arguments: 0..<6)
    func hostile(seed: UInt64) {
        var random = Entropy.seeded(seed)
        let leg = Leg(encodings: 2)
        for round in 0..<4_000 {
            let packet = SourcePacket(
                payloadType: [96, 102].randomElement(using: &random) ?? 96, marker: Bool.random(using: &random),
                sequence: UInt16.random(in: 0...UInt16.max, using: &random), timestamp: UInt32.random(in: 0...UInt32.max, using: &random),
                payload: random.bytes(Int.random(in: 0...30, using: &random)))
            let now = Instant(nanoseconds: Int64.random(in: 0...Int64.max, using: &random))
            let elapsed = Bool.random(using: &random) ? Interval(nanoseconds: Int64(bitPattern: random.next())) : nil
            leg.forward(packet, layer: Int.random(in: 0..<2, using: &random), aligning: round % 17 == 0, elapsed: elapsed, at: now)
            _ = leg.resend(UInt16.random(in: 0...UInt16.max, using: &random), at: now)
        }
    }
}
