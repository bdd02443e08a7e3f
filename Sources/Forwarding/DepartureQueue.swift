import MediaPrimitives
import RTP

/// One media packet on its way to one subscriber: an inline header and prefix, and the shared rest of the payload.
///
/// Plain values: the payload is named by its place in a ring, which the queue keeps alive, and by the generation that it must be of.
struct Departure {
    /// Which transport's keys and path it takes.
    var transport: Int32
    /// The next one to the same transport; negative for the last.
    var next: Int32 = -1
    var slot: UnsafePointer<PayloadRing.Slot>
    var payload: PayloadReference
    /// Where its header lies in the queue's slab.
    var header: UInt32 = 0
    /// Bytes of header and prefix.
    var headerLength: UInt8
    /// Bytes at the start of the payload that the prefix replaces, or that are left out.
    var replaced: UInt16
    var kind: PacketKind
    /// Sound: it never waits.
    var isAudio = false
    /// Where the values that are only known at release lie in the header.
    var stamps: StampOffsets
}

/// A packet that has been written out, still to be encrypted.
package struct ReadyPacket {
    package let kind: PacketKind
    /// Bytes of header and payload.
    package let length: Int
    /// Sound, and what is sent again, which somebody waits for, do not wait for the pacer.
    package let isUrgent: Bool
    package let isAudio: Bool
    /// Where the values lie that belong to the moment of sending.
    package let stamps: StampOffsets

    package init(kind: PacketKind, length: Int, isUrgent: Bool, isAudio: Bool, stamps: StampOffsets) {
        self.kind = kind
        self.length = length
        self.isUrgent = isUrgent
        self.isAudio = isAudio
        self.stamps = stamps
    }

    package var hasTransportSequence: Bool { stamps.transportSequence != 0 }
}

