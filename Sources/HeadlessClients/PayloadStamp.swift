import MediaPrimitives
import RTP

/// What every synthetic packet says about itself, so that a receiver can tell whether what it got is what was sent.
package struct PayloadStamp: Equatable, Sendable {
    /// Who published it.
    package var source: UInt16
    /// Which encoding, as the publisher counts them; of sound, its level.
    package var layer: UInt8
    package var isKeyframe: Bool
    /// Counts the encoding's frames.
    package var frame: UInt32
    /// This packet's place in its frame, and how many packets the frame has.
    package var index: UInt16
    package var count: UInt16
    /// How many packets of the encoding were sent before it, for the first time each.
    package var ordinal: UInt32
    /// When it was captured, or of a frame that is paced, when this packet was due, on the clock of whoever drives the client.
    package var captured: Instant

    static let length = 24

    func write(into writer: inout ByteWriter) {
        writer.uint16(source)
        writer.uint8(layer)
        writer.uint8(isKeyframe ? 1 : 0)
        writer.uint32(frame)
        writer.uint16(index)
        writer.uint16(count)
        writer.uint32(ordinal)
        writer.uint64(UInt64(bitPattern: captured.nanoseconds))
    }

    package init?(_ bytes: RawSpan, at offset: Int) {
        guard let source = bytes.uint16(at: offset), let layer = bytes.uint8(at: offset + 2), let key = bytes.uint8(at: offset + 3),
            let frame = bytes.uint32(at: offset + 4), let index = bytes.uint16(at: offset + 8), let count = bytes.uint16(at: offset + 10),
            let ordinal = bytes.uint32(at: offset + 12), let captured = bytes.uint64(at: offset + 16)
        else { return nil }
        self.source = source
        self.layer = layer
        isKeyframe = key == 1
        self.frame = frame
        self.index = index
        self.count = count
        self.ordinal = ordinal
        self.captured = Instant(nanoseconds: Int64(bitPattern: captured))
    }

    package init(
        source: UInt16, layer: UInt8, isKeyframe: Bool, frame: UInt32, index: Int, count: Int, ordinal: UInt32, captured: Instant
    ) {
        self.source = source
        self.layer = layer
        self.isKeyframe = isKeyframe
        self.frame = frame
        self.index = UInt16(truncatingIfNeeded: index)
        self.count = UInt16(truncatingIfNeeded: count)
        self.ordinal = ordinal
        self.captured = captured
    }

    /// What fills a packet behind the stamp: bytes that tell one packet from another.
    private var filling: UInt8 { UInt8(truncatingIfNeeded: frame &* 31 &+ UInt32(index) &* 7 &+ UInt32(source) &+ UInt32(layer)) }

    func fill(_ writer: inout ByteWriter, upTo length: Int) {
        while writer.count < length, !writer.overflowed { writer.uint8(filling) }
    }

    func isFilled(_ payload: RawSpan, from offset: Int) -> Bool {
        for at in offset..<max(offset, payload.byteCount) where payload.uint8(at: at) != filling { return false }
        return true
    }

    // MARK: VP8

    /// Bytes of a key frame's tag, start code and size (RFC 6386 §9.1).
    private static let vp8Header = 10

    /// A packet of a VP8 frame (RFC 7741 §4.2): descriptor with all fields, payload header in the frame's first packet, the stamp, filling. The
    /// pictures of upper temporal layers refer to the base alone.
    package func vp8(
        pictureID: UInt16, tl0PicIdx: UInt8, temporalID: UInt8 = 0, keyIndex: UInt8, width: UInt16, height: UInt16, length: Int
    ) -> [UInt8] {
        ByteWriter.array { writer in
            writer.uint8(0x80 | (index == 0 ? 0x10 : 0))
            writer.uint8(0xf0)
            writer.uint16(0x8000 | pictureID & 0x7fff)
            writer.uint8(tl0PicIdx)
            writer.uint8(temporalID << 6 | (temporalID > 0 ? 0x20 : 0) | keyIndex & 0x1f)
            if index == 0, isKeyframe {
                writer.uint24(0x10_0000)
                writer.uint24(0x9d_012a)
                writer.uint16((width & 0x3fff).byteSwapped)
                writer.uint16((height & 0x3fff).byteSwapped)
            } else {
                writer.uint8(index == 0 ? 0x11 : 0)
                writer.zeros(PayloadStamp.vp8Header - 1)
            }
            write(into: &writer)
            fill(&writer, upTo: length)
        } ?? []
    }

    /// Reads a packet that `vp8` made; nil when it is not one, or was changed.
    package static func parse(vp8 payload: RawSpan, _ descriptor: VP8Descriptor) -> PayloadStamp? {
        let offset = descriptor.length + vp8Header
        guard let stamp = PayloadStamp(payload, at: offset), stamp.isFilled(payload, from: offset + length) else { return nil }
        guard descriptor.isKeyframeStart == (stamp.isKeyframe && stamp.index == 0) else { return nil }
        return stamp
    }

    // MARK: Opus

    /// A packet of sound: a table-of-contents byte (RFC 6716 §3.1: CELT, 20 ms), the stamp, filling.
    package func opus(length: Int) -> [UInt8] {
        ByteWriter.array { writer in
            writer.uint8(0xfc)
            write(into: &writer)
            fill(&writer, upTo: length)
        } ?? []
    }

    package static func parse(opus payload: RawSpan) -> PayloadStamp? {
        guard let stamp = PayloadStamp(payload, at: 1), stamp.isFilled(payload, from: 1 + length) else { return nil }
        return stamp
    }
}

extension PayloadStamp {
    /// Reads a payload of `codec` that was made here; nil when it is not one, or was changed.
    package static func parse(_ codec: Codec, _ payload: RawSpan) -> PayloadStamp? {
        switch codec {
        case .opus: parse(opus: payload)
        case .red:
            RedundantAudio.parse(payload).flatMap { parse(opus: payload.extracting($0.primaryOffset..<payload.byteCount)) }
        case .vp8: VP8Descriptor.parse(payload).flatMap { parse(vp8: payload, $0) }
        case .h264: parse(h264: payload)
        case .vp9: VP9Descriptor.parse(payload).flatMap { parse(vp9: payload, $0) }
        case .av1: parse(av1: payload)
        }
    }
}
