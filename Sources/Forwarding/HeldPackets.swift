import MediaPrimitives
import RTP

/// Packets that the pacer does not let go yet, of all transports of a worker: written out, but neither numbered nor encrypted, so that nothing that
/// is given at the moment of sending is given too soon.
///
/// Copies, and not places in a ring: what waits is little and rare, and may outlive its publication. The memory is one block of which the system
/// commits what is used; both it and each queue are bounded, and what finds no room is not held, but sent. Much waits where many begin at once, before
/// anything is known of their ways: that memory is given back when little has waited for a while.
package struct HeldPackets: ~Copyable {
    /// What waits for one transport, oldest first.
    package struct Queue {
        fileprivate var first: Int32 = -1
        fileprivate var last: Int32 = -1
        package fileprivate(set) var count = 0
        /// Bytes, not yet encrypted.
        package fileprivate(set) var bytes = 0

        package init() {}

        package var isEmpty: Bool { count == 0 }
    }

    private struct Entry {
        var next: Int32
        var packet: ReadyPacket
    }

    /// The longest packet held.
    private static let slotSize = 1_500
    /// Packets of one transport: more than a second at 10 Mbit/s.
    package static let perQueue = 1_024

    package let capacity: Int
    private var slab: UnsafeMutableRawPointer?
    private var entries: UnsafeMutablePointer<Entry>?
    /// Of those that were used before: a list through `next`.
    private var free: Int32 = -1
    private var used = 0
    /// How many are held now.
    package private(set) var count = 0
    /// How many were at most since that was last looked at.
    private var most = 0
    private var nextLook = Instant(nanoseconds: 0)
    /// Memory for so many stays.
    private static let kept = 64
    private static let period = Interval.seconds(1)

    package init(capacity: Int) { self.capacity = capacity }

    deinit {
        slab?.deallocate()
        entries?.deallocate()
    }

    /// Whether another packet can be held behind what `queue` has.
    package func hasRoom(in queue: borrowing Queue) -> Bool { queue.count < HeldPackets.perQueue && (free >= 0 || used < capacity) }

    /// Holds the packet in the first bytes of `bytes`, behind what `queue` has; false if there is no room.
    package mutating func append(_ packet: ReadyPacket, in bytes: UnsafeMutableRawBufferPointer, to queue: inout Queue) -> Bool {
        guard queue.count < HeldPackets.perQueue, packet.length <= min(HeldPackets.slotSize, bytes.count), let from = bytes.baseAddress,
            let place = takePlace(), let slab, let entries
        else { return false }
        (slab + Int(place) * HeldPackets.slotSize).copyMemory(from: from, byteCount: packet.length)
        (entries + Int(place)).initialize(to: Entry(next: -1, packet: packet))
        if queue.last >= 0 { entries[Int(queue.last)].next = place } else { queue.first = place }
        queue.last = place
        queue.count += 1
        queue.bytes += packet.length
        count += 1
        most = max(most, count)
        return true
    }

    private mutating func takePlace() -> Int32? {
        if let entries, free >= 0 {
            defer { free = entries[Int(free)].next }
            return free
        }
        guard used < capacity else { return nil }
        if slab == nil {
            slab = .allocate(byteCount: capacity * HeldPackets.slotSize, alignment: 64)
            entries = .allocate(capacity: capacity)
        }
        used += 1
        return Int32(truncatingIfNeeded: used - 1)
    }

    /// Copies the oldest packet of `queue` to the start of `room` and takes it out; nil when there is none, or no room.
    package mutating func takeFirst(of queue: inout Queue, into room: UnsafeMutableRawBufferPointer) -> ReadyPacket? {
        guard queue.first >= 0, let slab, let entries else { return nil }
        let place = queue.first
        let packet = entries[Int(place)].packet
        guard packet.length <= room.count, let to = room.baseAddress else { return nil }
        to.copyMemory(from: slab + Int(place) * HeldPackets.slotSize, byteCount: packet.length)
        queue.first = entries[Int(place)].next
        if queue.first < 0 { queue.last = -1 }
        queue.count -= 1
        queue.bytes -= packet.length
        entries[Int(place)].next = free
        free = place
        count -= 1
        return packet
    }

    /// Forgets what waits in `queue`.
    package mutating func removeAll(of queue: inout Queue) {
        if let entries, queue.last >= 0 {
            entries[Int(queue.last)].next = free
            free = queue.first
            count -= queue.count
        }
        queue = Queue()
    }

    /// How much memory is there, in packets.
    package var committed: Int { used }

    /// When it is to be looked at whether so much memory is needed; distant future where there is little.
    package var nextDeadline: Instant { used > HeldPackets.kept ? nextLook : .distantFuture }

    /// Time has passed: memory that was much too large for a while is given back, once nothing is in it.
    package mutating func handleTimeout(at now: Instant) {
        guard now >= nextDeadline else { return }
        nextLook = now + HeldPackets.period
        if count == 0, most < used / 4 {
            slab?.deallocate()
            entries?.deallocate()
            (slab, entries, free, used) = (nil, nil, -1, 0)
        }
        most = count
    }
}
