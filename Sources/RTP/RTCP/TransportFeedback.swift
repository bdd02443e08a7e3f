import MediaPrimitives

/// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
///
///     |V=2|P| FMT=15  |    PT=205     |            length             |
///     |                     SSRC of packet sender                     |
///     |                      SSRC of media source                     |
///     |     base sequence number      |      packet status count      |
///     |                reference time                 | feedback count|
///     |         packet chunks, 2 bytes each ...
///     |         receive deltas, 1 or 2 bytes for each packet received ...
@frozen @usableFromInline
package struct TransportFeedback: Hashable, Sendable {
    /// Who received.
    @usableFromInline package var sender: SSRC
    @usableFromInline package var media: SSRC
    /// The first packet that is told about.
    @usableFromInline package var baseSequence: SequenceNumber
    /// Packets told about: 1 to `maximumStatusCount`.
    @usableFromInline package var statusCount: Int
    /// Signed 24 bits, in units of 64 ms; wraps every 12.4 days.
    @usableFromInline package var referenceTime: Int32
    /// Counts the messages, to notice lost ones; wraps.
    @usableFromInline package var feedbackCount: UInt8
    @usableFromInline let chunksOffset: Int
    @usableFromInline let deltasOffset: Int

    /// One packet told about.
    @frozen @usableFromInline
    package struct Status: Hashable, Sendable {
        @usableFromInline package var sequence: SequenceNumber
        /// When it arrived, in ticks of 250 µs on the receiver's clock, counted from where reference time 0 lies; nil for a lost packet.
        /// Differences of two are exact over several messages as long as the reference time does not wrap between them.
        @usableFromInline package var arrivalTicks: Int64?

        @inlinable package init(sequence: SequenceNumber, arrivalTicks: Int64?) {
            self.sequence = sequence
            self.arrivalTicks = arrivalTicks
        }
    }

    /// Ticks of 250 µs in a unit of the reference time.
    package static let ticksPerReference: Int64 = 256
    /// Nanoseconds of a tick.
    package static let tick: Int64 = 250_000
    /// Messages that tell of more packets are refused: a run-length chunk makes 8191 of two bytes, and whoever sends such messages
    /// would have us walk through millions. At 1000 packets a second this is 16 s.
    package static let maximumStatusCount = 16_384
    /// Bytes before the chunks.
    static let headerLength = 20

    /// Reads the message; nil when the chunks or deltas run past the end, a status is the reserved one, or there are too many or none.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> TransportFeedback? {
        let at = packet.bodyOffset
        guard packet.kind == .transportFeedback, packet.length >= headerLength &+ 2, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: at), let media = datagram.uint32(at: at &+ 4), let base = datagram.uint16(at: at &+ 8),
            let count = datagram.uint16(at: at &+ 10), count > 0, Int(count) <= maximumStatusCount,
            let reference = datagram.uint24(at: at &+ 12), let feedbackCount = datagram.uint8(at: at &+ 15)
        else { return nil }
        var chunkOffset = at &+ 16
        var remaining = Int(count)
        var deltaBytes = 0
        while remaining > 0 {
            guard chunkOffset &+ 2 <= packet.end, let word = datagram.uint16(at: chunkOffset) else { return nil }
            chunkOffset = chunkOffset &+ 2
            let chunk = Chunk(word)
            let covered = min(chunk.count, remaining)
            guard let bytes = chunk.deltaBytes(of: covered) else { return nil }
            deltaBytes = deltaBytes &+ bytes
            remaining = remaining &- covered
        }
        guard chunkOffset &+ deltaBytes <= packet.end else { return nil }
        return TransportFeedback(
            sender: SSRC(sender), media: SSRC(media), baseSequence: SequenceNumber(base), statusCount: Int(count),
            referenceTime: Int32(bitPattern: reference << 8) >> 8, feedbackCount: feedbackCount, chunksOffset: at &+ 16,
            deltasOffset: chunkOffset)
    }

    /// Walks the statuses in order of sequence number.
    @inlinable package func makeIterator() -> Iterator { Iterator(self) }

    @frozen @usableFromInline
    package struct Iterator: Sendable {
        @usableFromInline var sequence: SequenceNumber
        @usableFromInline var remaining: Int
        @usableFromInline var ticks: Int64
        @usableFromInline var chunkOffset: Int
        @usableFromInline var deltaOffset: Int
        @usableFromInline var chunk = Chunk(0)
        /// Statuses of `chunk` that were given out.
        @usableFromInline var used = 0

        @inlinable init(_ feedback: TransportFeedback) {
            sequence = feedback.baseSequence
            remaining = feedback.statusCount
            ticks = Int64(feedback.referenceTime) &* 256
            chunkOffset = feedback.chunksOffset
            deltaOffset = feedback.deltasOffset
        }

        /// The next status; nil at the end. `datagram` is the one that was parsed.
        @inlinable package mutating func next(in datagram: RawSpan) -> Status? {
            guard remaining > 0 else { return nil }
            while used >= chunk.count {
                guard let word = datagram.uint16(at: chunkOffset) else { return nil }
                chunk = Chunk(word)
                used = 0
                chunkOffset = chunkOffset &+ 2
            }
            var status = Status(sequence: sequence, arrivalTicks: nil)
            switch chunk.symbol(used) {
            case 1:
                guard let delta = datagram.uint8(at: deltaOffset) else { return nil }
                deltaOffset = deltaOffset &+ 1
                ticks = ticks &+ Int64(delta)
                status.arrivalTicks = ticks
            case 2:
                guard let delta = datagram.uint16(at: deltaOffset) else { return nil }
                deltaOffset = deltaOffset &+ 2
                ticks = ticks &+ Int64(Int16(bitPattern: delta))
                status.arrivalTicks = ticks
            default: break
            }
            used = used &+ 1
            remaining = remaining &- 1
            sequence = sequence + 1
            return status
        }
    }

    /// A packet chunk (§3.1.3, §3.1.4): a run of one symbol, or a vector of 14 one-bit or 7 two-bit symbols.
    @frozen @usableFromInline
    struct Chunk: Sendable {
        @usableFromInline let word: UInt16

        @inlinable init(_ word: UInt16) { self.word = word }

        @inlinable var isRun: Bool { word & 0x8000 == 0 }
        @inlinable var hasTwoBitSymbols: Bool { word & 0x4000 != 0 }
        /// 0 to 8191 for a run, else 14 or 7.
        @inlinable var count: Int { isRun ? Int(word & 0x1fff) : hasTwoBitSymbols ? 7 : 14 }

        /// 0: not received; 1: a delta of 1 byte; 2: a delta of 2 bytes; 3: reserved.
        @inlinable func symbol(_ index: Int) -> UInt8 {
            if isRun { return UInt8(truncatingIfNeeded: word >> 13) & 3 }
            if hasTwoBitSymbols { return UInt8(truncatingIfNeeded: word >> UInt16(truncatingIfNeeded: 12 &- 2 &* index)) & 3 }
            return UInt8(truncatingIfNeeded: word >> UInt16(truncatingIfNeeded: 13 &- index)) & 1
        }

        /// Bytes of delta that the first `n` symbols have; nil where one is reserved.
        func deltaBytes(of n: Int) -> Int? {
            if isRun { return symbol(0) == 3 ? nil : n &* Int(symbol(0)) }
            var bytes = 0
            for i in 0..<n {
                let symbol = symbol(i)
                if symbol == 3 { return nil }
                bytes = bytes &+ Int(symbol)
            }
            return bytes
        }
    }
}
