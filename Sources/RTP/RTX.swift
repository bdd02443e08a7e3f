import MediaPrimitives

/// The retransmission payload format (RFC 4588 §4): the original sequence number (OSN), then the original payload.
package enum RTX {
    /// Bytes of the OSN before the original payload.
    package static let headerLength = 2

    /// The sequence number of the packet that `packet` repeats; nil for padding, which has no payload.
    package static func originalSequenceNumber(_ packet: RawSpan, _ header: RTPHeader) -> SequenceNumber? {
        guard header.payloadLength >= headerLength, header.payloadOffset &+ header.payloadLength <= packet.byteCount else { return nil }
        return packet.uint16(at: header.payloadOffset).map { SequenceNumber($0) }
    }
}
