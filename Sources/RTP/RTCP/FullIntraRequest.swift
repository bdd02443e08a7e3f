import MediaPrimitives

/// A full intra request (RFC 5104 §4.3.1): these sources are to send a key frame each.
@frozen @usableFromInline
package struct FullIntraRequest: Hashable, Sendable {
    /// Who asks.
    @usableFromInline package var sender: SSRC
    @usableFromInline let entriesOffset: Int
    /// 1 to `maximumEntries`.
    @usableFromInline package let entryCount: Int

    /// One source that is asked.
    @frozen @usableFromInline
    package struct Entry: Hashable, Sendable {
        @usableFromInline package var ssrc: SSRC
        /// Wraps; the same number again repeats a request, and asks for nothing new.
        @usableFromInline package var sequenceNumber: UInt8

        @inlinable package init(ssrc: SSRC, sequenceNumber: UInt8) {
            self.ssrc = ssrc
            self.sequenceNumber = sequenceNumber
        }
    }

    /// Entries taken from or put into one message. One participant sends tens of encodings at most.
    package static let maximumEntries = 64

    /// Reads the message; nil when it is cut short or has no entry. Entries past `maximumEntries` are left out.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> FullIntraRequest? {
        guard packet.kind == .fullIntraRequest, packet.length >= 20, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: packet.bodyOffset)
        else { return nil }
        return FullIntraRequest(
            sender: SSRC(sender), entriesOffset: packet.bodyOffset &+ 8, entryCount: min((packet.length &- 12) / 8, maximumEntries))
    }

    /// Entry `index` of `datagram`, the one that was parsed; nil from `entryCount` on.
    package func entry(_ index: Int, in datagram: RawSpan) -> Entry? {
        guard index >= 0, index < entryCount, let ssrc = datagram.uint32(at: entriesOffset &+ 8 &* index),
            let number = datagram.uint8(at: entriesOffset &+ 8 &* index &+ 4)
        else { return nil }
        return Entry(ssrc: SSRC(ssrc), sequenceNumber: number)
    }

    /// Appends a message with the first `maximumEntries` of `entries`; nothing for none. The SSRC of the media source is 0 (§4.3.1.2).
    package static func write(into writer: inout ByteWriter, sender: SSRC, entries: Span<Entry>) {
        guard entries.count > 0 else { return }
        let start = writer.beginRTCP(type: 206, count: 4)
        writer.uint32(sender.rawValue)
        writer.uint32(0)
        for i in 0..<min(entries.count, maximumEntries) {
            writer.uint32(entries[i].ssrc.rawValue)
            writer.uint8(entries[i].sequenceNumber)
            writer.uint24(0)
        }
        writer.endRTCP(start)
    }
}
