import MediaPrimitives

/// A user fragment of at most 32 bytes as a plain value: the key under which a transport is found by a check from a new address.
///
/// RFC 8445 §5.3 allows 256 characters, but only our own fragments are looked up, and ours are short.
@frozen @usableFromInline
package struct UfragKey: Hashable, Sendable {
    package static let maximumLength = 32

    // The bytes from the highest of `a` downwards, zeros behind. No fragment holds a zero byte, so the length needs no field.
    @usableFromInline var a: UInt64 = 0
    @usableFromInline var b: UInt64 = 0
    @usableFromInline var c: UInt64 = 0
    @usableFromInline var d: UInt64 = 0

    /// Nil when `ufrag` is empty, longer than 32 bytes, or holds a character that no user fragment has (RFC 8839 §5.4).
    package init?(_ ufrag: String) {
        var length = 0
        for byte in ufrag.utf8 { guard append(byte, at: &length) else { return nil } }
        if length == 0 { return nil }
    }

    /// The bytes of `range` before the first colon; nil as above, or without a colon.
    init?(_ packet: RawSpan, upToColonIn range: Range<Int>) {
        var length = 0
        for offset in range {
            guard let byte = packet.uint8(at: offset) else { return nil }
            if byte == UInt8(ascii: ":") {
                if length == 0 { return nil }
                return
            }
            guard append(byte, at: &length) else { return nil }
        }
        return nil
    }

    /// The worker that the first character names (`ICECredentials.random(_:worker:)`); nil for one that names none.
    package var worker: Int? {
        let first = UInt8(truncatingIfNeeded: a >> 56)
        return switch first {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(first &- UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(first &- UInt8(ascii: "a")) &+ 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(first &- UInt8(ascii: "0")) &+ 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    private mutating func append(_ byte: UInt8, at length: inout Int) -> Bool {
        guard length < UfragKey.maximumLength, UfragKey.isAllowed(byte) else { return false }
        let bits = UInt64(byte) << UInt64(56 &- 8 &* (length & 7))
        switch length >> 3 {
        case 0: a |= bits
        case 1: b |= bits
        case 2: c |= bits
        default: d |= bits
        }
        length &+= 1
        return true
    }

    /// ice-char: ALPHA, DIGIT, "+" and "/"; "-", "_" and "=" are seen from clients and do no harm.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
