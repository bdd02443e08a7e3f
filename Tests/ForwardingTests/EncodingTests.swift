import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Encodings")
struct EncodingTests {
    private func video() -> Encoding {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .video)
        encoding.bind(SSRC(1_000))
        encoding.bind(retransmission: SSRC(2_000))
        return encoding
    }

    private func retransmission(of original: UInt16, sequence: UInt16, payload: [UInt8] = [0x10, 0x01]) -> SourcePacket {
        SourcePacket(
            payloadType: 97, sequence: sequence, timestamp: 5, ssrc: SSRC(2_000),
            payload: [UInt8(original >> 8), UInt8(original & 0xff)] + payload)
    }

    @Test("A repair that lies far ahead of all that has come is of a stream that has ended: it makes no repetitions of what comes")
    func strayRetransmission() {
        let encoding = video()
        _ = encoding.receive(SourcePacket(sequence: 100), at: at(0))
        #expect(encoding.receive(retransmission(of: 20_000, sequence: 900), asRetransmission: true, at: at(1))?.kind == "nothing")
        #expect(encoding.receive(SourcePacket(sequence: 101), at: at(2))?.kind == "media")
        // One that overtook what it repairs is taken.
        #expect(encoding.receive(retransmission(of: 103, sequence: 901), asRetransmission: true, at: at(3))?.kind == "media")
        #expect(encoding.receive(SourcePacket(sequence: 102), at: at(4))?.kind == "media")
    }

    private func missing(_ encoding: Encoding, at now: Instant) -> [UInt16] {
        var requested: [SequenceNumber] = []
        encoding.takeMissing(at: now, room: 100, into: &requested)
        return requested.map(\.rawValue)
    }

    // MARK: What arrives

    @Test("Media keeps its facts, and its payload is in the ring")
    func media() throws {
        let encoding = video()
        let packet = SourcePacket(
            marker: true, sequence: 65_535, timestamp: 0xffff_fff0, audioLevel: 33, payload: VP8.payload(pictureID: 5, isKey: true))
        let media = try #require(encoding.media(packet, at: at(3)))
        #expect(media.timestamp == 0xffff_fff0 && media.marker && media.codec == .vp8 && media.audioLevel == 33 && media.arrival == at(3))
        #expect(media.isSwitchPoint && media.layer == 0 && media.epoch == 0)
        #expect(encoding.ring.payload(media.payload).map { Array($0) } == packet.payload)
        let next = try #require(encoding.media(SourcePacket(sequence: 0), at: at(4)))
        #expect(next.sequence == media.sequence + 1 && !next.isSwitchPoint)
    }

    @Test("A repetition is nothing, a number without payload is padding, an unknown payload type is invalid and changes nothing")
    func kinds() {
        let encoding = video()
        let kinds = [
            SourcePacket(sequence: 1), SourcePacket(sequence: 1), SourcePacket(sequence: 2, payload: []), SourcePacket(sequence: 2),
            SourcePacket(payloadType: 97, sequence: 30_000), SourcePacket(payloadType: 111, sequence: 30_000),
            SourcePacket(payloadType: 0, sequence: 30_000), SourcePacket(sequence: 3),
        ].map { encoding.receive($0, at: at(0))?.kind }
        #expect(kinds == ["media", "nothing", "padding", "nothing", "invalid", "invalid", "invalid", "media"])
        #expect(encoding.nextDeadline == .distantFuture)
    }

    @Test("A retransmission fills a gap once; of what is known, before media, without media or of an unknown type it is nothing")
    func retransmissions() {
        let encoding = video()
        let early = encoding.receive(retransmission(of: 5, sequence: 900), asRetransmission: true, at: at(0))
        #expect(early?.kind == "nothing")
        _ = encoding.receive(SourcePacket(sequence: 65_535), at: at(0))
        _ = encoding.receive(SourcePacket(sequence: 1), at: at(0))
        let filled = encoding.media(retransmission(of: 0, sequence: 901, payload: [0x10, 0x01, 7]), asRetransmission: true, at: at(1))
        #expect(filled.map { UInt16(truncatingIfNeeded: $0.sequence) } == 0)
        #expect(filled.flatMap { encoding.ring.payload($0.payload) }.map { Array($0) } == [0x10, 0x01, 7])
        let others = [
            retransmission(of: 0, sequence: 902), retransmission(of: 65_535, sequence: 903),
            retransmission(of: 2, sequence: 904, payload: []),
        ].map { encoding.receive($0, asRetransmission: true, at: at(1))?.kind }
        #expect(others == ["nothing", "nothing", "nothing"])
        var short = retransmission(of: 2, sequence: 905)
        short.payload = [0]
        #expect(encoding.receive(short, asRetransmission: true, at: at(1))?.kind == "nothing")
        short.payloadType = 96
        #expect(encoding.receive(short, asRetransmission: true, at: at(1))?.kind == "invalid")
        // One that is newer than all media is welcome, and the packet itself then is a repetition.
        #expect(encoding.receive(retransmission(of: 2, sequence: 906), asRetransmission: true, at: at(2))?.kind == "media")
        #expect(encoding.receive(SourcePacket(sequence: 2), at: at(2))?.kind == "nothing")
        #expect(encoding.receive(SourcePacket(sequence: 3), at: at(2))?.kind == "media")
    }

    @Test("Another SSRC begins a new epoch: numbers start anew and nothing of the former is asked for")
    func ssrcChange() throws {
        let encoding = video()
        _ = encoding.receive(SourcePacket(sequence: 40_000), at: at(0))
        _ = encoding.receive(SourcePacket(sequence: 40_010), at: at(0))
        #expect(encoding.nextDeadline == at(8))
        encoding.bind(SSRC(1_000))
        #expect(encoding.epoch == 0)
        encoding.bind(SSRC(1_001))
        #expect(encoding.epoch == 1 && encoding.nextDeadline == .distantFuture)
        let media = try #require(encoding.media(SourcePacket(sequence: 7), at: at(1)))
        #expect(media.epoch == 1)
        #expect(missing(encoding, at: at(100)) == [])
        var blocks: [ReportBlock] = []
        encoding.takeReportBlocks(at: at(2), into: &blocks)
        #expect(blocks.map(\.ssrc) == [SSRC(1_001)] && blocks.map(\.highestSequence) == [7])
    }

    // MARK: What is asked for

    @Test("Losses are asked for, a keyframe makes older ones worthless")
    func losses() {
        let encoding = video()
        for sequence: UInt16 in [65_530, 65_533, 65_535, 2] { _ = encoding.receive(SourcePacket(sequence: sequence), at: at(0)) }
        #expect(encoding.nextDeadline == at(8))
        #expect(missing(encoding, at: at(8)) == [65_531, 65_532, 65_534, 0, 1])
        _ = encoding.receive(SourcePacket(sequence: 5, payload: VP8.payload(pictureID: 1, isKey: true)), at: at(70))
        #expect(missing(encoding, at: at(100)) == [])
        _ = encoding.receive(SourcePacket(sequence: 7), at: at(100))
        #expect(missing(encoding, at: at(200)) == [6])
    }

    @Test("What can not be repaired becomes the wish for a keyframe, with video")
    func givesUp() {
        let encoding = video()
        _ = encoding.receive(SourcePacket(sequence: 0), at: at(0))
        _ = encoding.receive(SourcePacket(sequence: 2), at: at(0))
        var now: Int64 = 0
        while !encoding.keyframes.isWanted, now < 5_000 {
            now += 10
            _ = missing(encoding, at: at(now))
        }
        #expect(encoding.keyframes.isWanted && now < 1_000)
        let other = video()
        _ = other.receive(SourcePacket(sequence: 0), at: at(0))
        _ = other.receive(SourcePacket(sequence: 20_000), at: at(0))
        #expect(other.keyframes.isWanted)
    }

    @Test("Sound has no keyframes to ask for, however much of it is lost")
    func audioAsksForNothing() {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .audio)
        encoding.bind(SSRC(3_000))
        var sequence: UInt16 = 0
        for step: UInt16 in [1, 2, 400, 20_000, 1, 600, 3] {
            sequence &+= step
            let media = encoding.media(SourcePacket(payloadType: 111, sequence: sequence), at: at(0))
            #expect(media?.isSwitchPoint == true)
        }
        #expect(!encoding.keyframes.isWanted && encoding.nextDeadline == .distantFuture)
    }

    @Test("An encoding whose stream is not known yet has nobody to ask: a wanted keyframe is not due before its first packet")
    func keyframeBeforeTheFirstPacket() {
        let encoding = Encoding(layer: 0, rid: nil, parameters: .video)
        encoding.keyframes.want(at: at(0))
        #expect(encoding.nextDeadline == .distantFuture)
        encoding.bind(SSRC(1))
        #expect(encoding.nextDeadline == at(0))
    }

    // MARK: Keyframes

    @Test("A keyframe whose first packet comes late is no place to begin, and the wish for one lives on")
    func lateKeyframe() throws {
        let encoding = video()
        encoding.keyframes.want(at: at(0))
        _ = encoding.keyframes.takeDue(at: at(0))
        _ = encoding.receive(SourcePacket(sequence: 10, payload: VP8.payload(pictureID: 1)), at: at(1))
        _ = encoding.receive(SourcePacket(sequence: 12, payload: VP8.payload(pictureID: 2, starts: false)), at: at(2))
        let late = try #require(
            encoding.media(
                retransmission(of: 11, sequence: 1, payload: VP8.payload(pictureID: 2, isKey: true)), asRetransmission: true, at: at(60)))
        #expect(!late.isSwitchPoint)
        #expect(encoding.keyframes.isWanted && encoding.keyframes.nextDeadline == at(500))
        let next = try #require(encoding.media(SourcePacket(sequence: 13, payload: VP8.payload(pictureID: 3, isKey: true)), at: at(600)))
        #expect(next.isSwitchPoint && !encoding.keyframes.isWanted)
    }

    private static let sps: [UInt8] = [0x67, 0x42, 0xe0, 0x1f]
    private static let pps: [UInt8] = [0x68, 0xce, 0x3c, 0x80]
    private static let idr: [UInt8] = [0x65, 0x88, 0x80, 0x10]

    @Test("H.264 is entered at its parameter sets, and losing them is repaired although the slice has come")
    func h264() throws {
        let encoding = video()
        let send = { (sequence: UInt16, payload: [UInt8]) in
            encoding.media(SourcePacket(payloadType: 102, sequence: sequence, payload: payload), at: at(0))
        }
        #expect(try #require(send(1, EncodingTests.sps)).isSwitchPoint)
        #expect(try !#require(send(2, EncodingTests.pps)).isSwitchPoint)
        #expect(try !#require(send(3, EncodingTests.idr)).isSwitchPoint)
        encoding.keyframes.want(at: at(0))
        // The next one's parameter set is lost.
        #expect(try !#require(send(5, EncodingTests.pps)).isSwitchPoint)
        #expect(try !#require(send(6, EncodingTests.idr)).isSwitchPoint)
        #expect(missing(encoding, at: at(8)) == [4])
        #expect(encoding.keyframes.isWanted)
        #expect(send(4, EncodingTests.sps)?.isSwitchPoint == false)
        #expect(try #require(send(7, EncodingTests.sps)).isSwitchPoint)
    }

    @Test(
        "An IDR slice alone is entered only where the parameter sets came with the description",
        arguments: [
            ("", false), ("profile-level-id=42e01f;packetization-mode=1", false), ("a=1; Sprop-Parameter-Sets=Z0Lg;b=2", true),
            ("x-sprop-parameter-sets=Z0Lg", false),
        ])
    func parameterSetsOutOfBand(format: String, isEntry: Bool) throws {
        var parameters = RTPParameters.video
        parameters.codecs[1].format = format
        let encoding = Encoding(layer: 0, rid: nil, parameters: parameters)
        encoding.bind(SSRC(1))
        let first = try #require(encoding.media(SourcePacket(payloadType: 102, sequence: 1, payload: EncodingTests.idr), at: at(0)))
        #expect(first.isSwitchPoint == isEntry)
        _ = encoding.media(SourcePacket(payloadType: 102, sequence: 2, payload: EncodingTests.sps), at: at(0))
        let second = try #require(encoding.media(SourcePacket(payloadType: 102, sequence: 3, payload: EncodingTests.idr), at: at(0)))
        #expect(!second.isSwitchPoint)
    }

    // MARK: Reports

    @Test("Report blocks tell of both streams, and when the last sender report came")
    func reports() throws {
        let encoding = video()
        for sequence: UInt16 in [65_534, 65_535, 1] { _ = encoding.receive(SourcePacket(sequence: sequence), at: at(0)) }
        _ = encoding.receive(retransmission(of: 0, sequence: 50), asRetransmission: true, at: at(5))
        encoding.noteReport(ntp: NTPTime(rawValue: 0x1111_2222_3333_4444), timestamp: 0, at: at(100))
        var blocks: [ReportBlock] = []
        encoding.takeReportBlocks(at: at(1_600), into: &blocks)
        #expect(blocks.map(\.ssrc) == [SSRC(1_000), SSRC(2_000)])
        #expect(blocks[0].highestSequence == 65_537 && blocks[0].cumulativeLost == 0)
        #expect(blocks[0].lastSenderReport == 0x2222_3333 && blocks[0].delaySinceLastSenderReport == 98_304)
        #expect(blocks[1].highestSequence == 50 && blocks[1].lastSenderReport == 0)
    }

    @Test("A goodbye makes a layer dead until it sends again")
    func goodbye() {
        let encoding = video()
        _ = encoding.receive(SourcePacket(sequence: 1), at: at(0))
        encoding.noteGoodbye(SSRC(9))
        #expect(encoding.state(at: at(1)).isLive)
        encoding.noteGoodbye(SSRC(1_000))
        #expect(!encoding.state(at: at(1)).isLive)
        _ = encoding.receive(SourcePacket(sequence: 2), at: at(2))
        #expect(encoding.state(at: at(3)).isLive)
    }

    @Test("Random packets on both streams never trap", arguments: 0..<10)
    func hostile(seed: UInt64) {
        var random = Entropy.seeded(seed)
        let encoding = video()
        for _ in 0..<3_000 {
            let packet = SourcePacket(
                payloadType: [96, 97, 102, 103, 111, 0].randomElement(using: &random) ?? 96, marker: Bool.random(using: &random),
                sequence: UInt16.random(in: 0...UInt16.max, using: &random), timestamp: UInt32.random(in: 0...UInt32.max, using: &random),
                payload: random.bytes(Int.random(in: 0...40, using: &random)))
            let now = Instant(nanoseconds: Int64.random(in: 0...Int64.max, using: &random))
            _ = encoding.receive(packet, asRetransmission: Bool.random(using: &random), at: now)
            if Int.random(in: 0..<50, using: &random) == 0 { encoding.bind(SSRC(UInt32.random(in: 0...3, using: &random))) }
            var blocks: [ReportBlock] = []
            if Int.random(in: 0..<50, using: &random) == 0 {
                encoding.noteReport(ntp: NTPTime(rawValue: random.next()), timestamp: UInt32(truncatingIfNeeded: random.next()), at: now)
                encoding.takeReportBlocks(at: now, into: &blocks)
                _ = missing(encoding, at: now)
                _ = encoding.state(at: now)
            }
        }
    }
}

