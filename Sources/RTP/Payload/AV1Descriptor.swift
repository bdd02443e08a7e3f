import MediaPrimitives

/// The aggregation header of AV1 payloads and what the OBU headers tell ("RTP Payload Format For AV1", §4.4).
///
///      0 1 2 3 4 5 6 7
///     |Z|Y| W |N|-|-|-|
@frozen @usableFromInline
package struct AV1Descriptor: Hashable, Sendable {
    /// Z: the first OBU element continues one of the packet before.
    @usableFromInline package var continuesOBU = false
    /// Y: the last OBU element goes on in the next packet.
    @usableFromInline package var isContinued = false
    /// N: the first packet of a coded video sequence.
    @usableFromInline package var startsSequence = false
    /// A sequence header OBU starts in the packet.
    @usableFromInline package var hasSequenceHeader = false
    /// The first OBU that starts here belongs to the start of a frame: a delimiter, sequence header, frame header or whole frame.
    /// With several tile groups or layers the dependency descriptor is the surer sign.
    @usableFromInline package var startsFrame = false
    /// The size of the picture in pixels, of the largest layer, from a sequence header; else 0.
    @usableFromInline package var width: UInt16 = 0
    @usableFromInline package var height: UInt16 = 0

    /// A receiver that knows nothing yet can start here.
    @inlinable package var isKeyframeStart: Bool { startsSequence && hasSequenceHeader }

    init() {}

    /// OBU elements looked at in one packet; a frame's start has few.
    private static let maximumElements = 16

    /// Reads an RTP payload; nil when it is empty or its first OBU element is cut short.
    package static func parse(_ payload: RawSpan) -> AV1Descriptor? {
        guard let first = payload.uint8(at: 0) else { return nil }
        var descriptor = AV1Descriptor()
        descriptor.continuesOBU = first & 0x80 != 0
        descriptor.isContinued = first & 0x40 != 0
        descriptor.startsSequence = first & 0x08 != 0
        // §4.4: a packet cannot both start a sequence and continue an OBU.
        if descriptor.startsSequence && descriptor.continuesOBU { return nil }
        let declared = Int(first >> 4 & 0x03)
        var at = 1
        var element = 0
        while at < payload.byteCount, element < maximumElements {
            element = element &+ 1
            // W counts the elements, and the last of them has no length; with W 0 every element has one.
            if declared == 0 || element < declared {
                guard let size = LEB128.parse(payload, at: at) else { return element == 1 ? nil : descriptor }
                at = at &+ size.length
                guard size.value > 0, size.value <= payload.byteCount &- at else { return element == 1 ? nil : descriptor }
                if !(element == 1 && descriptor.continuesOBU) { descriptor.take(payload, at..<(at &+ size.value), element: element) }
                at = at &+ size.value
            } else {
                if !(element == 1 && descriptor.continuesOBU) { descriptor.take(payload, at..<payload.byteCount, element: element) }
                break
            }
        }
        return element == 0 ? nil : descriptor
    }

    private mutating func take(_ payload: RawSpan, _ obu: Range<Int>, element: Int) {
        guard let header = payload.uint8(at: obu.lowerBound), header & 0x80 == 0 else { return }
        let type = header >> 3 & 0x0f
        if type == 1 {
            hasSequenceHeader = true
            // Behind the header there may be the extension's byte, and the size, which is left out in RTP but need not be.
            var body = obu.lowerBound &+ (header & 0x04 == 0 ? 1 : 2)
            if header & 0x02 != 0 { body = body &+ (LEB128.parse(payload, at: body)?.length ?? 0) }
            if body < obu.upperBound, let size = PictureSize.ofSequenceHeader(payload, in: body..<obu.upperBound) { (width, height) = size }
        }
        switch type {
        // Sequence header, temporal delimiter, frame header, frame.
        case 1, 2, 3, 6: if element == 1 { startsFrame = true }
        default: break
        }
    }
}

/// AV1's variable-length integers (AV1 specification §4.10.5).
enum LEB128 {
    /// The value at `offset` and its length in bytes; nil when it is cut short, longer than 8 bytes or above 32 bits.
    static func parse(_ bytes: RawSpan, at offset: Int) -> (value: Int, length: Int)? {
        var value: UInt64 = 0
        for i in 0..<8 {
            guard let byte = bytes.uint8(at: offset &+ i) else { return nil }
            value |= UInt64(byte & 0x7f) << UInt64(7 &* i)
            if byte & 0x80 == 0 { return value <= UInt64(UInt32.max) ? (Int(value), i &+ 1) : nil }
        }
        return nil
    }
}
