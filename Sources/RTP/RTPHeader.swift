import MediaPrimitives

/// The header of a received RTP packet (RFC 3550 §5.1) as plain values and offsets into the packet.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     |V=2|P|X|  CC   |M|     PT      |       sequence number         |
///     |                           timestamp                           |
///     |                             SSRC                              |
///     |                    CSRC, CC times (0 to 15)                   |
///     |      defined by profile       |     length in 32-bit words    |  where X is set (§5.3.1)
///     |                        header extension                       |
@frozen @usableFromInline
package struct RTPHeader: Hashable, Sendable {
    /// 0 to 127.
    @usableFromInline package var payloadType: UInt8
    @usableFromInline package var marker: Bool
    @usableFromInline package var sequenceNumber: SequenceNumber
    @usableFromInline package var timestamp: UInt32
    @usableFromInline package var ssrc: SSRC
    /// 0 to 15.
    @usableFromInline package var csrcCount: Int
    /// "Defined by profile": 0xBEDE or 0x100x for RFC 8285; 0 where there is no extension.
    @usableFromInline package var extensionProfile: UInt16
    /// Where the extension's elements start, after its own 4 bytes; 0 where there is none.
    @usableFromInline package var extensionOffset: Int
    /// Bytes of elements, a multiple of 4.
    @usableFromInline package var extensionLength: Int
    /// The whole header: fixed part, CSRCs and extension.
    @usableFromInline package var headerLength: Int
    /// Bytes of payload, padding taken off; 0 for a packet of padding only.
    @usableFromInline package var payloadLength: Int
    /// Bytes of padding at the end, the count itself included; 0 where P is clear.
    @usableFromInline package var paddingLength: Int

    /// Where the payload starts.
    @inlinable package var payloadOffset: Int { headerLength }

    /// The fixed part (RFC 3550 §5.1).
    package static let fixedLength = 12

    /// Reads the header; nil when the version is not 2, a part runs past the end, or the padding count is 0 or more than there is.
    package static func parse(_ packet: RawSpan) -> RTPHeader? {
        guard packet.byteCount >= fixedLength, let first = packet.uint8(at: 0), first >> 6 == 2, let second = packet.uint8(at: 1),
            let sequence = packet.uint16(at: 2), let timestamp = packet.uint32(at: 4), let ssrc = packet.uint32(at: 8)
        else { return nil }
        let csrcCount = Int(first & 0x0f)
        var headerLength = fixedLength &+ 4 &* csrcCount
        var profile: UInt16 = 0
        var extensionOffset = 0
        var extensionLength = 0
        if first & 0x10 != 0 {
            guard let value = packet.uint16(at: headerLength), let words = packet.uint16(at: headerLength &+ 2) else { return nil }
            profile = value
            extensionOffset = headerLength &+ 4
            extensionLength = 4 &* Int(words)
            headerLength = extensionOffset &+ extensionLength
        }
        guard headerLength <= packet.byteCount else { return nil }
        var payloadLength = packet.byteCount &- headerLength
        var paddingLength = 0
        if first & 0x20 != 0 {
            guard payloadLength > 0, let count = packet.uint8(at: packet.byteCount &- 1), count > 0, Int(count) <= payloadLength else {
                return nil
            }
            paddingLength = Int(count)
            payloadLength = payloadLength &- paddingLength
        }
        return RTPHeader(
            payloadType: second & 0x7f, marker: second & 0x80 != 0, sequenceNumber: SequenceNumber(sequence), timestamp: timestamp,
            ssrc: SSRC(ssrc), csrcCount: csrcCount, extensionProfile: profile, extensionOffset: extensionOffset,
            extensionLength: extensionLength, headerLength: headerLength, payloadLength: payloadLength, paddingLength: paddingLength)
    }
}
