import MediaPrimitives

/// One worker's state in numbers, for metrics.
package struct WorkerStatistics: Sendable {
    package var counters = Counters()
    package var transports = 0
    package var rooms = 0
    /// Those who are not hidden.
    package var participants = 0
    package var publications = 0
    /// Those whose track is there.
    package var subscriptions = 0
    /// How late the loop served its timers, the worst since the last reading.
    package var loopLag: Interval = .zero

    package init() {}
}
