import MediaPrimitives

/// Under which transport-wide number each recent packet of one stream left: what turns feedback by stream (RFC 8888) into feedback by transport.
/// Memory is taken with the first packet; streams whose peer sends transport-wide feedback need none.
package struct StreamNumbers: ~Copyable {
    /// Packets remembered; a power of two.
    package static let capacity = 1024

    private struct Entry {
        var sequence: UInt16
        var number: UInt16
        /// Whether it has been filled at all.
        var isSet: Bool
    }

    private var entries: UnsafeMutablePointer<Entry>?

    package init() {}

    deinit { entries?.deallocate() }

    /// Notes that the packet `sequence` leaves as `number`.
    package mutating func note(_ sequence: SequenceNumber, as number: UInt16) {
        let entries = entries ?? begin()
        (entries + StreamNumbers.slot(sequence)).pointee = Entry(sequence: sequence.rawValue, number: number, isSet: true)
    }

    /// The number that the packet `sequence` left under; nil for one that is not remembered.
    package func number(of sequence: SequenceNumber) -> UInt16? {
        guard let entry = entries.map({ ($0 + StreamNumbers.slot(sequence)).pointee }), entry.isSet, entry.sequence == sequence.rawValue
        else { return nil }
        return entry.number
    }

    @inline(never)
    private mutating func begin() -> UnsafeMutablePointer<Entry> {
        let new = UnsafeMutablePointer<Entry>.allocate(capacity: StreamNumbers.capacity)
        new.initialize(repeating: Entry(sequence: 0, number: 0, isSet: false), count: StreamNumbers.capacity)
        entries = new
        return new
    }

    private static func slot(_ sequence: SequenceNumber) -> Int { Int(sequence.rawValue) & (capacity &- 1) }
}
