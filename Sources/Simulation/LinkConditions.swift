import MediaPrimitives

/// What one direction of a way does to datagrams, in the order in which it does it.
package struct LinkConditions: Sendable {
    /// What a queue holds before it refuses what comes next (drop-tail). What is being sent counts, too.
    package enum QueueLimit: Sendable {
        case bytes(Int)
        /// No datagram waits longer than this before its own first bit is sent.
        case time(Interval)
    }

    /// A black hole: nothing arrives.
    package var isCut = false
    /// Bits in a second that pass the narrowest place, headers of IP and UDP included; nil where nothing is narrow.
    package var rate: Int?
    /// Before the narrowest place.
    package var queue = QueueLimit.time(.milliseconds(300))
    /// Behind it, what is lost took its time there: chances between 0 and 1, each datagram for itself,
    package var loss = 0.0
    /// and in bursts.
    package var bursts: GilbertElliott?
    package var delay = Interval.milliseconds(20)
    /// Each datagram takes up to this much longer; their order stays.
    package var jitter = Interval.zero
    /// A reordered datagram is held back by 5 to 30 ms, and others overtake it.
    package var reordering = 0.0
    package var duplication = 0.0

    package init(delay: Interval = .milliseconds(20), loss: Double = 0, reordering: Double = 0, duplication: Double = 0) {
        self.delay = delay
        self.loss = loss
        self.reordering = reordering
        self.duplication = duplication
    }

    /// A narrow place: so many bits in a second, and a queue before it.
    package static func bottleneck(_ bitsPerSecond: Int, queue: QueueLimit = .time(.milliseconds(300))) -> LinkConditions {
        var conditions = LinkConditions()
        conditions.rate = bitsPerSecond
        conditions.queue = queue
        return conditions
    }

    package static func bursts(_ bursts: GilbertElliott) -> LinkConditions {
        var conditions = LinkConditions()
        conditions.bursts = bursts
        return conditions
    }
}
