import MediaPrimitives

/// The least of a value over the last ten to twenty seconds: it forgets a path that is no longer taken.
package struct RecentMinimum {
    private static let period = Interval.seconds(10)

    private var former: Int64?
    private var current: Int64?
    private var begunAt: Instant?

    package init() {}

    /// nil before the first.
    package var value: Int64? {
        guard let current else { return former }
        return former.map { min($0, current) } ?? current
    }

    /// Notes a value, by which the least may become it.
    package mutating func note(_ value: Int64, at now: Instant) {
        if let begunAt, now - begunAt < RecentMinimum.period {
            current = current.map { min($0, value) } ?? value
        } else {
            former = current
            current = value
            begunAt = now
        }
    }
}

/// How long packets are under way: the round trip from when feedback comes, and what of it is a queue.
package struct PathDelay {
    private static let unknown = Interval.milliseconds(200)
    /// Who waits less found the way free.
    private static let idle = Interval.milliseconds(10)
    private static let greatest = Interval.seconds(10)

    /// Smoothed; 200 ms while nothing is known.
    package private(set) var roundTrip = PathDelay.unknown
    private var isKnown = false
    /// When the youngest packet left that feedback has told of.
    package private(set) var answered = Instant(nanoseconds: 0)
    private var base = RecentMinimum()
    /// How much longer than the least of the last seconds the last packets were under way: what they waited for, and noise.
    package private(set) var queue = Interval.zero

    package init() {}

    /// Feedback has told of a packet that left at `sent`.
    package mutating func noteAnswer(to sent: Instant) { answered = max(answered, sent) }

    /// A round trip took so long; of more than ten seconds, ten count.
    package mutating func noteRoundTrip(_ sample: Interval) {
        let sample = min(max(sample, .zero), PathDelay.greatest)
        roundTrip = isKnown ? roundTrip + (sample - roundTrip) / 8 : sample
        isKnown = true
    }

    /// `way` is from sending to arrival, on two clocks: only its changes mean anything.
    package mutating func noteWay(_ way: Interval, at now: Instant) {
        base.note(way.nanoseconds, at: now)
        queue = Interval(nanoseconds: way.nanoseconds &- (base.value ?? way.nanoseconds))
    }

    /// What a packet is under way at most that waited for nothing, where delays vary by `noise`; on the same two clocks as `noteWay`'s.
    package func idleWay(noise: Interval) -> Interval {
        base.value.map { Interval(nanoseconds: $0) + max(PathDelay.idle, noise * 2) } ?? Interval(nanoseconds: .max)
    }

    /// The receiver's clock was set, or the path is another.
    package mutating func forgetWay() {
        base = RecentMinimum()
        queue = .zero
    }
}
