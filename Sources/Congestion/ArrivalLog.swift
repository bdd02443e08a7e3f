import MediaPrimitives
import RTP

/// When the packets of one transport arrived, by transport-wide sequence number: what the feedback to their sender is made of
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3).
///
/// A ring of fixed size. Every packet that bears the extension is noted, whatever becomes of it afterwards: one that is left out counts as lost.
package struct ArrivalLog {
    /// Packets remembered: more than half a second of what a publisher can send between two reports.
    package static let capacity = 2048
    private static let interval = Interval.milliseconds(50)
    /// A report at once when this many wait, so that none outgrows a datagram.
    private static let countThatIsDue = 200

    /// Arrival in nanoseconds by number modulo capacity; nil means that it has not arrived.
    private var arrivals = [Instant?](repeating: nil, count: ArrivalLog.capacity)
    private var unwrapper = SequenceUnwrapper()
    /// The first number that the next report speaks of; nil until anything arrives.
    private var begin: Int64?
    /// One past the highest number noted.
    private var end: Int64 = 0
    private var waiting = 0
    /// When the next report is due; distant future while nothing waits.
    package private(set) var nextDeadline = Instant.distantFuture

    package init() {}

    /// Notes the first arrival of `sequence`.
    package mutating func note(_ sequence: UInt16, at now: Instant) {
        let number = unwrapper.unwrap(sequence)
        if begin == nil {
            begin = number
            end = number
        }
        guard let first = begin else { return }
        if number >= end {
            // Slots between are of numbers that have not arrived; a jump longer than the ring clears it.
            if number &- end >= Int64(ArrivalLog.capacity) {
                for index in arrivals.indices { arrivals[index] = nil }
                begin = number
            } else {
                for missing in end..<number { arrivals[slot(missing)] = nil }
                begin = max(first, number &+ 1 &- Int64(ArrivalLog.capacity))
            }
            end = number &+ 1
        } else {
            guard number > end &- Int64(ArrivalLog.capacity), arrivals[slot(number)] == nil else { return }
            // It was reported as lost; the next report begins early enough to correct that.
            begin = min(first, number)
        }
        arrivals[slot(number)] = now
        waiting += 1
        if nextDeadline == .distantFuture { nextDeadline = now + ArrivalLog.interval }
        if waiting >= ArrivalLog.countThatIsDue { nextDeadline = min(nextDeadline, now) }
    }

    /// What waits for a report: where it begins, so that losses before the first arrival are told, and the arrivals in order.
    package struct Pending {
        package var base: Int64
        package var arrivals: [PacketArrival]
    }

    /// What the next report is made of; nil when nothing waits. At most `limit` arrivals.
    package func pending(limit: Int = 512) -> Pending? {
        guard let begin, begin < end else { return nil }
        var arrivals: [PacketArrival] = []
        for number in begin..<end where arrivals.count < limit {
            if let arrival = self.arrivals[slot(number)] { arrivals.append(PacketArrival(sequence: number, arrival: arrival)) }
        }
        return arrivals.isEmpty ? nil : Pending(base: begin, arrivals: arrivals)
    }

    /// A report has told of everything up to and including `sequence`; what is left is due at once.
    package mutating func noteReported(through sequence: Int64, at now: Instant) {
        begin = min(end, sequence &+ 1)
        waiting = 0
        nextDeadline = sequence &+ 1 < end ? now : .distantFuture
    }

    /// Nothing could be reported: try again after an interval.
    package mutating func postpone(at now: Instant) { nextDeadline = now + ArrivalLog.interval }

    private func slot(_ number: Int64) -> Int { Int(truncatingIfNeeded: number & Int64(ArrivalLog.capacity - 1)) }
}