/// The media packets that leave in this turn, gathered before they are encrypted and sent together.
///
/// The fan-out only appends here. Release (numbers that belong to the moment of sending, encryption, one batch to the socket) comes once per
/// turn and goes destination by destination: one set of keys after another, and what may be sent as one segmented datagram lies together.
/// Pacing and multi-buffer encryption have their place there and do not change the fan-out.
///
/// A value with one owner, passed on as `inout`: one check of exclusivity for each packet received, and none for each that leaves.
package struct DepartureQueue: ~Copyable {
    /// The longest header with a dependency descriptor, and the longest prefix, in whole words.
    private static var longestHeader: Int { (OutgoingHeader.maximumLength + Leg.longestDescriptor + 8 + 7) & ~7 }
    /// What whole words may touch behind the last header.
    private static var headerRoom: Int { HeaderTemplate.room + 16 }

    private struct Chain {
        var first: Int32 = -1
        var last: Int32 = -1
    }

    package let capacity: Int
    private let departures: UnsafeMutablePointer<Departure>
    /// The headers, one behind the other, so that what is written in a turn lies close together.
    private let headers: UnsafeMutableRawPointer
    private var headerEnd = 0
    /// Appended since the queue was last empty.
    private var appended = 0
    private var released = 0
    /// The first and the last departure that waits for each transport.
    private var chains: UnsafeMutablePointer<Chain>
    private var chainCount = 0
    /// The transports for which something was appended, in order; those before `position` have been served.
    private let destinations: UnsafeMutablePointer<Int32>
    private var destinationCount = 0
    private var position = 0
    /// The rings of what waits: a publisher may leave in the turn in which it has sent something.
    private var rings: [PayloadRing] = []
    /// Packets that found the queue full since it was made.
    package private(set) var refused: UInt64 = 0
    /// Packets whose payload had been overwritten before their release: more came in one turn than a ring holds.
    package private(set) var outdated: UInt64 = 0

    package init(capacity: Int) {
        self.capacity = capacity
        departures = .allocate(capacity: capacity)
        destinations = .allocate(capacity: capacity)
        chains = .allocate(capacity: 0)
        // The system commits memory only as far as it is used.
        headers = .allocate(byteCount: capacity * DepartureQueue.longestHeader + DepartureQueue.headerRoom, alignment: 64)
    }

    deinit {
        for ring in rings { ring.keeper = nil }
        departures.deallocate()
        destinations.deallocate()
        chains.deallocate()
        headers.deallocate()
    }

    /// Whether any packet waits for its release.
    package var isEmpty: Bool { appended == released }

    /// How many packets wait for their release.
    package var count: Int { appended &- released }

    /// Whether so many more may come in this turn without more than one in `parts` of all places being taken.
    package func hasRoom(for count: Int, oneIn parts: Int) -> Bool { appended &+ count <= capacity / parts }

    // MARK: In

    /// Keeps `ring` for as long as anything waits here. Before what is in it is appended.
    package mutating func keep(_ ring: PayloadRing) {
        let me = UnsafeRawPointer(departures)
        guard ring.keeper != me else { return }
        ring.keeper = me
        rings.append(ring)
    }

    /// Where the next departure's header is to be written; nil, and counted, when the queue is full.
    @inline(__always)
    mutating func nextHeader() -> UnsafeMutableRawPointer? {
        guard appended < capacity else {
            refused &+= 1
            return nil
        }
        return headers + headerEnd
    }

    /// Queues `departure`, whose header is in what `nextHeader()` gave, and whose payload is in a ring that is kept.
    @inline(__always)
    mutating func append(_ departure: Departure) {
        let transport = Int(departure.transport)
        guard appended < capacity, transport >= 0, Int(departure.headerLength) <= DepartureQueue.longestHeader else { return }
        if transport >= chainCount { makeChains(for: transport) }
        let place = departures + appended
        place.initialize(to: departure)
        place.pointee.header = UInt32(truncatingIfNeeded: headerEnd)
        let index = Int32(truncatingIfNeeded: appended)
        let chain = chains + transport
        if chain.pointee.first < 0 {
            chain.pointee.first = index
            destinations[destinationCount] = departure.transport
            destinationCount &+= 1
        } else {
            departures[Int(chain.pointee.last)].next = index
        }
        chain.pointee.last = index
        headerEnd = (headerEnd &+ Int(departure.headerLength) &+ 7) & ~7
        appended &+= 1
    }

    @inline(never)
    private mutating func makeChains(for transport: Int) {
        let count = max(64, max(transport + 1, 2 * chainCount))
        let new = UnsafeMutablePointer<Chain>.allocate(capacity: count)
        new.update(from: chains, count: chainCount)
        (new + chainCount).initialize(repeating: Chain(), count: count - chainCount)
        chains.deallocate()
        chains = new
        chainCount = count
    }

    // MARK: Out

    /// The transport whose packets leave next, in order; nil when nothing waits any more. The same one until all of its packets are gone.
    package mutating func nextDestination() -> Int? {
        while position < destinationCount {
            let transport = Int(destinations[position])
            if chains[transport].first >= 0 { return transport }
            position &+= 1
        }
        forgetAll()
        return nil
    }

    /// The transport that comes so many after the one that `nextDestination()` has given; nil where there is none.
    @inline(__always)
    package func destination(ahead: Int) -> Int? {
        position &+ ahead < destinationCount ? Int(destinations[position &+ ahead]) : nil
    }

    /// Takes the oldest packet that waits for `destination`, which `nextDestination()` has given, and writes it to the start of `packet`, stamped with
    /// what belongs to the moment of sending. Nil when there is none any more. Those whose payload is gone, and those that find no `room` behind
    /// them, are left out.
    package mutating func take(
        _ destination: Int, into packet: UnsafeMutableRawBufferPointer, room: Int, sendTime: UInt32, transportSequence: UInt16
    ) -> ReadyPacket? {
        while chains[destination].first >= 0 {
            let departure = departures + Int(chains[destination].first)
            chains[destination].first = departure.pointee.next
            released &+= 1
            let payload = PayloadRing.payload(in: departure.pointee.slot)
            let replaced = Int(departure.pointee.replaced)
            guard departure.pointee.slot.pointee.position == departure.pointee.payload.position, replaced <= payload.count else {
                outdated &+= 1
                continue
            }
            let header = Int(departure.pointee.headerLength)
            let length = header &+ payload.count &- replaced
            guard length &+ room <= packet.count, let base = packet.baseAddress, let from = payload.baseAddress else { continue }
            base.copyMemory(from: headers + Int(departure.pointee.header), byteCount: header)
            (base + header).copyMemory(from: from + replaced, byteCount: payload.count &- replaced)
            let (stamps, kind, isAudio) = (departure.pointee.stamps, departure.pointee.kind, departure.pointee.isAudio)
            stamps.stamp(packet, absSendTime: sendTime, transportSequence: transportSequence)
            return ReadyPacket(
                kind: kind, length: length, isUrgent: isAudio || kind == .retransmission, isAudio: isAudio, stamps: stamps)
        }
        return nil
    }

    /// Whether anything waits for `destination`, which `nextDestination()` has given, or which anything was appended for.
    package func hasAny(for destination: Int) -> Bool { destination < chainCount && chains[destination].first >= 0 }

    /// Nothing can be sent to `destination`.
    package mutating func removeAll(of destination: Int) {
        while chains[destination].first >= 0 {
            chains[destination].first = departures[Int(chains[destination].first)].next
            released &+= 1
        }
    }

    private mutating func forgetAll() {
        guard !rings.isEmpty else { return }
        (appended, released, headerEnd, position, destinationCount) = (0, 0, 0, 0, 0)
        for ring in rings { ring.keeper = nil }
        rings.removeAll(keepingCapacity: true)
    }
}
