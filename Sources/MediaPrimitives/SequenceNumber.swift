/// A 16-bit RTP sequence number: arithmetic wraps, and order is that of signed differences (RFC 1982's idea, RFC 3550's field).
@frozen @usableFromInline
package struct SequenceNumber: Hashable, Sendable {
    @usableFromInline package var rawValue: UInt16

    @inlinable package init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// How far `other` lies ahead (positive) or behind (negative) of `self`; exactly half the space counts as behind.
    @inlinable package func distance(to other: SequenceNumber) -> Int {
        Int(Int16(truncatingIfNeeded: other.rawValue &- rawValue))
    }
    @inlinable package func isNewer(than other: SequenceNumber) -> Bool { other.distance(to: self) > 0 }
    @inlinable package static func + (a: SequenceNumber, b: Int) -> SequenceNumber {
        SequenceNumber(a.rawValue &+ UInt16(truncatingIfNeeded: b))
    }
}

/// Turns wrapping 16-bit numbers into ever-growing 64-bit ones, taking each as the nearest to the highest seen.
@frozen @usableFromInline
package struct SequenceUnwrapper: Sendable {
    /// The highest extended number so far; nil before the first.
    @usableFromInline package var highest: Int64?

    @inlinable package init() {}

    /// The extended number of `value`, without taking note of it.
    @inlinable package func peek(_ value: UInt16) -> Int64 {
        guard let highest else { return Int64(value) &+ 0x1_0000 }
        return highest &+ Int64(Int16(truncatingIfNeeded: value &- UInt16(truncatingIfNeeded: highest)))
    }

    /// The extended number of `value`; a newer one becomes the reference. The first is lifted by one cycle, so that earlier ones stay positive.
    @inlinable package mutating func unwrap(_ value: UInt16) -> Int64 {
        let extended = peek(value)
        if let highest, extended <= highest { return extended }
        highest = extended
        return extended
    }
}

/// The same for 32-bit RTP timestamps.
@frozen @usableFromInline
package struct TimestampUnwrapper: Sendable {
    @usableFromInline package var last: Int64?

    @inlinable package init() {}

    /// The extended timestamp nearest to the previous one.
    @inlinable package mutating func unwrap(_ value: UInt32) -> Int64 {
        let extended: Int64
        if let last {
            extended = last &+ Int64(Int32(truncatingIfNeeded: value &- UInt32(truncatingIfNeeded: last)))
        } else {
            extended = Int64(value) &+ 0x1_0000_0000
        }
        last = extended
        return extended
    }
}
