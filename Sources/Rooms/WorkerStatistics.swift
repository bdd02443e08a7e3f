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
    /// Of these, those that are not sent as there is no room for them, and those that are sent less of than is wanted for the same reason.
    package var pausedSubscriptions = 0
    package var limitedSubscriptions = 0
    /// What all ways to participants are estimated to carry, in bits a second, and how many such estimates there are.
    package var downlinkEstimates = 0
    package var downlinks = 0
    /// Subscriptions that have begun with a keyframe which had come before, and what had followed it.
    package var joinersServed: UInt64 = 0
    /// Tracks of other workers that are had here.
    package var relays = 0
    /// Datagrams that arrived here and belong to another worker, and the other way round.
    package var handedOverOut: UInt64 = 0
    package var handedOverIn: UInt64 = 0
    /// Paths by which what arrives here is handed over.
    package var pathsHandedOver = 0
    /// Packets of tracks of ours that other workers were given, one for each, and the other way round.
    package var relayedOut: UInt64 = 0
    package var relayedIn: UInt64 = 0
    /// Datagrams and packets for other workers that their rings had no room for.
    package var ringDrops: UInt64 = 0
    /// How late the loop served its timers, the worst since the last reading.
    package var loopLag: Interval = .zero

    package init() {}
}