@Suite("Sound from a publisher that repairs it")
struct SoundRepairTests {
    private func encoding(nack: Bool) -> Encoding {
        var parameters = RTPParameters.audio
        parameters.codecs[0].nack = nack
        let encoding = Encoding(layer: 0, rid: nil, parameters: parameters)
        encoding.bind(SSRC(1_000))
        return encoding
    }

    private func packet(_ sequence: UInt16) -> SourcePacket {
        SourcePacket(payloadType: 111, sequence: sequence, timestamp: UInt32(sequence) * 960, payload: [0xfc, UInt8(sequence)])
    }

    @Test(
        "what is missing is asked for where that was agreed, and taken when it comes again under its own number", arguments: [true, false])
    func asking(nack: Bool) {
        let encoding = encoding(nack: nack)
        for sequence: UInt16 in [1, 2, 4, 5] { #expect(encoding.media(packet(sequence), at: at(Int64(sequence) * 20)) != nil) }
        #expect((encoding.nextDeadline == .distantFuture) == !nack)
        var missing: [SequenceNumber] = []
        encoding.takeMissing(at: at(200), room: 16, into: &missing)
        #expect(missing.map(\.rawValue) == (nack ? [3] : []))
        // No keyframe is ever asked for.
        #expect(!encoding.keyframes.isWanted)
        #expect(encoding.media(packet(3), at: at(240)) != nil && encoding.media(packet(3), at: at(250)) == nil)
        missing = []
        encoding.takeMissing(at: at(2_000), room: 16, into: &missing)
        #expect(missing.isEmpty)
    }
}
