/// The datagrams that leave in one turn of a loop, in order, in one slab: what state machines drain into and sockets send from.
///
/// Entries are plain values and the bytes lie in memory taken once, so that filling and sending allocate nothing. When the batch is full,
/// further appends are refused and counted; the owner sizes it for a turn and sends when `isFull`.
@usableFromInline
package final class DatagramBatch {
    /// One datagram: `length` bytes at `offset` of the slab, to leave by `path`.
    @frozen @usableFromInline
    package struct Entry {
        @usableFromInline package var path: Path
        @usableFromInline package var offset: Int
        @usableFromInline package var length: Int

        @inlinable init(path: Path, offset: Int, length: Int) {
            self.path = path
            self.offset = offset
            self.length = length
        }
    }

    /// Room for one datagram: an Ethernet MTU and an SRTP trailer.
    @inlinable package static var slotSize: Int { 1600 }

    @usableFromInline package let capacity: Int
    @usableFromInline let slab: UnsafeMutableRawPointer
    @usableFromInline let entries: UnsafeMutablePointer<Entry>
    /// How many datagrams wait to be sent.
    @exclusivity(unchecked)  // Read and written at one go, never lent: a check would cost more than the access.
    @usableFromInline package internal(set) var count = 0
    /// Where the next one goes: right behind the last, for what lies together is sent at less cost.
    @exclusivity(unchecked)
    @usableFromInline var end = 0
    /// Datagrams that found no room since the batch was made.
    package private(set) var refused: UInt64 = 0

    package init(capacity: Int) {
        self.capacity = capacity
        slab = .allocate(byteCount: capacity * DatagramBatch.slotSize, alignment: 64)
        entries = .allocate(capacity: capacity)
    }

    deinit {
        slab.deallocate()
        entries.deallocate()
    }

    package var isFull: Bool { count == capacity }

    @inlinable package subscript(index: Int) -> Entry {
        precondition(index >= 0 && index < count, "a batch is read only as far as it was filled")
        return entries[index]
    }

    /// The bytes of entry `index`; valid until the batch is cleared.
    @inlinable package func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        let entry = self[index]
        return UnsafeRawBufferPointer(start: slab + entry.offset, count: entry.length)
    }

    /// The slot that the next datagram is written to, as often as one likes before `commit`; nil when the batch is full.
    @inlinable package func nextSlot() -> UnsafeMutableRawBufferPointer? {
        guard count < capacity else { return nil }
        return UnsafeMutableRawBufferPointer(start: slab + end, count: DatagramBatch.slotSize)
    }

    /// Appends the `length` bytes that were written to `nextSlot()`; false, and nothing appended, when full or of a length that cannot be.
    @discardableResult
    @inlinable package func commit(_ length: Int, to path: Path) -> Bool {
        let count = count
        guard count < capacity, length > 0, length <= DatagramBatch.slotSize else { return false }
        (entries + count).initialize(to: Entry(path: path, offset: end, length: length))
        end &+= length
        self.count = count &+ 1
        return true
    }

    /// Lets `body` fill the next slot and return the number of bytes it used; 0 or less takes the slot back. False when full or taken back.
    @discardableResult
    package func append(to path: Path, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> Bool {
        guard let slot = nextSlot() else {
            refused &+= 1
            return false
        }
        return commit(body(slot), to: path)
    }

    /// Appends a copy of `bytes`.
    @discardableResult
    package func append(to path: Path, copying bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= DatagramBatch.slotSize else { return false }
        return append(to: path) { slot in
            slot.copyMemory(from: bytes)
            return bytes.count
        }
    }

    package func removeAll() {
        count = 0
        end = 0
    }
}
