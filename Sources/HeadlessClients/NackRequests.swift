import MediaPrimitives
import RTP

/// Which packets a browser asks for again, and when: at once, and then a round trip later each time, ten times in all (libwebrtc's NackRequester).
/// Where packets are known to overtake each other, the first request waits a little.
package struct NackRequests {
    private struct Entry {
        var sequence: Int64
        var noticed: Instant
        var askedAt: Instant?
        var requests = 0
        var due: Instant
    }

    private static let tick = Interval.milliseconds(20)
    private static let mostRequests = 10
    private static let most = 1_000
    private static let reorderingAllowance = Interval.milliseconds(20)
    private static let reorderingMemory = Interval.seconds(10)
    /// Without an answer so far.
    private static let usualRoundTrip = 100.0

    /// Ascending.
    private var entries: [Entry] = []
    /// Asked for at least once: what comes twice of these was no padding.
    private var asked: Set<Int64> = []
    private var reordered: Instant?
    /// Milliseconds, smoothed; of packets that were asked for once.
    package private(set) var roundTrip = NackRequests.usualRoundTrip
    private var isMeasured = false

    package init() {}

    /// `sequences` are missing. False when so much is missing that only a keyframe helps.
    package mutating func note(missing sequences: Range<Int64>, at now: Instant) -> Bool {
        guard entries.count + sequences.count <= NackRequests.most else {
            entries.removeAll()
            return false
        }
        let isReordered = reordered.map { now - $0 < NackRequests.reorderingMemory } ?? false
        let due = isReordered ? now + NackRequests.reorderingAllowance : now
        for sequence in sequences { entries.append(Entry(sequence: sequence, noticed: now, due: due)) }
        if let newest = sequences.last, asked.count > 4_000 { asked = asked.filter { $0 > newest - 2_000 } }
        return true
    }

    /// One that was missing has come.
    package mutating func note(filled sequence: Int64, isRetransmission: Bool, at now: Instant) {
        guard let index = entries.firstIndex(where: { $0.sequence == sequence }) else { return }
        let entry = entries.remove(at: index)
        if !isRetransmission, now - entry.noticed < .milliseconds(100) { reordered = now }
        guard isRetransmission, entry.requests == 1, let askedAt = entry.askedAt else { return }
        let sample = (now - askedAt).milliseconds
        roundTrip = isMeasured ? roundTrip + (sample - roundTrip) / 8 : sample
        isMeasured = true
    }

    package mutating func forget(before sequence: Int64) { entries.removeAll { $0.sequence < sequence } }

    package func wasAsked(_ sequence: Int64) -> Bool { asked.contains(sequence) }

    package var nextDeadline: Instant { entries.reduce(.distantFuture) { min($0, $1.due) } }

    package mutating func takeDue(at now: Instant, room: Int) -> [SequenceNumber] {
        entries.removeAll { $0.due <= now && $0.requests == NackRequests.mostRequests }
        var due: [SequenceNumber] = []
        for index in entries.indices where entries[index].due <= now && due.count < room {
            due.append(SequenceNumber(UInt16(truncatingIfNeeded: entries[index].sequence)))
            if entries[index].askedAt == nil { entries[index].askedAt = now }
            entries[index].requests += 1
            entries[index].due = now + retry
            asked.insert(entries[index].sequence)
        }
        return due
    }

    /// A round trip, rounded up to the tick at which a browser looks.
    private var retry: Interval {
        let tick = NackRequests.tick.milliseconds
        return .microseconds(Int64((roundTrip / tick).rounded(.up) * tick * 1_000))
    }
}
