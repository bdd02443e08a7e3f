import MediaPrimitives

/// DTLS datagrams of participants who are connecting, copied, oldest first, until a turn has time for them.
///
/// One of them may take as long as some hundred packets of media (a signature, an agreement of keys), so a wave of joins would hold up the calls
/// that run. A turn therefore takes a few and leaves the rest to the next. Only what came by a path that ICE has validated gets here, and of each
/// participant a few; what finds no room is lost, and the peer sends it again (RFC 6347 §4.2.4).
package struct HandshakeQueue: ~Copyable {
    /// How many a turn takes: about a millisecond of CPU.
    package static let perTurn = 4
    /// Of one participant: more than the longest flight has, a chain of certificates in pieces.
    package static let perParticipant = 16
    package static let capacity = 1_024
    private static let longest = 1_500

    package struct Entry {
        package let participant: ParticipantID
        package let slot: Int
        package let path: Path
        package let arrival: Instant
        package let length: Int
    }

    private let slab: UnsafeMutableRawPointer
    private let entries: UnsafeMutablePointer<Entry>
    private var head = 0
    package private(set) var count = 0
    /// Datagrams that were taken at once since the last release.
    private var taken = 0

    package init() {
        // The system commits memory only as far as it is used.
        slab = .allocate(byteCount: HandshakeQueue.capacity * HandshakeQueue.longest, alignment: 64)
        entries = .allocate(capacity: HandshakeQueue.capacity)
    }

    deinit {
        slab.deallocate()
        entries.deallocate()
    }

    /// When the oldest came: it is due ever since. `.distantFuture` where none waits.
    package var nextDeadline: Instant { count > 0 ? entries[head].arrival : .distantFuture }

    /// Whether a datagram may be taken at once: nothing waits, and this turn has time. It is counted.
    package mutating func admits() -> Bool {
        guard count == 0, taken < HandshakeQueue.perTurn else { return false }
        taken += 1
        return true
    }

    /// A turn is over: media has left.
    package mutating func endTurn() { taken = 0 }

    /// Keeps a copy; false if there is no room.
    package mutating func append(
        _ datagram: UnsafeRawBufferPointer, of participant: ParticipantID, slot: Int, from path: Path, at arrival: Instant
    ) -> Bool {
        guard count < HandshakeQueue.capacity, datagram.count <= HandshakeQueue.longest, let bytes = datagram.baseAddress else {
            return false
        }
        let place = (head &+ count) % HandshakeQueue.capacity
        (slab + place * HandshakeQueue.longest).copyMemory(from: bytes, byteCount: datagram.count)
        (entries + place).initialize(
            to: Entry(participant: participant, slot: slot, path: path, arrival: arrival, length: datagram.count))
        count &+= 1
        return true
    }

    /// Takes the oldest; its bytes are valid until the next is appended.
    package mutating func popFirst() -> (entry: Entry, datagram: UnsafeRawBufferPointer)? {
        guard count > 0 else { return nil }
        let entry = entries[head]
        let datagram = UnsafeRawBufferPointer(start: slab + head * HandshakeQueue.longest, count: entry.length)
        head = (head &+ 1) % HandshakeQueue.capacity
        count &-= 1
        return (entry, datagram)
    }
}
