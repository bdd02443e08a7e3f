import MediaPrimitives

/// When another worker is rung for what lies in the ring to it: at once for what presses. For the rest only when it has not looked by itself within
/// a moment: a worker with much to hear turns some hundred times a second anyway, and a wake costs as much as a dozen packets.
package struct BellSchedule {
    package static let longestWait = Interval.milliseconds(2)
    /// By worker: since when something lies there that it was not rung for.
    private var waiting: [Instant?]

    package init(workers: Int) { waiting = Array(repeating: nil, count: workers) }

    /// Something was put into the ring to `other`. Whether to ring now.
    package mutating func noteNews(for other: Int, isPressing: Bool, at now: Instant) -> Bool {
        waiting[other] = isPressing ? nil : waiting[other] ?? now
        return isPressing
    }

    /// Rings where something has lain too long, of what the others have not read yet. Returns when to look again.
    package mutating func handleTimeout(at now: Instant, isRead: (Int) -> Bool, ring: (Int) -> Void) -> Instant {
        var next = Instant.distantFuture
        for other in waiting.indices {
            guard let since = waiting[other] else { continue }
            if isRead(other) {
                waiting[other] = nil
            } else if now - since >= BellSchedule.longestWait {
                waiting[other] = nil
                ring(other)
            } else {
                next = min(next, since + BellSchedule.longestWait)
            }
        }
        return next
    }
}
