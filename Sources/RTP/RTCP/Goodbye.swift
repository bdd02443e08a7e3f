import MediaPrimitives

/// A BYE (RFC 3550 §6.6): these sources send no more. The reason is not read.
@frozen @usableFromInline
package struct Goodbye: Hashable, Sendable {
    @usableFromInline let offset: Int
    /// 0 to 31.
    @usableFromInline package let count: Int

    /// What its count can say.
    package static let maximumSources = 31

    /// Reads the packet; nil when its sources run past the end.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> Goodbye? {
        guard packet.kind == .goodbye, packet.end <= datagram.byteCount, packet.length >= 4 &+ 4 &* Int(packet.count) else { return nil }
        return Goodbye(offset: packet.bodyOffset, count: Int(packet.count))
    }

    /// Source `index` of `datagram`, the one that was parsed; nil from `count` on.
    package func source(_ index: Int, in datagram: RawSpan) -> SSRC? {
        guard index >= 0, index < count else { return nil }
        return datagram.uint32(at: offset &+ 4 &* index).map { SSRC($0) }
    }

    /// Appends a packet for one source.
    package static func write(into writer: inout ByteWriter, ssrc: SSRC) {
        let start = writer.beginRTCP(type: 203, count: 1)
        writer.uint32(ssrc.rawValue)
        writer.endRTCP(start)
    }

    /// Appends packets for `ssrcs`, as many as it takes and as find room; returns how many of the sources are in them, from the first on.
    package static func write(into writer: inout ByteWriter, ssrcs: Span<SSRC>) -> Int {
        var written = 0
        while written < ssrcs.count {
            let count = min(ssrcs.count &- written, maximumSources, (writer.room &- 4) / 4)
            guard count > 0 else { break }
            let start = writer.beginRTCP(type: 203, count: count)
            for index in written..<(written &+ count) { writer.uint32(ssrcs[index].rawValue) }
            writer.endRTCP(start)
            written = written &+ count
        }
        return written
    }
}
