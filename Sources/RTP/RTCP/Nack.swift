import MediaPrimitives

/// A generic NACK (RFC 4585 §6.2.1): items of a packet id (PID) and a mask of the 16 that follow it (BLP).
@frozen @usableFromInline
package struct Nack: Hashable, Sendable {
    /// Who asks.
    @usableFromInline package var sender: SSRC
    /// Whose packets are missing.
    @usableFromInline package var media: SSRC
    @usableFromInline let itemsOffset: Int
    /// Items in the message, each naming 1 to 17 packets.
    @usableFromInline package let itemCount: Int

    /// Items taken from or put into one message: what fits in one datagram of 1500 bytes.
    package static let maximumItems = 350

    /// Reads the message; nil when it is cut short or names no packet. Items past `maximumItems` are left out.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> Nack? {
        guard packet.kind == .nack, packet.length >= 16, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: packet.bodyOffset), let media = datagram.uint32(at: packet.bodyOffset &+ 4)
        else { return nil }
        return Nack(
            sender: SSRC(sender), media: SSRC(media), itemsOffset: packet.bodyOffset &+ 8,
            itemCount: min((packet.length &- 12) / 4, maximumItems))
    }

    /// Calls `body` for each sequence number that is asked for, in the order of the message. `datagram` is the one that was parsed.
    @inlinable package func forEach(in datagram: RawSpan, _ body: (SequenceNumber) -> Void) {
        for item in 0..<itemCount {
            guard let pid = datagram.uint16(at: itemsOffset &+ 4 &* item), var blp = datagram.uint16(at: itemsOffset &+ 4 &* item &+ 2)
            else { return }
            var sequence = SequenceNumber(pid)
            body(sequence)
            while blp != 0 {
                sequence = sequence + 1
                if blp & 1 != 0 { body(sequence) }
                blp >>= 1
            }
        }
    }

    /// Appends a message that asks for as many of `sequences` as there is room for, from the first on. They ascend (with wrap-around);
    /// repeats are asked for once. Returns how many were taken: the rest is for a further message. Writes nothing, and returns 0, for none.
    package static func write(into writer: inout ByteWriter, sender: SSRC, media: SSRC, sequences: Span<SequenceNumber>) -> Int {
        let items = min((writer.room &- 12) / 4, maximumItems)
        guard items > 0, sequences.count > 0 else { return 0 }
        let start = writer.beginRTCP(type: 205, count: 1)
        writer.uint32(sender.rawValue)
        writer.uint32(media.rawValue)
        var next = 0
        for _ in 0..<items where next < sequences.count {
            let pid = sequences[next]
            var blp: UInt16 = 0
            next = next &+ 1
            while next < sequences.count {
                let distance = pid.distance(to: sequences[next])
                guard distance >= 0, distance <= 16 else { break }
                if distance > 0 { blp |= 1 << UInt16(distance &- 1) }
                next = next &+ 1
            }
            writer.uint16(pid.rawValue)
            writer.uint16(blp)
        }
        writer.endRTCP(start)
        return next
    }
}
