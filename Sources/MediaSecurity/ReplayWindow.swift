/// The numbers of one stream: which packet a sequence number means, and whether it was there already (RFC 3711 §3.3.1, §3.3.2).
///
/// The bit of an index is at that index modulo the size, so that going on moves nothing. `words` is a power of two; 64 indices for each.
struct ReplayWindow<let words: Int> {
    private var bits = InlineArray<words, UInt64>(repeating: 0)
    /// The highest index so far; 0 before the first, whose bit is not set then.
    private(set) var highest: Int64 = 0

    /// Whether nothing was noted.
    var isEmpty: Bool { highest == 0 && bits[0] & 1 == 0 }

    static var size: Int64 { Int64(words) &* 64 }

    /// The index that a packet with this sequence number most likely has (RFC 3711, appendix A). In the first half of the first round, where that might
    /// name a round before it, it is of the first.
    @inline(__always)
    func index(of sequence: UInt16) -> Int64 {
        guard highest > 0x8000 else { return Int64(sequence) }
        let newest = Int64(highest & 0xffff)
        let difference = Int64(sequence) &- newest
        let wraps: Int64 =
            newest < 0x8000 ? (difference > 0x8000 ? -0x1_0000 : 0) : (newest &- 0x8000 > Int64(sequence) ? 0x1_0000 : 0)
        return highest &+ difference &+ wraps
    }

    /// Whether the index is new: not noted yet, and not too far behind to say.
    @inline(__always)
    func admits(_ index: Int64) -> Bool {
        if index > highest { return true }
        return highest &- index < ReplayWindow.size && bits[slot(index)] & mask(index) == 0
    }

    /// Takes note of an index that was admitted.
    @inline(__always)
    mutating func note(_ index: Int64) {
        if index > highest {
            if index != highest &+ 1 { forget(upTo: index) }
            highest = index
        }
        bits[slot(index)] |= mask(index)
    }

    @inline(__always)
    private func slot(_ index: Int64) -> Int { Int(truncatingIfNeeded: index >> 6) & (words &- 1) }

    @inline(__always)
    private func mask(_ index: Int64) -> UInt64 { 1 &<< UInt64(truncatingIfNeeded: index & 63) }

    /// Clears what is between the highest index and `index`, and takes the place of what falls out of the window.
    private mutating func forget(upTo index: Int64) {
        guard index &- highest < ReplayWindow.size else {
            bits = InlineArray(repeating: 0)
            return
        }
        for skipped in (highest &+ 1)..<index { bits[slot(skipped)] &= ~mask(skipped) }
    }
}
