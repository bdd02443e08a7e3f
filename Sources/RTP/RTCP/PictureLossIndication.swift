import MediaPrimitives

/// A picture loss indication (RFC 4585 §6.3.1): the receiver needs a key frame.
@frozen @usableFromInline
package struct PictureLossIndication: Hashable, Sendable {
    /// Who asks.
    @usableFromInline package var sender: SSRC
    /// Whose key frame is wanted.
    @usableFromInline package var media: SSRC

    @inlinable package init(sender: SSRC, media: SSRC) {
        self.sender = sender
        self.media = media
    }

    /// Bytes on the wire.
    package static let length = 12

    /// Reads the message; nil when it is cut short.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> PictureLossIndication? {
        guard packet.kind == .pictureLossIndication, packet.length >= length, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: packet.bodyOffset), let media = datagram.uint32(at: packet.bodyOffset &+ 4)
        else { return nil }
        return PictureLossIndication(sender: SSRC(sender), media: SSRC(media))
    }

    /// Appends the message.
    package func write(into writer: inout ByteWriter) {
        let start = writer.beginRTCP(type: 206, count: 1)
        writer.uint32(sender.rawValue)
        writer.uint32(media.rawValue)
        writer.endRTCP(start)
    }
}
