import MediaPrimitives

/// Small numbers by path, asked for every datagram: open addressing in one block, with no reference to count and one cache line to look at.
///
/// Whatever is in it came by an authentic check, so that its size is bounded by the participants; where a path lies differs from process to process,
/// so that nobody can choose paths that lie on each other. It is never walked.
package final class PathTable {
    private struct Entry {
        var path: Path
        var number: Int
    }

    private var entries: UnsafeMutablePointer<Entry?>
    /// A power of two, at most half of which is taken.
    @exclusivity(unchecked) private var capacity = 64
    package private(set) var count = 0
    private let seed = UInt64(bitPattern: Int64(Hasher().finalize()))

    package init() { entries = PathTable.empty(capacity) }

    deinit { entries.deallocate() }

    private static func empty(_ capacity: Int) -> UnsafeMutablePointer<Entry?> {
        let entries = UnsafeMutablePointer<Entry?>.allocate(capacity: capacity)
        entries.initialize(repeating: nil, count: capacity)
        return entries
    }

    package subscript(path: Path) -> Int? {
        get { entries[place(of: path)]?.number }
        set {
            guard let newValue else {
                _ = removeValue(forKey: path)
                return
            }
            let place = place(of: path)
            if entries[place] == nil { count += 1 }
            entries[place] = Entry(path: path, number: newValue)
            if count * 2 > capacity { grow() }
        }
    }

    package func removeValue(forKey path: Path) -> Int? {
        var gap = place(of: path)
        guard let removed = entries[gap] else { return nil }
        count -= 1
        // What follows moves up, unless it would come to lie before its home.
        var next = gap
        while true {
            next = (next &+ 1) & (capacity &- 1)
            guard let entry = entries[next] else { break }
            let distance = (next &- home(of: entry.path)) & (capacity &- 1)
            if distance >= (next &- gap) & (capacity &- 1) {
                entries[gap] = entry
                gap = next
            }
        }
        entries[gap] = nil
        return removed.number
    }

    private func grow() {
        let former = UnsafeMutableBufferPointer(start: entries, count: capacity)
        capacity *= 2
        entries = PathTable.empty(capacity)
        for case .some(let entry) in former { entries[place(of: entry.path)] = entry }
        former.deallocate()
    }

    /// Where `path` is, or would be put.
    private func place(of path: Path) -> Int {
        var place = home(of: path)
        while let entry = entries[place], entry.path != path { place = (place &+ 1) & (capacity &- 1) }
        return place
    }

    /// Multiplied at full width and folded, so that each bit of the path, the seed and the product counts.
    private func home(of path: Path) -> Int {
        let ways = UInt64(path.remote.port) << 48 | UInt64(path.channel) << 16 | UInt64(path.local.port)
        let first = (path.remote.low ^ seed).multipliedFullWidth(by: ways ^ 0x9e37_79b9_7f4a_7c15)
        let second = (first.high ^ first.low ^ path.remote.high).multipliedFullWidth(by: path.local.low ^ seed ^ 0xbf58_476d_1ce4_e5b9)
        return Int(truncatingIfNeeded: second.high ^ second.low) & (capacity &- 1)
    }
}
