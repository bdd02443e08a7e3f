import MediaPrimitives
import Rooms

/// What workers have told each other and not read yet: as the rings between their threads, bounded, and a moment late.
struct SimulatedRings {
    /// Bytes of each ring.
    var capacity = 512 * 1_024
    var delay = Interval.microseconds(50)

    private struct Record {
        var arrival: Instant
        var from: Int
        var to: Int
        var bytes: [UInt8]
    }

    private var records: [Record] = []
    /// How many there were so far.
    private(set) var pushed: [WorkerOutbox.Urgency: Int] = [:]
    private var used: [Int: Int] = [:]

    var nextArrival: Instant { records.first?.arrival ?? .distantFuture }

    /// Takes a record as a ring would; false if there is no room.
    mutating func push(_ record: UnsafeRawBufferPointer, _ urgency: WorkerOutbox.Urgency, from: Int, to: Int, at now: Instant) -> Bool {
        let ring = from << 8 | to
        guard capacity - used[ring, default: 0] >= record.count + 8 + urgency.reserve(of: capacity) else { return false }
        used[ring, default: 0] += record.count + 8
        pushed[urgency, default: 0] += 1
        records.append(Record(arrival: now + delay, from: from, to: to, bytes: Array(record)))
        return true
    }

    /// The next record that has arrived by `now`, in the order in which they were pushed.
    mutating func popArrived(at now: Instant) -> (bytes: [UInt8], from: Int, to: Int)? {
        guard let first = records.first, first.arrival <= now else { return nil }
        records.removeFirst()
        used[first.from << 8 | first.to, default: 0] -= first.bytes.count + 8
        return (first.bytes, first.from, first.to)
    }
}
