import NIOCore

/// So many at once, and so many a second from then on.
struct RateAllowance {
    private let rate: Int64
    private let burst: Int64
    /// When all that was taken will have been given back.
    private var repaid: NIODeadline?

    init(rate: Int, burst: Int) {
        self.rate = Int64(max(1, rate))
        self.burst = Int64(max(1, burst))
    }

    /// Takes one; false where there is none left.
    mutating func take(at now: NIODeadline) -> Bool {
        let price = TimeAmount.nanoseconds(1_000_000_000 / rate)
        let start = max(repaid ?? now, now)
        guard start - now <= .nanoseconds(price.nanoseconds * (burst - 1)) else { return false }
        repaid = start + price
        return true
    }
}
