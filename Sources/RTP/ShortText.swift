import MediaPrimitives

/// At most 16 bytes of text held inline: a `mid` (RFC 9143 §15), `rid` or repaired `rid` (RFC 8852) as header extensions carry them.
///
/// Plain bits, so that it is compared, stored and hashed on the packet path without a String.
@frozen @usableFromInline
package struct ShortText: Hashable, Sendable {
    @usableFromInline var low: UInt64
    @usableFromInline var high: UInt64
    @usableFromInline package private(set) var count: UInt8

    /// What fits in one element of the one-byte form (RFC 8285 §4.2).
    package static let maximumCount = 16

    /// Empty text.
    @inlinable package init() {
        low = 0
        high = 0
        count = 0
    }

    /// The UTF-8 of `text`; nil above 16 bytes.
    package init?(_ text: String) {
        self.init()
        for byte in text.utf8 { if !append(byte) { return nil } }
    }

    /// The `length` bytes at `offset`; nil when they do not lie inside, or are more than 16.
    package init?(_ bytes: RawSpan, at offset: Int, length: Int) {
        guard length >= 0, length <= ShortText.maximumCount else { return nil }
        self.init()
        for i in 0..<length {
            guard let byte = bytes.uint8(at: offset &+ i), append(byte) else { return nil }
        }
    }

    @inlinable package var isEmpty: Bool { count == 0 }

    /// Byte `index`; 0 past the end.
    @inlinable package subscript(index: Int) -> UInt8 {
        guard index >= 0, index < Int(count) else { return 0 }
        return UInt8(truncatingIfNeeded: (index < 8 ? low : high) >> UInt64(truncatingIfNeeded: 8 &* (index & 7)))
    }

    private mutating func append(_ byte: UInt8) -> Bool {
        guard Int(count) < ShortText.maximumCount else { return false }
        let shift = UInt64(count & 7) &* 8
        if count < 8 { low |= UInt64(byte) << shift } else { high |= UInt64(byte) << shift }
        count &+= 1
        return true
    }
}

extension ShortText: CustomStringConvertible {
    /// The text; bytes that are not UTF-8 become U+FFFD.
    @usableFromInline package var description: String {
        String(decoding: (0..<Int(count)).map { self[$0] }, as: UTF8.self)
    }
}

extension ByteWriter {
    mutating func text(_ text: ShortText) {
        for i in 0..<Int(text.count) { uint8(text[i]) }
    }
}
