import CPrefetch
import MediaPrimitives

/// What one subscriber was sent, by outgoing sequence number: enough to build each packet again from the publication's ring. No payloads, and
/// nothing that can be told from them: 12 bytes a packet, written in order.
package struct RetransmissionHistory: ~Copyable {
    struct Entry {
        /// The lower half of the payload's position in its ring.
        var payload: UInt32
        var sequence: UInt16
        /// When it was last sent again, in milliseconds modulo 2^16; 0 for never.
        var resentAt: UInt16
        /// What was added to the PictureID, which changes with each picture that is dropped.
        var pictureOffset: UInt16
        /// Which encoding it came from; the highest bit is the marker that it was sent with.
        var layer: UInt8
        /// Which alignment of the numbers it was sent by.
        var alignment: UInt8
    }

    private let capacity: Int
    private var entries: UnsafeMutablePointer<Entry>?

    /// `capacity` is a power of two, or 0 where nothing is sent again. Memory is taken with the first entry.
    init(capacity: Int) { self.capacity = capacity }

    deinit { entries?.deallocate() }

    /// Notes that the payload at `position` of a layer's ring has gone out as `sequence`. `marker` is 0x80 or 0.
    @inline(__always)
    mutating func append(_ sequence: UInt16, position: UInt64, layer: Int, marker: UInt8, alignment: UInt8, pictureOffset: UInt16) {
        guard capacity > 0 else { return }
        let entries = entries ?? begin()
        (entries + Int(sequence) & (capacity &- 1)).pointee = Entry(
            payload: UInt32(truncatingIfNeeded: position), sequence: sequence, resentAt: 0, pictureOffset: pictureOffset,
            layer: UInt8(truncatingIfNeeded: layer) | marker, alignment: alignment)
    }

    /// `sequence` will be appended soon.
    @inline(__always)
    func foresee(_ sequence: UInt16) {
        if let entries { prefetch_to_write(entries + Int(sequence) & (capacity &- 1)) }
    }

    @inline(never)
    private mutating func begin() -> UnsafeMutablePointer<Entry> {
        let new = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        entries = new
        removeAll()
        return new
    }

    /// The packet that went out as `sequence`, if it is remembered and was not sent again within `interval`; notes that it is being sent again. How
    /// long ago that was done before; nil where it was not.
    mutating func take(_ sequence: UInt16, at now: Instant, notWithin interval: Interval) -> (entry: Entry, since: Interval?)? {
        guard let entries else { return nil }
        let entry = entries + Int(sequence) & (capacity - 1)
        guard entry.pointee.sequence == sequence else { return nil }
        let milliseconds = UInt16(truncatingIfNeeded: now.nanoseconds / 1_000_000)
        let found = entry.pointee
        let since = found.resentAt == 0 ? nil : Interval.milliseconds(Int64(milliseconds &- found.resentAt))
        if let since, since < interval { return nil }
        entry.pointee.resentAt = max(1, milliseconds)
        return (found, since)
    }

    /// Forgets everything, and keeps the memory.
    mutating func removeAll() {
        guard let entries else { return }
        // A number that belongs into the neighbouring place is never found in this one.
        for index in 0..<capacity {
            (entries + index).initialize(
                to: Entry(
                    payload: 0, sequence: UInt16(truncatingIfNeeded: index ^ 1), resentAt: 0, pictureOffset: 0, layer: 0, alignment: 0))
        }
    }

    /// Forgets everything and gives the memory back.
    mutating func release() {
        entries?.deallocate()
        entries = nil
    }
}
