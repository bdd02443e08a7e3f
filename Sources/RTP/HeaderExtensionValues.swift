import MediaPrimitives

/// What the negotiated header extensions of one packet say (RFC 8285). Anything absent, misshapen or not negotiated is nil.
@frozen @usableFromInline
package struct HeaderExtensionValues: Hashable, Sendable {
    /// RFC 9143 §15.
    @usableFromInline package var mid: ShortText?
    /// RtpStreamId (RFC 8852 §3.1).
    @usableFromInline package var rid: ShortText?
    /// RepairedRtpStreamId (RFC 8852 §3.2): on retransmissions, the rid of what they repair.
    @usableFromInline package var repairedRid: ShortText?
    /// When the sender sent it: 24 bits, seconds in 6.18 fixed point.
    @usableFromInline package var absSendTime: UInt32?
    /// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2).
    @usableFromInline package var transportSequence: UInt16?
    /// 0 (loudest) to 127 (silence), in -dBov (RFC 6464 §3).
    @usableFromInline package var audioLevel: UInt8?
    /// The V bit beside `audioLevel`: the sender believes that this is speech.
    @usableFromInline package var voiceActivity: Bool

    /// Where the dependency descriptor lies, from the first byte of the packet, and how long it is; 0 where there is none.
    @usableFromInline package var descriptorOffset: UInt16 = 0
    @usableFromInline package var descriptorLength: UInt8 = 0

    @inlinable package init() { voiceActivity = false }

    /// The dependency descriptor of `packet`, of which these are the values; empty where it has none.
    @inlinable package func descriptor(of packet: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let end = Int(descriptorOffset) &+ Int(descriptorLength)
        guard descriptorLength > 0, end <= packet.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: packet[Int(descriptorOffset)..<end])
    }

    /// Reads the elements that `map` names, in the one-byte or the two-byte form. Garbage ends the reading and what came before it stands:
    /// the packet itself is never refused for its extensions.
    package static func parse(_ packet: RawSpan, _ header: RTPHeader, _ map: HeaderExtensionMap) -> HeaderExtensionValues {
        var values = HeaderExtensionValues()
        let end = header.extensionOffset &+ header.extensionLength
        guard header.extensionLength > 0, header.extensionOffset > 0, end <= packet.byteCount else { return values }
        let isOneByte = header.extensionProfile == 0xbede
        guard isOneByte || header.extensionProfile & 0xfff0 == 0x1000 else { return values }
        var at = header.extensionOffset
        while at < end, let first = packet.uint8(at: at) {
            let id: UInt8
            let length: Int
            if isOneByte {
                // §4.2: id 15 ends the reading, and so does padding (id 0) that claims a length.
                if first >> 4 == 15 || (first >> 4 == 0 && first != 0) { break }
                id = first >> 4
                length = Int(first & 0x0f) &+ 1
            } else {
                id = first
                length = id == 0 ? 0 : Int(packet.uint8(at: at &+ 1) ?? 0)
            }
            if id == 0 {
                at = at &+ 1
                continue
            }
            let value = at &+ (isOneByte ? 1 : 2)
            guard value &+ length <= end else { break }
            values.take(packet, id: id, at: value, length: length, map)
            at = value &+ length
        }
        return values
    }

    private mutating func take(_ packet: RawSpan, id: UInt8, at: Int, length: Int, _ map: HeaderExtensionMap) {
        switch id {
        case map[.transportCC]:
            // Version 2 of the extension has two further bytes, a feedback request; the number comes first in both.
            if length == 2 || length == 4 { transportSequence = packet.uint16(at: at) }
        case map[.absSendTime]:
            if length == 3 { absSendTime = packet.uint24(at: at) }
        case map[.audioLevel]:
            // RFC 6464 §3: one byte; the two-byte form may be padded by a further one.
            guard length == 1 || length == 2, let level = packet.uint8(at: at) else { return }
            audioLevel = level & 0x7f
            voiceActivity = level & 0x80 != 0
        case map[.mid]:
            if length > 0 { mid = ShortText(packet, at: at, length: length) }
        case map[.rid]:
            if length > 0 { rid = ShortText(packet, at: at, length: length) }
        case map[.repairedRid]:
            if length > 0 { repairedRid = ShortText(packet, at: at, length: length) }
        case map[.dependencyDescriptor]:
            guard length > 0, let offset = UInt16(exactly: at), let count = UInt8(exactly: length) else { return }
            (descriptorOffset, descriptorLength) = (offset, count)
        default: break
        }
    }
}
