import MediaPrimitives

/// The sequence numbers that have not arrived yet although later ones have: what is asked for by NACK, and what tells a late packet from a repeated one.
///
/// Sorted and bounded. Timings: the first request waits out small reordering, then one a round trip, then the packet is given up. While packets wait
/// on their way so do the answers, and to ask sooner would have each sent several times, into the queue that they wait in.
package struct MissingPackets: Sendable {
    private struct Entry {
        var sequence: Int64
        var requests: UInt8
        var due: Instant
        /// When it was asked for first, and last.
        var askedAt: Instant
        var askedLastAt: Instant
    }

    /// More missing than this at once cannot be repaired: a keyframe is cheaper.
    package static let limit = 512
    private static let reorderingAllowance = Interval.milliseconds(8)
    private static let maximumRequests: UInt8 = 10
    /// What is further behind the newest is of no use to anybody, nor lets a replay window it in. Streams without NACK shed their losses so.
    private static let window: Int64 = 1_024

    private var entries: [Entry] = []
    private var highest: Int64?
    private let shortestRetry: Interval
    private static let longestRetry = Interval.seconds(1)
    /// What wavers by less is no queue.
    private static let shortestWait = Interval.milliseconds(30)
    private static let longestWait = Interval.milliseconds(500)
    /// From the first request for a packet to its arrival, smoothed; zero before the first. It has lost requests and answers in it, which does no harm.
    private var roundTrip = Interval.zero
    /// So much longer than at best packets are under way now.
    private var wait = Interval.zero

    /// `retryInterval` is the least time between two requests for the same packet: a longer round trip is learned from the answers.
    package init(retryInterval: Interval = .milliseconds(60)) {
        shortestRetry = retryInterval
        entries.reserveCapacity(32)
    }

    /// What one arrival means.
    package enum Arrival: Sendable {
        /// In order, or the first; nothing is missing because of it.
        case inOrder
        /// Newer, and `count` before it are missing now.
        case gap(count: Int)
        /// One that was missing.
        case filled
        /// Neither newer nor missing: a repetition, or too late to be of use.
        case repeated
        /// So much is missing that the list was given up.
        case overflow
    }

    package mutating func note(_ sequence: Int64, at now: Instant) -> Arrival {
        guard let highest else {
            self.highest = sequence
            return .inOrder
        }
        if sequence <= highest {
            guard let index = index(of: sequence) else { return .repeated }
            let entry = entries.remove(at: index)
            if entry.requests > 0 { learn(max(now - entry.askedAt - wait, .zero)) }
            if entries.isEmpty { nextDeadline = .distantFuture }
            return .filled
        }
        self.highest = sequence
        if let oldest = entries.first, oldest.sequence <= sequence &- MissingPackets.window {
            forget(before: sequence &- MissingPackets.window &+ 1)
        }
        let gap = sequence &- highest &- 1
        if gap == 0 { return .inOrder }
        if gap &+ Int64(entries.count) > Int64(MissingPackets.limit) {
            entries.removeAll(keepingCapacity: true)
            nextDeadline = .distantFuture
            return .overflow
        }
        let due = now + MissingPackets.reorderingAllowance
        for missing in (highest &+ 1)..<sequence {
            entries.append(Entry(sequence: missing, requests: 0, due: due, askedAt: due, askedLastAt: due))
        }
        nextDeadline = min(nextDeadline, due)
        return .gap(count: Int(gap))
    }

    package var isEmpty: Bool { entries.isEmpty }

    /// No later than the earliest instant at which a request is due; distant future when none will be. Asked for every packet, so not searched.
    package private(set) var nextDeadline = Instant.distantFuture

    /// Appends the sequence numbers to ask for now, lowest first, at most `room`; true if packets were given up for good.
    /// Packets `wait` on their way at present, beyond what they take at best.
    package mutating func takeDue(
        at now: Instant, room: Int, wait: Interval = .zero, into requested: inout [SequenceNumber]
    ) -> Bool {
        self.wait = wait < MissingPackets.shortestWait ? .zero : min(wait, MissingPackets.longestWait)
        var gaveUp = false
        var kept = 0
        var earliest = Instant.distantFuture
        // An eighth more than a round trip, which has lost answers in it: the answer is on its way until then.
        let retry = min(max(roundTrip + roundTrip / 8, shortestRetry) + self.wait, MissingPackets.longestRetry)
        for index in entries.indices {
            var entry = entries[index]
            // They may have come to wait since it was asked for.
            if entry.due <= now, entry.requests > 0, self.wait > .zero { entry.due = max(entry.due, entry.askedLastAt + retry) }
            if entry.due <= now {
                if entry.requests == MissingPackets.maximumRequests {
                    gaveUp = true
                    continue
                }
                if requested.count < room {
                    requested.append(SequenceNumber(UInt16(truncatingIfNeeded: entry.sequence)))
                    if entry.requests == 0 { entry.askedAt = now }
                    entry.requests &+= 1
                    entry.askedLastAt = now
                    entry.due = now + retry
                }
            }
            earliest = min(earliest, entry.due)
            entries[kept] = entry
            kept += 1
        }
        entries.removeLast(entries.count - kept)
        nextDeadline = earliest
        return gaveUp
    }

    /// Nobody is sent the stream at present: what would be asked for now is not, now or later, and may still come late.
    package mutating func forgo(at now: Instant) {
        for index in entries.indices where entries[index].due <= now { entries[index].due = .distantFuture }
        nextDeadline = entries.reduce(.distantFuture) { min($0, $1.due) }
    }

    /// A keyframe makes all that came before it worthless.
    package mutating func forget(before sequence: Int64) {
        entries.removeAll { $0.sequence < sequence }
        if entries.isEmpty { nextDeadline = .distantFuture }
    }

    /// The round trip is known from elsewhere: what has not been learned from answers begins with it.
    package mutating func note(roundTrip: Interval) { learn(roundTrip) }

    private mutating func learn(_ sample: Interval) {
        roundTrip = roundTrip == .zero ? sample : roundTrip + (sample - roundTrip) / 8
    }

    private func index(of sequence: Int64) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low < entries.count && entries[low].sequence == sequence ? low : nil
    }
}
