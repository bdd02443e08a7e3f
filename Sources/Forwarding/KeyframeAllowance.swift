import MediaPrimitives

/// How often one subscriber may have a keyframe made: each costs all the others quality.
package struct KeyframeAllowance: Sendable {
    private static let burst = 5
    private static let interval = Interval.seconds(2)

    private var remaining = KeyframeAllowance.burst
    private var refilledAt: Instant?

    package init() {}

    /// Whether it may ask now; it is then taken as having asked. Five in a row, and one more every two seconds.
    package mutating func take(at now: Instant) -> Bool {
        if let since = refilledAt {
            let earned = (now - since).nanoseconds / KeyframeAllowance.interval.nanoseconds
            if earned > 0 {
                remaining = Int(min(Int64(KeyframeAllowance.burst), Int64(remaining) + earned))
                refilledAt = remaining == KeyframeAllowance.burst ? nil : since + KeyframeAllowance.interval * earned
            }
        }
        guard remaining > 0 else { return false }
        remaining -= 1
        if refilledAt == nil { refilledAt = now }
        return true
    }
}
