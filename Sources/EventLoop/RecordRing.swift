import Synchronization

/// A bounded queue of byte records from one thread to one other: no lock, no system call, no allocation.
///
///     | free … |len record|len record| … |skip   |      positions only grow; a slot is its position modulo the capacity
///              ▲ tail: the reader's      ▲ head: the writer's
///
/// A record lies in one piece behind 8 bytes that hold its length, filled up to 8; where it does not fit before the end of the memory, the rest
/// is skipped. The writer copies records in and makes a turn's worth visible at once with `publish()`; the reader reads them where they lie.
package final class RecordRing: @unchecked Sendable {
    // Sendable because each field has one owner: the writer's thread (`position`, `knownTail`, the bytes between head and tail's next round),
    // the reader's (`knownHead`, the bytes between tail and head), or both, and then it is atomic.

    /// Bytes, a power of two. A record takes at most a quarter of it.
    package let capacity: Int
    private let slab: UnsafeMutableRawPointer

    // The writer's cache lines. It looks at the reader's only when it seems to have no room.
    private let head = Atomic<Int>(0)
    @exclusivity(unchecked) private var position = 0
    @exclusivity(unchecked) private var knownTail = 0
    private let writersEnd = InlineArray<16, UInt64>(repeating: 0)

    // The reader's.
    private let tail = Atomic<Int>(0)
    private let readersEnd = InlineArray<16, UInt64>(repeating: 0)

    private static let lengthSize = 8
    /// Stands in place of a length where the rest of the memory is skipped.
    private static let skip = -1
    /// The reader gives room back after so many bytes, not only at the end: a writer that waits for it has others to serve.
    private static let giveBackAfter = 32 * 1024

    package init(capacity: Int) {
        precondition(capacity >= 1_024 && capacity & (capacity - 1) == 0, "a ring's capacity is a power of two")
        self.capacity = capacity
        // The system commits memory only as it is used.
        slab = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { slab.deallocate() }

    // MARK: The writer's thread

    /// Copies `record` in, if at least `keepingFree` bytes are left afterwards; false, and nothing written, if not.
    /// The reader does not see it before `publish()`.
    package func push(_ record: UnsafeRawBufferPointer, keepingFree reserve: Int = 0) -> Bool {
        let size = RecordRing.size(of: record.count)
        precondition(size <= capacity / 4, "a record takes at most a quarter of a ring")
        let slot = position & (capacity &- 1)
        let rest = capacity &- slot
        let skipped = size <= rest ? 0 : rest
        let needed = skipped &+ size &+ max(reserve, 0)
        if capacity &- (position &- knownTail) < needed {
            knownTail = tail.load(ordering: .acquiring)
            if capacity &- (position &- knownTail) < needed { return false }
        }
        if skipped > 0 {
            slab.storeBytes(of: RecordRing.skip, toByteOffset: slot, as: Int.self)
            position &+= skipped
        }
        let at = slab + (position & (capacity &- 1))
        at.storeBytes(of: record.count, as: Int.self)
        if let bytes = record.baseAddress { (at + RecordRing.lengthSize).copyMemory(from: bytes, byteCount: record.count) }
        position &+= size
        return true
    }

    /// Lets the reader see what was pushed since the last call; false if that is nothing.
    package func publish() -> Bool {
        guard head.load(ordering: .relaxed) != position else { return false }
        head.store(position, ordering: .sequentiallyConsistent)
        return true
    }

    // MARK: The reader's thread

    /// Whether anything waits to be read. The writer may ask, too: what is read just now may still count as waiting.
    package var isEmpty: Bool { head.load(ordering: .sequentiallyConsistent) == tail.load(ordering: .relaxed) }

    /// Hands what waits now to `body`, oldest first; what comes meanwhile waits for the next call. The bytes are the reader's own, to change in
    /// place, until `body` returns. Returns how many there were.
    @discardableResult
    package func drain(_ body: (UnsafeMutableRawBufferPointer) -> Void) -> Int {
        let end = head.load(ordering: .acquiring)
        var at = tail.load(ordering: .relaxed)
        var given = at
        var count = 0
        while at != end {
            let slot = at & (capacity &- 1)
            let length = slab.load(fromByteOffset: slot, as: Int.self)
            if length == RecordRing.skip {
                at &+= capacity &- slot
                continue
            }
            body(UnsafeMutableRawBufferPointer(start: slab + slot + RecordRing.lengthSize, count: length))
            count &+= 1
            at &+= RecordRing.size(of: length)
            if at &- given >= RecordRing.giveBackAfter {
                tail.store(at, ordering: .releasing)
                given = at
            }
        }
        if at != given { tail.store(at, ordering: .releasing) }
        return count
    }

    private static func size(of length: Int) -> Int { lengthSize &+ (length &+ 7) & ~7 }
}
