import MediaPrimitives

/// A source description (RFC 3550 §6.5), read and written for its one item that matters here: the CNAME.
@frozen @usableFromInline
package struct SourceDescription: Hashable, Sendable {
    @usableFromInline package var ssrc: SSRC
    /// Where the CNAME's bytes lie in the datagram.
    @usableFromInline package let offset: Int
    /// 0 to 255.
    @usableFromInline package let length: Int

    /// What the length byte of an item can count.
    package static let maximumLength = 255

    /// The first CNAME in the packet; nil when a chunk or item is cut short before one is found.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> SourceDescription? {
        guard packet.kind == .sourceDescription, packet.end <= datagram.byteCount else { return nil }
        var at = packet.bodyOffset
        for _ in 0..<packet.count {
            guard at &+ 4 <= packet.end, let ssrc = datagram.uint32(at: at) else { return nil }
            at = at &+ 4
            while true {
                guard at < packet.end, let type = datagram.uint8(at: at) else { return nil }
                if type == 0 {
                    // The list ends with a null byte and is padded to the next word of the packet.
                    at = at &+ 4 &- (at &- packet.offset) & 3
                    break
                }
                guard at &+ 2 <= packet.end, let length = datagram.uint8(at: at &+ 1), at &+ 2 &+ Int(length) <= packet.end else {
                    return nil
                }
                if type == 1 { return SourceDescription(ssrc: SSRC(ssrc), offset: at &+ 2, length: Int(length)) }
                at = at &+ 2 &+ Int(length)
            }
        }
        return nil
    }

    /// The CNAME as text, from the datagram that was parsed. Allocates.
    package func cname(in datagram: RawSpan) -> String {
        String(decoding: datagram.array(offset..<offset &+ length), as: UTF8.self)
    }

    /// Appends a packet with one chunk of one CNAME; more than 255 bytes set `writer.overflowed`.
    package static func write(into writer: inout ByteWriter, ssrc: SSRC, cname: String) {
        guard cname.utf8.count <= maximumLength else {
            writer.overflowed = true
            return
        }
        let start = writer.beginRTCP(type: 202, count: 1)
        writer.uint32(ssrc.rawValue)
        writer.uint8(1)
        writer.uint8(UInt8(truncatingIfNeeded: cname.utf8.count))
        writer.bytes(cname)
        writer.zeros(4 &- (writer.count &- start) & 3)
        writer.endRTCP(start)
    }
}
