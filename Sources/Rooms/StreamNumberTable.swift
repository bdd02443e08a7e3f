import Congestion
import MediaPrimitives

/// Under which of one participant's numbers the recent packets of each of its streams left, for feedback that names packets by SSRC and sequence
/// number (RFC 8888). Empty, and without memory, for everybody else.
///
/// Bounded by what is remembered of a stream, and by so many streams: a further one takes the place of the one that has been silent for longest, as
/// each track that somebody is sent may bring streams of its own.
package struct StreamNumberTable: ~Copyable {
    package static let mostStreams = 64

    private var ssrcs: [UInt32] = []
    /// When each had its last packet, counted in packets.
    private var lastNoted: [UInt64] = []
    private var noted: UInt64 = 0
    private var numbers: UnsafeMutablePointer<StreamNumbers>?

    package init() {}

    deinit {
        numbers?.deinitialize(count: ssrcs.count)
        numbers?.deallocate()
    }

    /// Notes that a packet, whose RTP header `packet` begins with, leaves as `number`.
    @inline(never)
    package mutating func note(_ packet: UnsafeMutableRawBufferPointer, as number: UInt16) {
        guard packet.count >= 12 else { return }
        let sequence = UInt16(bigEndian: packet.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        let ssrc = UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard let index = ssrcs.firstIndex(of: ssrc) ?? add(ssrc), let numbers else { return }
        noted &+= 1
        lastNoted[index] = noted
        numbers[index].note(SequenceNumber(sequence), as: number)
    }

    private mutating func add(_ ssrc: UInt32) -> Int? {
        let numbers = numbers ?? .allocate(capacity: StreamNumberTable.mostStreams)
        guard ssrcs.count < StreamNumberTable.mostStreams else {
            guard let index = lastNoted.indices.min(by: { lastNoted[$0] < lastNoted[$1] }) else { return nil }
            numbers[index] = StreamNumbers()
            ssrcs[index] = ssrc
            return index
        }
        self.numbers = numbers
        (numbers + ssrcs.count).initialize(to: StreamNumbers())
        ssrcs.append(ssrc)
        lastNoted.append(0)
        return ssrcs.count - 1
    }

    /// What is known, to be asked while the table itself stays as it is.
    package var known: Known { Known(ssrcs: ssrcs, numbers: numbers) }

    package struct Known {
        fileprivate let ssrcs: [UInt32]
        fileprivate let numbers: UnsafeMutablePointer<StreamNumbers>?

        /// The number that a packet of a stream left under; nil for one that is not remembered.
        package func number(of sequence: SequenceNumber, in ssrc: SSRC) -> UInt16? {
            guard let numbers, let index = ssrcs.firstIndex(of: ssrc.rawValue) else { return nil }
            return numbers[index].number(of: sequence)
        }
    }
}
