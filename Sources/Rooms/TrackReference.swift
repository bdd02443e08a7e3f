import RTP

/// Names a published track in the whole server; given by the control plane, never used twice.
package struct TrackID: Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static func < (a: TrackID, b: TrackID) -> Bool { a.rawValue < b.rawValue }
}

/// Where a published track is to be had.
package struct TrackReference: Sendable {
    package var id: TrackID
    /// The worker whose participant publishes it.
    package var worker: Int
    /// The section that it is published on.
    package var parameters: RTPParameters

    package init(id: TrackID, worker: Int, parameters: RTPParameters) {
        self.id = id
        self.worker = worker
        self.parameters = parameters
    }
}

/// What a subscriber wants of a track.
package struct SubscriptionWish: Sendable, Hashable {
    /// Nothing is sent, and no keyframe asked for.
    package var isPaused = false
    /// The highest layer that is of use, where layers are in ascending order of quality; nil for the best there is.
    package var maximumLayer: Int?
    /// Where not everything can be sent, more goes first: screens before cameras.
    package var priority = 0

    package init(isPaused: Bool = false, maximumLayer: Int? = nil, priority: Int = 0) {
        self.isPaused = isPaused
        self.maximumLayer = maximumLayer
        self.priority = priority
    }
}
