import MediaPrimitives

/// What one read has brought: datagrams of a UDP socket or frames of a TCP connection. Made once and reused: bytes and entries are valid only
/// within the callback that is given the batch, and may be changed in place there, each in its own length: behind it the next may begin.
@usableFromInline
package final class ReceiveBatch {
    @frozen @usableFromInline
    struct Entry {
        @usableFromInline var path: Path
        @usableFromInline var arrival: Instant
        @usableFromInline var offset: Int
        @usableFromInline var length: Int
        @usableFromInline var isOversized: Bool
    }

    /// The longest datagram or frame that is handed on: an Ethernet MTU.
    package static let maximumLength = 1500

    let capacity: Int
    let slabSize: Int
    @usableFromInline let slab: UnsafeMutableRawPointer
    @usableFromInline let entries: UnsafeMutablePointer<Entry>
    /// How many datagrams there are.
    @usableFromInline package private(set) var count = 0

    init(slabSize: Int, capacity: Int) {
        self.capacity = capacity
        self.slabSize = slabSize
        slab = .allocate(byteCount: slabSize, alignment: 64)
        entries = .allocate(capacity: capacity)
    }

    deinit {
        slab.deallocate()
        entries.deallocate()
    }

    /// The bytes of datagram `index`; empty if it was oversized.
    @inlinable package func bytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
        check(index)
        return UnsafeMutableRawBufferPointer(start: slab + entries[index].offset, count: entries[index].length)
    }

    /// Where it came from and which of our addresses it was sent to.
    @inlinable package func path(_ index: Int) -> Path {
        check(index)
        return entries[index].path
    }

    /// When the kernel took it in, on the loop's monotonic clock; for TCP, when it was read.
    @inlinable package func arrival(_ index: Int) -> Instant {
        check(index)
        return entries[index].arrival
    }

    /// Whether it was longer than `maximumLength`; nothing of it is handed on then.
    @inlinable package func isOversized(_ index: Int) -> Bool {
        check(index)
        return entries[index].isOversized
    }

    @inlinable func check(_ index: Int) { precondition(index >= 0 && index < count, "a batch is read only as far as it was filled") }

    var isFull: Bool { count == capacity }
    func removeAll() { count = 0 }

    func append(_ entry: Entry) {
        guard count < capacity else { return }
        (entries + count).initialize(to: entry)
        count &+= 1
    }
}
