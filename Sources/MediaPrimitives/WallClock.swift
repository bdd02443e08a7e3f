/// Ties the monotonic clock to the time of day, once per reading: what sender reports need, without a clock being read in the core.
package struct WallClock: Sendable {
    private let instant: Instant
    private let ntp: NTPTime

    /// At `instant` the time of day was `unixNanoseconds` since 1970.
    package init(instant: Instant, unixNanoseconds: Int64) {
        self.instant = instant
        ntp = NTPTime(unixNanoseconds: unixNanoseconds)
    }

    /// The time of day at `instant`.
    package func ntp(at instant: Instant) -> NTPTime { ntp.advanced(by: instant - self.instant) }
}
