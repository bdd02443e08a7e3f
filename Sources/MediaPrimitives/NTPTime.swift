/// A 64-bit NTP timestamp: seconds since 1900 in 32.32 fixed point (RFC 3550 §4).
@frozen @usableFromInline
package struct NTPTime: Hashable, Sendable {
    @usableFromInline package var rawValue: UInt64

    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The wall clock, from nanoseconds since the Unix epoch.
    package init(unixNanoseconds: Int64) {
        let n = UInt64(bitPattern: unixNanoseconds)
        let seconds = n / 1_000_000_000 &+ 2_208_988_800
        let fraction = ((n % 1_000_000_000) << 32) / 1_000_000_000
        rawValue = seconds << 32 | fraction
    }

    /// The middle 32 bits, as LSR and DLSR use them (RFC 3550 §6.4.1).
    @inlinable package var middle: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 16) }

    /// Signed distance `self - other`; right for distances below 68 years.
    package func since(_ other: NTPTime) -> Interval {
        let difference = Int64(bitPattern: rawValue &- other.rawValue)
        let seconds = difference >> 32
        let fraction = difference & 0xffff_ffff
        return Interval(nanoseconds: seconds &* 1_000_000_000 &+ (fraction &* 1_000_000_000) >> 32)
    }

    /// `self + interval`.
    package func advanced(by interval: Interval) -> NTPTime {
        let seconds = interval.nanoseconds / 1_000_000_000
        let rest = interval.nanoseconds % 1_000_000_000
        return NTPTime(rawValue: rawValue &+ UInt64(bitPattern: seconds << 32 &+ (rest << 32) / 1_000_000_000))
    }
}
