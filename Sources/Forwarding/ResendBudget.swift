import MediaPrimitives

/// How much may be sent again: a share of the media sent, and a floor so that repair survives a burst of loss. Bounds what a flood of NACKs costs.
package struct ResendBudget {
    private static let floorPerSecond = 64_000
    private static let ceiling = 256_000

    private var bytes = ResendBudget.ceiling / 2
    private var refilledAt: Instant?

    package init() {}

    /// A quarter of what is sent may be sent again.
    @inline(__always)
    package mutating func credit(_ sent: Int) { bytes = min(ResendBudget.ceiling, bytes &+ sent &>> 2) }

    /// Whether anything may be sent again now.
    package mutating func allows(at now: Instant) -> Bool {
        if let refilledAt {
            let elapsed = min(max(0, (now - refilledAt).nanoseconds), 1_000_000_000)
            let refill = Int(elapsed) / 1_000 * ResendBudget.floorPerSecond / 1_000_000
            if refill > 0 {
                bytes = min(ResendBudget.ceiling, bytes + refill)
                self.refilledAt = now
            }
        } else {
            refilledAt = now
        }
        return bytes > 0
    }

    /// Enough is left for what is asked for the first time, whatever is sent more than once.
    package var isAmple: Bool { bytes > ResendBudget.ceiling / 4 }

    /// So many bytes are sent again.
    package mutating func spend(_ length: Int) { bytes -= length }
}
