import MediaPrimitives

/// A payload of redundant audio (RFC 2198 §3): frames that were sent before, and last the one that is new, the primary.
///
///      0                   1                   2                   3
///     |F|   block PT  |      timestamp offset     |   block length    |  for each older frame, F = 1
///     |0|   block PT  |                                                  of the primary
///
/// The blocks follow in the same order. Parsing walks the headers once, and bounds their number.
@frozen @usableFromInline
package struct RedundantAudio: Hashable, Sendable {
    /// More frames than anybody repeats: browsers send one or two.
    package static let blockLimit = 16
    private static let headerLength = 4

    /// The payload type of the primary's codec.
    package var primaryType: UInt8
    /// Where the primary begins; it goes to the end of the payload. At the end, where it is empty.
    package var primaryOffset: Int
    /// How many older frames there are.
    package var blocks: Int

    /// One older frame.
    package struct Block: Hashable, Sendable {
        package var payloadType: UInt8
        /// How far its timestamp is before that of the packet, in units of it; 14 bits.
        package var timestampOffset: UInt32
        package var range: Range<Int>
    }

    /// Nil for headers without an end, too many of them, and blocks that reach beyond the payload.
    package static func parse(_ payload: RawSpan) -> RedundantAudio? {
        var (at, length, blocks) = (0, 0, 0)
        while let first = payload.uint8(at: at) {
            guard first & 0x80 != 0 else {
                let offset = at + 1 + length
                guard offset <= payload.byteCount else { return nil }
                return RedundantAudio(primaryType: first, primaryOffset: offset, blocks: blocks)
            }
            guard blocks < blockLimit, let word = payload.uint32(at: at) else { return nil }
            length += Int(word & 0x3ff)
            blocks += 1
            at += headerLength
        }
        return nil
    }

    /// An older frame of the payload that this was parsed from, the oldest first; nil for what is not there.
    package func block(_ index: Int, in payload: RawSpan) -> Block? {
        guard index >= 0, index < blocks else { return nil }
        var start = blocks * RedundantAudio.headerLength + 1
        for number in 0...index {
            guard let word = payload.uint32(at: number * RedundantAudio.headerLength) else { return nil }
            let end = start + Int(word & 0x3ff)
            guard end <= payload.byteCount else { return nil }
            if number == index {
                return Block(payloadType: UInt8(word >> 24 & 0x7f), timestampOffset: word >> 10 & 0x3fff, range: start..<end)
            }
            start = end
        }
        return nil
    }

    /// Writes a payload of older frames, the oldest first, and the primary, all of one codec; false where a frame or its age does not fit.
    package static func write(
        older: [(timestampOffset: UInt32, frame: [UInt8])], primary: [UInt8], payloadType: UInt8, into writer: inout ByteWriter
    ) -> Bool {
        guard older.count <= blockLimit, older.allSatisfy({ $0.timestampOffset < 0x4000 && $0.frame.count < 0x400 }) else { return false }
        for (offset, frame) in older {
            writer.uint32(1 << 31 | UInt32(payloadType & 0x7f) << 24 | offset << 10 | UInt32(frame.count))
        }
        writer.uint8(payloadType & 0x7f)
        for (_, frame) in older { writer.bytes(frame) }
        writer.bytes(primary)
        return true
    }
}
