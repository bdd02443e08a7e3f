/// So many at once, and one each `interval` from then on.
struct RateAllowance {
    private let interval: Duration
    private let burst: Int
    /// When all that was taken will have been given back.
    private var repaid: ContinuousClock.Instant?

    init(every interval: Duration, burst: Int) {
        self.interval = interval
        self.burst = burst
    }

    /// Takes one; false where there is none left.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        let start = max(repaid ?? now, now)
        guard now.duration(to: start) <= interval * (burst - 1) else { return false }
        repaid = start + interval
        return true
    }
}
