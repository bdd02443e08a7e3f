import MediaPrimitives

/// Copies of datagrams that the kernel would not take yet, in the order they shall leave: a bounded ring, in memory that is taken with the first.
struct PendingDatagrams: ~Copyable {
    private let capacity: Int
    private var ring: Ring?
    private var head = 0
    private(set) var count = 0

    private struct Ring {
        let slab: UnsafeMutableRawPointer
        let slots: UnsafeMutablePointer<Slot>

        init(capacity: Int) {
            slab = .allocate(byteCount: capacity * DatagramBatch.slotSize, alignment: 64)
            slots = .allocate(capacity: capacity)
        }
    }

    private struct Slot {
        var path: Path
        var length: Int
    }

    init(capacity: Int) { self.capacity = max(capacity, 1) }

    deinit {
        ring?.slab.deallocate()
        ring?.slots.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Keeps a copy; false if the ring is full.
    mutating func append(_ bytes: UnsafeRawBufferPointer, to path: Path) -> Bool {
        guard count < capacity, bytes.count <= DatagramBatch.slotSize, let from = bytes.baseAddress else { return false }
        let ring = self.ring ?? Ring(capacity: capacity)
        self.ring = ring
        let index = (head &+ count) % capacity
        (ring.slab + index * DatagramBatch.slotSize).copyMemory(from: from, byteCount: bytes.count)
        (ring.slots + index).initialize(to: Slot(path: path, length: bytes.count))
        count &+= 1
        return true
    }

    /// The `position`-th oldest.
    func peek(_ position: Int) -> (bytes: UnsafeRawBufferPointer, path: Path)? {
        guard let ring, position >= 0, position < count else { return nil }
        let index = (head &+ position) % capacity
        let slot = ring.slots[index]
        return (UnsafeRawBufferPointer(start: ring.slab + index * DatagramBatch.slotSize, count: slot.length), slot.path)
    }

    mutating func removeFirst(_ n: Int) {
        let n = min(max(n, 0), count)
        head = (head &+ n) % capacity
        count &-= n
    }
}
