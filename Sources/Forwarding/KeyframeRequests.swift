import MediaPrimitives

/// Merges and paces the keyframe requests for one encoding: whoever wants one says so here, and the publisher is asked at most once per interval.
///
/// Encoders ignore requests that follow each other faster than about 300 ms, and a storm of keyframes ruins quality at an unchanged bitrate.
package struct KeyframeRequests: Sendable {
    private static let minimumInterval = Interval.milliseconds(500)
    private static let retryInterval = Interval.seconds(1)

    /// Somebody waits for a keyframe.
    package var isWanted: Bool { wanted }
    private var wanted = false
    private var lastSent: Instant?
    private var due = Instant.distantFuture
    /// Requests sent, for metrics and tests.
    package private(set) var sentCount: UInt64 = 0

    package init() {}

    /// Somebody cannot decode until a keyframe comes.
    package mutating func want(at now: Instant) {
        guard !wanted else { return }
        wanted = true
        due = lastSent.map { max(now, $0 + KeyframeRequests.minimumInterval) } ?? now
    }

    /// A keyframe has begun: everybody who waited is served.
    package mutating func keyframeArrived() {
        wanted = false
        due = .distantFuture
    }

    /// A keyframe has begun whose first packet came too late to begin with: whoever waits needs another, as soon as may be asked.
    package mutating func keyframeMissed(at now: Instant) {
        guard wanted, let lastSent else { return }
        due = min(due, max(now, lastSent + KeyframeRequests.minimumInterval))
    }

    package var nextDeadline: Instant { due }

    /// True if a request must leave now; it is then taken as sent, and repeated later if nothing comes.
    package mutating func takeDue(at now: Instant) -> Bool {
        guard wanted, due <= now else { return false }
        lastSent = now
        due = now + KeyframeRequests.retryInterval
        sentCount &+= 1
        return true
    }
}
