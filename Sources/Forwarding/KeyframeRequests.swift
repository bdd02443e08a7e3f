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
    /// When the publisher was last asked.
    package private(set) var lastSent: Instant?
    /// It was asked for what is wanted now.
    private var isAsked = false
    private var due = Instant.distantFuture
    /// Requests sent, for metrics and tests.
    package private(set) var sentCount: UInt64 = 0

    package init() {}

    /// Somebody cannot decode until a keyframe comes; or, with something to show until then, can wait until `earliest`.
    package mutating func want(at now: Instant, notBefore earliest: Instant? = nil) {
        guard !wanted || !isAsked else { return }
        let possible = max(now, earliest ?? now, lastSent.map { $0 + KeyframeRequests.minimumInterval } ?? now)
        due = wanted ? min(due, possible) : possible
        wanted = true
    }

    /// Nobody waits any more for what was wanted. What has been asked for goes on being waited for.
    package mutating func withdraw() {
        guard wanted, !isAsked else { return }
        keyframeArrived()
    }

    /// Somebody waits for what has not been asked for yet.
    package var isPending: Bool { wanted && !isAsked }

    /// A keyframe has begun: everybody who waited is served.
    package mutating func keyframeArrived() {
        wanted = false
        isAsked = false
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
        isAsked = true
        due = now + KeyframeRequests.retryInterval
        sentCount &+= 1
        return true
    }
}
