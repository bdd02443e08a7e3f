import HeadlessClients
import MediaPrimitives
import RTP
import Testing

@Suite("What a receiver takes a packet for") struct ReceivedKindTests {
    private let media = SSRC(0x1111)
    private let rtx = SSRC(0x2222)
    private let video: ReceivedVideo
    private let start = Instant(nanoseconds: 1_000_000_000)

    init() {
        video = ReceivedVideo(
            RTPParameters(
                mid: "video", kind: .video,
                codecs: [CodecParameters(codec: .vp8, payloadType: 100, rtxPayloadType: 101, nack: true, pli: true)],
                extensions: HeaderExtensionMap(), streams: [RTPParameters.Stream(ssrc: SSRC(0x1111), rtxSSRC: SSRC(0x2222))]),
            manner: .browser)
    }

    /// Frames of one packet each; the first is a keyframe.
    private func payload(_ frame: Int, layer: UInt8 = 0, isKeyframe: Bool? = nil) -> [UInt8] {
        PayloadStamp(
            source: 1, layer: layer, isKeyframe: isKeyframe ?? (frame == 0), frame: UInt32(frame), index: 0, count: 1,
            ordinal: UInt32(frame),
            captured: start + .milliseconds(Int64(frame) * 33)
        ).vp8(
            pictureID: UInt16(frame), tl0PicIdx: UInt8(frame), keyIndex: 1, width: 320, height: 180, length: 200)
    }

    private func receive(
        _ payload: [UInt8], sequence: Int, frame: Int, again: Bool = false, padding: Int = 0, at milliseconds: Int64
    ) throws {
        var header = OutgoingHeader(
            payloadType: again ? 101 : 100, marker: padding == 0, sequenceNumber: SequenceNumber(UInt16(sequence)),
            timestamp: UInt32(frame * 2_970), ssrc: again ? rtx : media)
        header.hasPadding = padding > 0
        let bytes = try #require(
            ByteWriter.array { writer in
                _ = header.write(into: &writer, HeaderExtensionMap())
                writer.bytes(payload)
                if padding > 0 {
                    writer.zeros(padding - 1)
                    writer.uint8(UInt8(padding))
                }
            })
        guard let parsed = RTPHeader.parse(bytes.span.bytes) else {
            Issue.record("no header")
            return
        }
        video.receive(bytes.span.bytes, parsed, HeaderExtensionValues(), at: start + .milliseconds(milliseconds))
    }

    private func original(_ sequence: Int) -> [UInt8] { [UInt8(sequence >> 8), UInt8(sequence & 0xff)] }

    private var counts: [Int] {
        [video.received.media.packets, video.received.repairs.packets, video.received.repeats.packets, video.received.padding.packets]
    }

    @Test("padding on the retransmission stream is padding, before the first packet, too")
    func emptyRetransmissions() throws {
        try receive([], sequence: 1, frame: 0, again: true, padding: 200, at: 0)
        try receive(payload(0), sequence: 500, frame: 0, at: 1)
        try receive([], sequence: 2, frame: 0, again: true, padding: 200, at: 2)
        try receive(payload(1), sequence: 501, frame: 1, at: 33)
        #expect(counts == [2, 0, 0, 2])
        // Header, padding, and 44 bytes of what is around them.
        #expect(video.received.padding.bytes == 2 * (12 + 200 + 44))
        #expect(video.decoder.frames == 2 && video.decoder.faults == [])
    }

    @Test("what is sent again and was there, though nobody asked, is padding, and does not disturb")
    func unasked() throws {
        for frame in 0..<3 { try receive(payload(frame), sequence: 500 + frame, frame: frame, at: Int64(frame) * 33) }
        try receive(original(501) + payload(1), sequence: 1, frame: 1, again: true, at: 100)
        #expect(counts == [3, 0, 0, 1])
        #expect(video.decoder.frames == 3 && video.decoder.faults == [])
        #expect(video.decodedBytes == 600)
    }

    @Test("what is missing is repaired by what is sent again, asked for or not; what was asked for and comes twice is a repetition")
    func repairs() throws {
        try receive(payload(0), sequence: 500, frame: 0, at: 0)
        try receive(payload(2), sequence: 502, frame: 2, at: 66)
        #expect(video.decoder.frames == 1)
        #expect(video.nextDeadline <= start + .milliseconds(66))
        try receive(original(501) + payload(1), sequence: 1, frame: 1, again: true, at: 70)
        #expect(counts == [2, 1, 0, 0])
        #expect(video.decoder.frames == 3)
    }

    @Test("a number without a payload in the stream itself leaves no hole")
    func emptyNumbers() throws {
        try receive(payload(0), sequence: 500, frame: 0, at: 0)
        try receive([], sequence: 501, frame: 0, padding: 100, at: 1)
        try receive([], sequence: 502, frame: 0, padding: 100, at: 2)
        try receive(payload(1), sequence: 503, frame: 1, at: 33)
        // One that comes late.
        try receive(payload(2), sequence: 505, frame: 2, at: 66)
        #expect(video.decoder.frames == 2)
        try receive([], sequence: 504, frame: 1, padding: 100, at: 70)
        #expect(counts == [3, 0, 0, 3])
        #expect(video.decoder.frames == 3 && video.decoder.faults == [] && video.holes.isEmpty)
    }

    @Test("after a switch whose keyframe never came, what is built on it counts as discarded, and what was before it does not")
    func discarded() throws {
        for frame in 0..<3 { try receive(payload(frame), sequence: 500 + frame, frame: frame, at: Int64(frame) * 33) }
        // Of the former encoding one is lost, and one comes that builds on it; then the keyframe is lost, and two build on that.
        try receive(payload(4), sequence: 504, frame: 4, at: 132)
        for frame in 6..<8 { try receive(payload(frame, layer: 1), sequence: 500 + frame, frame: frame, at: Int64(frame) * 33) }
        try receive(payload(8, layer: 1, isKeyframe: true), sequence: 508, frame: 8, at: 264)
        video.advance(at: start + .milliseconds(400))
        #expect(video.discardedAfterSwitch == 2)
        #expect(video.decoder.frames == 4 && video.decoder.stretches.map(\.layer) == [0, 1])
        // A keyframe that overtakes a hole in the encoding that is there already has nothing to do with a switch.
        try receive(payload(10, layer: 1), sequence: 510, frame: 10, at: 330)
        try receive(payload(11, layer: 1, isKeyframe: true), sequence: 511, frame: 11, at: 363)
        video.advance(at: start + .milliseconds(600))
        #expect(video.decoder.frames == 5 && video.discardedAfterSwitch == 2)
    }

    @Test("frames behind a hole wait for its repair, and are not shown before")
    func stall() throws {
        try receive(payload(0), sequence: 500, frame: 0, at: 0)
        for frame in 2..<150 { try receive(payload(frame), sequence: 500 + frame, frame: frame, at: Int64(frame) * 33) }
        #expect(video.decoder.frames == 1 && video.decoder.faults == [] && video.discardedAfterSwitch == 0)
    }
}
