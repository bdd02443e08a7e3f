import MediaPrimitives

/// Copies of datagrams that the kernel would not take yet, in the order they shall leave: a bounded ring in memory taken once
/// (and, until the first is kept, only reserved).
struct PendingDatagrams: ~Copyable {
    private let capacity: Int
    private let slab: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<Slot>
    private var head = 0
    private(set) var count = 0

    struct Slot {
        var path: Path
        var length: Int
    }

    init(capacity: Int) {
        self.capacity = max(capacity, 1)
        slab = .allocate(byteCount: self.capacity * DatagramBatch.slotSize, alignment: 64)
        slots = .allocate(capacity: self.capacity)
    }

    deinit {
        slab.deallocate()
        slots.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    /// Keeps a copy; false if the ring is full.
    mutating func append(_ bytes: UnsafeRawBufferPointer, to path: Path) -> Bool {
        guard count < capacity, bytes.count <= DatagramBatch.slotSize, let from = bytes.baseAddress else { return false }
        let index = (head &+ count) % capacity
        (slab + index * DatagramBatch.slotSize).copyMemory(from: from, byteCount: bytes.count)
        (slots + index).initialize(to: Slot(path: path, length: bytes.count))
        count &+= 1
        return true
    }

    /// The `position`-th oldest.
    func peek(_ position: Int) -> (bytes: UnsafeRawBufferPointer, path: Path)? {
        guard position >= 0, position < count else { return nil }
        let index = (head &+ position) % capacity
        return (UnsafeRawBufferPointer(start: slab + index * DatagramBatch.slotSize, count: slots[index].length), slots[index].path)
    }

    mutating func removeFirst(_ n: Int) {
        let n = min(max(n, 0), count)
        head = (head &+ n) % capacity
        count &-= n
    }
}
