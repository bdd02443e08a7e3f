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
    @usableFromInline var ring: Int32 = 0
    /// The next one to the same transport; negative for the last.
    @usableFromInline var next: Int32 = -1

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
/// turn and goes destination by destination: one set of keys after another, and what may be sent as one segmented datagram lies together.
/// Pacing and multi-buffer encryption have their place there and do not change the fan-out.
///
/// A value with one owner, passed on as `inout`: one check of exclusivity for each packet received, and none for each that leaves.
package struct DepartureQueue: ~Copyable {
    /// Header, extensions, RTX's original sequence number and a rewritten codec descriptor.
    package static let headerSize = 128

    package let capacity: Int
    private let departures: UnsafeMutablePointer<Departure>
    private let headers: UnsafeMutableRawPointer
    /// Appended since the queue was last empty.
    private var appended = 0
    private var released = 0
    /// The first and the last departure that waits for each transport; a negative first for none.
    private var chains: [(first: Int32, last: Int32)] = []
    /// The transports for which something was appended, in order; those before `position` have been served.
    private var destinations: [Int32] = []
    private var position = 0
    /// The rings of what waits: a publisher may leave in the turn in which it has sent something.
    private var rings: [PayloadRing] = []
    private var lastRing: ObjectIdentifier?
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
    package var isEmpty: Bool { appended == released }

    /// How many packets wait for their release.
    package var count: Int { appended - released }

    /// Where the next departure's header is to be written; nil, and counted, when the queue is full.
    mutating func nextHeader() -> UnsafeMutableRawBufferPointer? {
        guard appended < capacity else {
            refused &+= 1
            return nil
        }
        return UnsafeMutableRawBufferPointer(start: headers + appended &* DepartureQueue.headerSize, count: DepartureQueue.headerSize)
    }

    /// Queues `departure`, whose header is in what `nextHeader()` gave, and whose payload is in `ring`.
    mutating func append(_ departure: Departure, from ring: PayloadRing) {
        guard appended < capacity, departure.transport >= 0 else { return }
        // A fan-out appends one ring's packets in a row.
        let identifier = ObjectIdentifier(ring)
        if lastRing != identifier {
            rings.append(ring)
            lastRing = identifier
        }
        var departure = departure
        departure.ring = Int32(truncatingIfNeeded: rings.count - 1)
        departure.next = -1
        let index = Int32(truncatingIfNeeded: appended)
        while chains.count <= departure.transport { chains.append((-1, -1)) }
        let chain = chains[departure.transport]
        if chain.first < 0 {
            chains[departure.transport] = (index, index)
            destinations.append(Int32(truncatingIfNeeded: departure.transport))
        } else {
            departures[Int(chain.last)].next = index
            chains[departure.transport].last = index
        }
        (departures + appended).initialize(to: departure)
        appended += 1
    }

    /// Hands the waiting departures to `body`, each with its header and the rest of its payload, until all are gone or `body` says stop by
    /// returning false. They come destination by destination, and in order for each. Those whose payload is gone are left out.
    package mutating func release(_ body: (borrowing Departure, UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer) -> Bool) {
        while position < destinations.count {
            let transport = Int(destinations[position])
            var index = Int(chains[transport].first)
            while index >= 0 {
                let departure = departures[index]
                if let payload = rings[Int(departure.ring)].payload(departure.payload), departure.replaced <= payload.count {
                    let header = UnsafeMutableRawBufferPointer(
                        start: headers + index &* DepartureQueue.headerSize, count: departure.headerLength)
                    guard body(departure, header, UnsafeRawBufferPointer(rebasing: payload[departure.replaced...])) else {
                        chains[transport].first = Int32(truncatingIfNeeded: index)
                        return
                    }
                } else {
                    outdated &+= 1
                }
                released += 1
                index = Int(departure.next)
            }
            chains[transport].first = -1
            position += 1
        }
        appended = 0
        released = 0
        position = 0
        destinations.removeAll(keepingCapacity: true)
        rings.removeAll(keepingCapacity: true)
        lastRing = nil
    }
}
