import MediaPrimitives

/// One RTP payload of a recording, as far as it is the same for everybody who gets it: of VP8 and VP9 without the descriptor, whose numbers are
/// the stream's and are rewritten on the way.
package struct RecordedPacket: Sendable {
    package let bytes: [UInt8]
    package let hash: UInt64

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        hash = RecordedPacket.hash(bytes.span.bytes)
    }

    /// A payload is no longer than this, so that with headers, extensions and the tag of SRTP it fits into a datagram of 1,200 bytes.
    static let longestPayload = 1_100

    /// Tells payloads apart: another eight bytes somewhere always give another value, and two payloads have the same one by chance alone.
    package static func hash(_ bytes: RawSpan) -> UInt64 {
        var hash = UInt64(truncatingIfNeeded: bytes.byteCount) &* prime
        var at = 0
        while let word = bytes.uint64(at: at) {
            hash = mixed(hash ^ word)
            at = at &+ 8
        }
        var rest: UInt64 = 0
        while let byte = bytes.uint8(at: at) {
            rest = rest << 8 | UInt64(byte)
            at = at &+ 1
        }
        return mixed(hash ^ rest)
    }

    private static let prime: UInt64 = 0x9e37_79b9_7f4a_7c15

    private static func mixed(_ value: UInt64) -> UInt64 {
        let product = value &* prime
        return product ^ product >> 29
    }

    /// Cuts bytes into as few parts of at most `limit` as possible, of about the same length.
    static func parts(of range: Range<Int>, limit: Int) -> [Range<Int>] {
        let count = max(1, (range.count + limit - 1) / limit)
        return (0..<count).map { part in
            (range.lowerBound + range.count * part / count)..<(range.lowerBound + range.count * (part + 1) / count)
        }
    }
}
