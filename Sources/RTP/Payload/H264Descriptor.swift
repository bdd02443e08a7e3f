import MediaPrimitives

/// What an H.264 payload says about key frames (RFC 6184 §5): single NAL units, STAP-A and FU-A; other aggregates and fragments are not
/// part of packetization modes 0 and 1, and are forwarded as opaque.
@frozen @usableFromInline
package struct H264Descriptor: Hashable, Sendable {
    /// The type of the packet's first NAL unit (that inside of a STAP-A or FU-A): 1 to 23, else that of the packet itself.
    @usableFromInline package var type: UInt8 = 0
    /// A sequence parameter set is the first NAL unit here, but for a delimiter or enhancement information before it: where a receiver that
    /// knows nothing yet can start. Parameter sets may come in packets of their own (mode 0), before the IDR slice and with its timestamp.
    @usableFromInline package var startsWithParameterSets = false
    /// A sequence parameter set is somewhere in the packet.
    @usableFromInline package var hasSequenceParameterSet = false
    /// The first slice of an IDR picture starts somewhere in the packet.
    @usableFromInline package var startsIDR = false
    /// The first slice of a picture, or something that can only come before it, starts the packet. The timestamp is the surer sign.
    @usableFromInline package var startsFrame = false
    /// The size of the picture in pixels, from a sequence parameter set; else 0.
    @usableFromInline package var width: UInt16 = 0
    @usableFromInline package var height: UInt16 = 0

    /// A key frame can be entered here: an SPS, or an IDR slice for those who were given the parameter sets before.
    @inlinable package var isKeyframeStart: Bool { hasSequenceParameterSet || startsIDR }

    init() {}

    private static let stapA: UInt8 = 24
    private static let fuA: UInt8 = 28

    /// Reads an RTP payload; nil when it is empty, of the reserved types, or cut short. Units of a STAP-A before a cut still count.
    package static func parse(_ payload: RawSpan) -> H264Descriptor? {
        guard let first = payload.uint8(at: 0), first & 0x1f != 0, first & 0x1f <= 29 else { return nil }
        var descriptor = H264Descriptor()
        descriptor.type = first & 0x1f
        switch first & 0x1f {
        case 1...23:
            descriptor.take(type: first & 0x1f, payload, 1..<max(1, payload.byteCount), isFirst: true)
            descriptor.startsWithParameterSets = descriptor.hasSequenceParameterSet
        case stapA:
            return descriptor.parseAggregate(payload) ? descriptor : nil
        case fuA:
            guard let fragment = payload.uint8(at: 1) else { return nil }
            descriptor.type = fragment & 0x1f
            // S: only the first fragment starts anything.
            if fragment & 0x80 != 0 {
                descriptor.take(type: fragment & 0x1f, payload, 2..<max(2, payload.byteCount), isFirst: true)
            }
            descriptor.startsWithParameterSets = descriptor.hasSequenceParameterSet
        default: break
        }
        return descriptor
    }

    private mutating func parseAggregate(_ payload: RawSpan) -> Bool {
        var at = 1
        var isFirst = true
        var onlyPreamble = true
        while let size = payload.uint16(at: at), size > 0, let header = payload.uint8(at: at &+ 2) {
            if isFirst { type = header & 0x1f }
            take(type: header & 0x1f, payload, (at &+ 3)..<(at &+ 2 &+ Int(size)), isFirst: isFirst)
            if onlyPreamble, hasSequenceParameterSet { startsWithParameterSets = true }
            // A delimiter or enhancement information may stand before the parameter sets.
            if header & 0x1f != 6, header & 0x1f != 9 { onlyPreamble = false }
            isFirst = false
            at = at &+ 2 &+ Int(size)
        }
        return !isFirst
    }

    /// Notes a NAL unit; `body` is what follows its header, as far as it goes in the packet.
    private mutating func take(type: UInt8, _ payload: RawSpan, _ body: Range<Int>, isFirst: Bool) {
        switch type {
        case 1, 2, 5:
            // first_mb_in_slice is the first Exp-Golomb code of the slice: a leading 1 is the value 0, the picture's first slice.
            guard !body.isEmpty, let first = payload.uint8(at: body.lowerBound), first & 0x80 != 0 else { return }
            if type == 5 { startsIDR = true }
            if isFirst { startsFrame = true }
        case 7:
            hasSequenceParameterSet = true
            if let size = PictureSize.ofParameterSet(payload, in: body) { (width, height) = size }
            if isFirst { startsFrame = true }
        case 6, 8, 9:
            if isFirst { startsFrame = true }
        default: break
        }
    }
}
