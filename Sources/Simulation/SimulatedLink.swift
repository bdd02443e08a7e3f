import MediaPrimitives

/// What one direction of a way does to datagrams.
package struct LinkConditions: Sendable {
    package var delay = Interval.milliseconds(20)
    /// Each datagram takes up to this much longer; their order stays.
    package var jitter = Interval.zero
    /// Chances between 0 and 1, each datagram for itself.
    package var loss = 0.0
    /// A reordered datagram is held back by 5 to 30 ms, and others overtake it.
    package var reordering = 0.0
    package var duplication = 0.0
    /// A black hole: nothing arrives.
    package var isCut = false

    package init(delay: Interval = .milliseconds(20), loss: Double = 0, reordering: Double = 0, duplication: Double = 0) {
        self.delay = delay
        self.loss = loss
        self.reordering = reordering
        self.duplication = duplication
    }
}

/// One direction between a client and the server. It draws from a generator of its own, so that what happens on one link changes no other.
package final class SimulatedLink {
    package var conditions: LinkConditions
    /// Datagrams handed in, and those that never came out.
    package private(set) var sent = 0
    package private(set) var lost = 0
    private let entropy: Entropy
    private var lastDue = Instant(nanoseconds: 0)

    package init(_ conditions: LinkConditions, seed: UInt64) {
        self.conditions = conditions
        entropy = .seeded(seed)
    }

    /// When a datagram sent now arrives: never, once, or twice.
    func arrivals(at now: Instant) -> [Instant] {
        sent += 1
        // Always as many draws, so that changing one chance does not reshuffle the others' fate.
        let (loses, reorders, duplicates) = (draw() < conditions.loss, draw() < conditions.reordering, draw() < conditions.duplication)
        let spread = draw()
        guard !conditions.isCut, !loses else {
            lost += 1
            return []
        }
        var due = now + conditions.delay + Interval(nanoseconds: Int64(Double(conditions.jitter.nanoseconds) * spread))
        if reorders {
            due = due + Interval(nanoseconds: 5_000_000 + Int64(25_000_000 * spread))
        } else {
            due = max(due, lastDue)
            lastDue = due
        }
        return duplicates ? [due, due + .milliseconds(1)] : [due]
    }

    private func draw() -> Double { Double(entropy.next() >> 11) / Double(1 << 53) }
}
