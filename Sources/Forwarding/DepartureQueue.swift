import MediaPrimitives
import RTP

/// One media packet on its way to one subscriber: an inline header and prefix, and the shared rest of the payload.
///
/// Plain values; `payload` points into a `PayloadRing` and is valid until the end of the loop's turn, by when every departure has been encrypted.
@frozen @usableFromInline
package struct Departure {
    /// Which transport's keys and path it takes.
    @usableFromInline package var transport: Int
    @usableFromInline package var kind: PacketKind
    /// Bytes used of this departure's slot in the header slab.
    @usableFromInline package var headerLength: Int
    /// Where the values that are only known at release lie in the header.
    @usableFromInline package var stamps: StampOffsets
    @usableFromInline package var payload: UnsafeRawBufferPointer

    @inlinable package init(
        transport: Int, kind: PacketKind, headerLength: Int, stamps: StampOffsets, payload: UnsafeRawBufferPointer
    ) {
        self.transport = transport
        self.kind = kind
        self.headerLength = headerLength
        self.stamps = stamps
        self.payload = payload
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
    /// Packets that found the queue full since it was made.
    package private(set) var refused: UInt64 = 0

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

    /// Lets `body` write the header into its slot and describe the departure; nil takes the slot back.
    package func append(_ body: (UnsafeMutableRawBufferPointer) -> Departure?) {
        guard count < capacity else {
            refused &+= 1
            return
        }
        let slot = UnsafeMutableRawBufferPointer(start: headers + count &* DepartureQueue.headerSize, count: DepartureQueue.headerSize)
        guard let departure = body(slot) else { return }
        (departures + count).initialize(to: departure)
        count += 1
    }

    /// Hands the waiting departures to `body` in order, each with its header, until all are gone or `body` says stop by returning false.
    package func release(_ body: (borrowing Departure, UnsafeMutableRawBufferPointer) -> Bool) {
        while released < count {
            let header = UnsafeMutableRawBufferPointer(
                start: headers + released &* DepartureQueue.headerSize, count: departures[released].headerLength)
            guard body(departures[released], header) else { return }
            released += 1
        }
        released = 0
        count = 0
    }
}
