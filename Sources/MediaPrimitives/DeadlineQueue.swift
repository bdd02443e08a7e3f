/// The earliest deadline of many state machines: a binary heap of (instant, key), so that one timer serves them all.
///
/// Each key has at most one live entry. Moving a deadline earlier adds an entry and outdates the old one; moving it later costs nothing, since
/// whoever is woken too soon is asked for the real deadline and scheduled again.
package struct DeadlineQueue {
    private struct Entry {
        var deadline: Instant
        var key: Int
    }

    private var heap: [Entry] = []
    /// The deadline under which each key stands in the heap; distant future when it does not.
    private var scheduled: [Instant] = []

    package init() {}

    /// Makes sure that `key` (small and dense) is woken no later than `deadline`.
    package mutating func schedule(_ key: Int, at deadline: Instant) {
        while scheduled.count <= key { scheduled.append(.distantFuture) }
        guard deadline < scheduled[key] else { return }
        scheduled[key] = deadline
        heap.append(Entry(deadline: deadline, key: key))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// `key` is gone and may be given to another; what stands of it in the heap is outdated.
    package mutating func cancel(_ key: Int) {
        if key < scheduled.count { scheduled[key] = .distantFuture }
    }

    /// The earliest deadline; distant future when there is none.
    package var next: Instant {
        mutating get {
            dropOutdated()
            return heap.first?.deadline ?? .distantFuture
        }
    }

    /// Takes out a key whose deadline has come; nil when there is none.
    package mutating func popDue(at now: Instant) -> Int? {
        dropOutdated()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeFirst()
        scheduled[first.key] = .distantFuture
        return first.key
    }

    private mutating func dropOutdated() {
        while let first = heap.first, scheduled[first.key] != first.deadline { removeFirst() }
    }

    private mutating func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            let left = 2 * parent + 1
            if left < heap.count, heap[left].deadline < heap[smallest].deadline { smallest = left }
            if left + 1 < heap.count, heap[left + 1].deadline < heap[smallest].deadline { smallest = left + 1 }
            guard smallest != parent else { return }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
