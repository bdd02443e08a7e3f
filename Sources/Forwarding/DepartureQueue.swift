import MediaPrimitives
import RTP

/// One media packet on its way to one subscriber: an inline header and prefix, and the shared rest of the payload.
///
/// Plain values: the payload is named by its place in a ring, which the queue keeps alive, and is looked up only at release.
@frozen @usableFromInline
package struct Departure {
    /// Which transport's keys and path it takes.
    @usableFromInline package var transport: Int
    @usableFromInline package var kind: PacketKind
    /// Bytes used of this departure's slot in the header slab.
    @usableFromInline package var headerLength: Int
    /// Where the values that are only known at release lie in the header.
    @usableFromInline package var stamps: StampOffsets
    @usableFromInline package var payload: PayloadReference
    /// Bytes at the start of the payload that the header's prefix replaces.
    @usableFromInline package var replaced: Int
    /// Which of the queue's rings the payload is in.
    @usableFromInline var ring = 0

    @inlinable package init(
        transport: Int, kind: PacketKind, headerLength: Int, stamps: StampOffsets, payload: PayloadReference, replaced: Int
    ) {
        self.transport = transport
        self.kind = kind
        self.headerLength = headerLength
        self.stamps = stamps
        self.payload = payload
        self.replaced = replaced
    }
}

/// The media packets that leave in this turn, gathered before they are encrypted and sent together.
///
/// The fan-out only appends here. Release (numbers that belong to the moment of sending, encryption, one batch to the socket) comes once per
/// turn; pacing, multi-buffer encryption and segmentation offload have their place there and do not change the fan-out.
package final class DepartureQueue {
    /// Header, extensions, RTX's original sequence number and a rewritten codec descriptor.
    package static let headerSize = 128

    package let capacity: Int
    @usableFromInline let departures: UnsafeMutablePointer<Departure>
    @usableFromInline let headers: UnsafeMutableRawPointer
    @usableFromInline package private(set) var count = 0
    private var released = 0
    /// The rings of what waits: a publisher may leave in the turn in which it has sent something.
    private var rings: [PayloadRing] = []
    /// Packets that found the queue full since it was made.
    package private(set) var refused: UInt64 = 0
    /// Packets whose payload had been overwritten before their release: more came in one turn than a ring holds.
    package private(set) var outdated: UInt64 = 0

    package init(capacity: Int) {
        self.capacity = capacity
        departures = .allocate(capacity: capacity)
        headers = .allocate(byteCount: capacity * DepartureQueue.headerSize, alignment: 64)
    }

    deinit {
        departures.deallocate()
        headers.deallocate()
    }

    /// Whether any packet waits for its release.
    package var isEmpty: Bool { released == count }

    /// Lets `body` write the header into its slot and describe the departure of a payload in `ring`; nil takes the slot back.
    package func append(from ring: PayloadRing, _ body: (UnsafeMutableRawBufferPointer) -> Departure?) {
        guard count < capacity else {
            refused &+= 1
            return
        }
        let slot = UnsafeMutableRawBufferPointer(start: headers + count &* DepartureQueue.headerSize, count: DepartureQueue.headerSize)
        guard var departure = body(slot) else { return }
        // A fan-out appends one ring's packets in a row.
        if rings.isEmpty || rings[rings.count - 1] !== ring { rings.append(ring) }
        departure.ring = rings.count - 1
        (departures + count).initialize(to: departure)
        count += 1
    }

    /// Hands the waiting departures to `body` in order, each with its header and the rest of its payload, until all are gone or `body` says stop
    /// by returning false. Those whose payload is gone are left out.
    package func release(_ body: (borrowing Departure, UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer) -> Bool) {
        while released < count {
            let departure = departures[released]
            if let payload = rings[departure.ring].payload(departure.payload), departure.replaced <= payload.count {
                let header = UnsafeMutableRawBufferPointer(
                    start: headers + released &* DepartureQueue.headerSize, count: departure.headerLength)
                guard body(departure, header, UnsafeRawBufferPointer(rebasing: payload[departure.replaced...])) else { return }
            } else {
                outdated &+= 1
            }
            released += 1
        }
        released = 0
        count = 0
        rings.removeAll(keepingCapacity: true)
    }
}
