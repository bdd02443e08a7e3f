import MediaPrimitives

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

    /// One report's content: consecutive numbers from `base` on and their arrivals.
    package struct Report {
        package var base: UInt16
        package var arrivals: ArraySlice<Instant?>
    }

    /// Takes what waits for a report, at most `limit` numbers; what is left is due at once.
    package mutating func takeReport(limit: Int = 512, at now: Instant) -> Report? {
        guard let first = begin, first < end else {
            nextDeadline = .distantFuture
            return nil
        }
        // A report begins with a packet that arrived (its time is the reference).
        var start = first
        while start < end, arrivals[slot(start)] == nil { start += 1 }
        guard start < end else {
            nextDeadline = .distantFuture
            return nil
        }
        let stop = min(end, start &+ Int64(limit))
        let taken = (start..<stop).map { arrivals[slot($0)] }
        begin = stop
        waiting = max(0, waiting - taken.count)
        nextDeadline = stop < end ? now : .distantFuture
        return Report(base: UInt16(truncatingIfNeeded: start), arrivals: taken[...])
    }

    private func slot(_ number: Int64) -> Int { Int(truncatingIfNeeded: number & Int64(ArrivalLog.capacity - 1)) }
}
