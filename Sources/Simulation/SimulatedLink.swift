import MediaPrimitives

/// One direction between a client and the server. It draws from generators of its own, so that what happens on one link changes no other.
package final class SimulatedLink {
    /// Bytes of IPv4 and UDP header that a narrow place carries with each datagram.
    package static let headerLength = 28

    package var conditions: LinkConditions
    /// A narrow place that it shares with others, or whose rate changes by plan, in place of the one that its conditions may have.
    package var bottleneck: Bottleneck?
    /// Datagrams handed in, those that never came out, and those among them that found the queue full.
    package private(set) var sent = 0
    package private(set) var lost = 0
    package private(set) var refused = 0
    /// The longest that a datagram waited in the queue.
    package private(set) var longestWait = Interval.zero

    private let entropy: Entropy
    /// Apart, so that bursts can be switched on without another fate for everything else.
    private let burstEntropy: Entropy
    private var isBad = false
    private var queue = Queue()
    private var lastDue = Instant(nanoseconds: 0)

    /// What waits before the narrow place, and what is being sent.
    private struct Queue {
        private var ends: [(at: Instant, bytes: Int)] = []
        private var first = 0
        private var bytes = 0

        /// When a datagram that comes now is through; nil where it finds no room. `wait` is the time before its first bit.
        mutating func pass(_ length: Int, rate: Int, limit: LinkConditions.QueueLimit, at now: Instant) -> (end: Instant, wait: Interval)? {
            while first < ends.count, ends[first].at <= now {
                bytes -= ends[first].bytes
                first += 1
            }
            // Now and then, so that a queue that never empties does not grow for ever.
            if first * 2 >= ends.count {
                ends.removeFirst(first)
                first = 0
            }
            let begin = max(now, ends.last?.at ?? now)
            switch limit {
            case .bytes(let limit): guard bytes + length <= limit else { return nil }
            case .time(let limit): guard begin - now <= limit else { return nil }
            }
            let end = begin + Interval(nanoseconds: Int64(length) * 8 * 1_000_000_000 / Int64(max(1, rate)))
            ends.append((end, length))
            bytes += length
            return (end, begin - now)
        }
    }

    package init(_ conditions: LinkConditions, seed: UInt64) {
        self.conditions = conditions
        entropy = .seeded(seed)
        burstEntropy = .seeded(~seed)
    }

    /// When a datagram of so many bytes that is sent now arrives: never, once, or twice.
    package func arrivals(of bytes: Int, at now: Instant) -> [Instant] {
        sent += 1
        // Always as many draws, so that changing one chance does not reshuffle the others' fate.
        let (loses, reorders, duplicates) = (
            entropy.draw() < conditions.loss, entropy.draw() < conditions.reordering, entropy.draw() < conditions.duplication
        )
        let spread = entropy.draw()
        let losesInBurst = drawBurst()
        guard !conditions.isCut else { return lose() }
        guard var due = passNarrowPlace(bytes + SimulatedLink.headerLength, at: now) else {
            refused += 1
            return lose()
        }
        guard !loses, !losesInBurst else { return lose() }
        due = due + conditions.delay + Interval(nanoseconds: Int64(Double(conditions.jitter.nanoseconds) * spread))
        if reorders {
            due = due + Interval(nanoseconds: 5_000_000 + Int64(25_000_000 * spread))
        } else {
            due = max(due, lastDue)
            lastDue = due
        }
        return duplicates ? [due, due + .milliseconds(1)] : [due]
    }

    /// When it is through; nil where it finds no room.
    private func passNarrowPlace(_ bytes: Int, at now: Instant) -> Instant? {
        let passage: (end: Instant, wait: Interval)?
        if let bottleneck {
            passage = bottleneck.pass(bytes, at: now)
        } else if let rate = conditions.rate {
            passage = queue.pass(bytes, rate: rate, limit: conditions.queue, at: now)
        } else {
            return now
        }
        guard let passage else { return nil }
        longestWait = max(longestWait, passage.wait)
        return passage.end
    }

    private func lose() -> [Instant] {
        lost += 1
        return []
    }

    private func drawBurst() -> Bool {
        guard let bursts = conditions.bursts else {
            isBad = false
            return false
        }
        if burstEntropy.draw() < (isBad ? bursts.toGood : bursts.toBad) { isBad.toggle() }
        return burstEntropy.draw() < (isBad ? bursts.lossWhileBad : bursts.lossWhileGood)
    }
}
