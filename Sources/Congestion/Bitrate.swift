import MediaPrimitives

/// A rate in bits per second, of datagrams without the headers of UDP and IP unless it says otherwise. Never negative, and at most
/// `Bitrate.maximum`, whatever it was worked out from: arithmetic saturates and cannot trap.
@frozen @usableFromInline
package struct Bitrate: Comparable, Hashable, Sendable, CustomStringConvertible {
    @usableFromInline package let bitsPerSecond: Int

    /// 10 Gbit/s: above everything that one transport sends.
    package static let maximum = Bitrate(bitsPerSecond: 10_000_000_000)
    package static let zero = Bitrate(bitsPerSecond: 0)

    @inlinable package init(bitsPerSecond: Int) { self.bitsPerSecond = min(max(bitsPerSecond, 0), 10_000_000_000) }

    /// From a fraction; what is not a number is 0.
    @inlinable package init(_ bitsPerSecond: Double) {
        self.bitsPerSecond = bitsPerSecond > 0 ? Int(min(bitsPerSecond, 10_000_000_000)) : 0
    }

    /// Of so many bytes in so long a time; 0 for no time.
    @inlinable package init(bytes: Int, in interval: Interval) {
        self.init(interval.nanoseconds > 0 ? Double(bytes) * 8e9 / Double(interval.nanoseconds) : 0)
    }

    @inlinable package static func kilobits(_ n: Int) -> Bitrate { Bitrate(bitsPerSecond: n &* 1_000) }

    /// What passes at this rate in so long a time, in bytes, with fractions.
    @inlinable package func exactBytes(in interval: Interval) -> Double {
        Double(bitsPerSecond) * Double(max(interval.nanoseconds, 0)) / 8e9
    }

    /// The same in whole bytes; at most 2^53.
    @inlinable package func bytes(in interval: Interval) -> Int { Int(min(exactBytes(in: interval), 9_007_199_254_740_992)) }

    /// How long so many bytes take; `distantFuture`'s distance, near enough, at no rate at all.
    @inlinable package func time(for bytes: Int) -> Interval {
        guard bitsPerSecond > 0 else { return Interval(nanoseconds: .max / 4) }
        return Interval(nanoseconds: Int64(min(Double(max(bytes, 0)) * 8e9 / Double(bitsPerSecond), 2.3e18)))
    }

    @inlinable package static func < (a: Bitrate, b: Bitrate) -> Bool { a.bitsPerSecond < b.bitsPerSecond }
    @inlinable package static func + (a: Bitrate, b: Bitrate) -> Bitrate { Bitrate(bitsPerSecond: a.bitsPerSecond &+ b.bitsPerSecond) }
    /// 0 where `b` is more.
    @inlinable package static func - (a: Bitrate, b: Bitrate) -> Bitrate { Bitrate(bitsPerSecond: a.bitsPerSecond &- b.bitsPerSecond) }
    @inlinable package static func * (a: Bitrate, factor: Double) -> Bitrate { Bitrate(Double(a.bitsPerSecond) * factor) }
    /// How many times `b` fits; 0 for no rate.
    @inlinable package static func / (a: Bitrate, b: Bitrate) -> Double {
        b.bitsPerSecond > 0 ? Double(a.bitsPerSecond) / Double(b.bitsPerSecond) : 0
    }

    @usableFromInline package var description: String { "\(bitsPerSecond / 1_000) kbit/s" }
}

extension Interval {
    /// Without its sign; saturates.
    package var magnitude: Interval { Interval(nanoseconds: Int64(clamping: nanoseconds.magnitude)) }
}
