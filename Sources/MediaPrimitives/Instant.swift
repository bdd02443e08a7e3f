/// A point on the worker's monotonic clock, in nanoseconds. Instants of different clocks must not be compared.
///
/// Only the worker's loop (or the simulator) makes instants; everything else is handed them.
@frozen @usableFromInline
package struct Instant: Comparable, Hashable, Sendable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Later than every instant a clock will reach: "no deadline".
    package static let distantFuture = Instant(nanoseconds: .max)

    @inlinable package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func - (a: Instant, b: Instant) -> Interval { Interval(nanoseconds: a.nanoseconds &- b.nanoseconds) }

    /// Saturates at `distantFuture`.
    @inlinable package static func + (a: Instant, b: Interval) -> Instant {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return overflow ? Instant(nanoseconds: .max) : Instant(nanoseconds: sum)
    }
    @inlinable package static func - (a: Instant, b: Interval) -> Instant { Instant(nanoseconds: a.nanoseconds &- b.nanoseconds) }
}

/// A length of time in nanoseconds. Cheaper than the standard library's 128-bit `Duration`, and with exactly the unit that the media path needs.
@frozen @usableFromInline
package struct Interval: Comparable, Hashable, Sendable {
    @usableFromInline package var nanoseconds: Int64

    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = Interval(nanoseconds: 0)
    @inlinable package static func microseconds(_ n: Int64) -> Interval { Interval(nanoseconds: n &* 1_000) }
    @inlinable package static func milliseconds(_ n: Int64) -> Interval { Interval(nanoseconds: n &* 1_000_000) }
    @inlinable package static func seconds(_ n: Int64) -> Interval { Interval(nanoseconds: n &* 1_000_000_000) }

    @inlinable package var seconds: Double { Double(nanoseconds) / 1e9 }
    @inlinable package var milliseconds: Double { Double(nanoseconds) / 1e6 }

    @inlinable package static func < (a: Interval, b: Interval) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func + (a: Interval, b: Interval) -> Interval { Interval(nanoseconds: a.nanoseconds &+ b.nanoseconds) }
    @inlinable package static func - (a: Interval, b: Interval) -> Interval { Interval(nanoseconds: a.nanoseconds &- b.nanoseconds) }
    @inlinable package static func * (a: Interval, b: Int64) -> Interval { Interval(nanoseconds: a.nanoseconds &* b) }
    @inlinable package static func / (a: Interval, b: Int64) -> Interval { Interval(nanoseconds: a.nanoseconds / b) }
}
