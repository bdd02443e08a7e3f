import MediaPrimitives

/// Congestion control feedback (RFC 8888 §3.1): when the packets of each stream arrived.
///
///     |V=2|P| FMT=11  |   PT = 205    |            length             |
///     |                 SSRC of RTCP packet sender                    |
///     |                   SSRC of 1st RTP stream                      |
///     |          begin_seq            |          num_reports          |
///     |R|ECN|  Arrival time offset    | ...      (padded to a word)   |
///     |                   SSRC of nth RTP stream                      |
///     |          begin_seq            |          num_reports          |
///     |R|ECN|  Arrival time offset    | ...                           |
///     |                 Report timestamp (32 bits)                    |
@frozen @usableFromInline
package struct CongestionControlFeedback: Hashable, Sendable {
    /// Who received.
    @usableFromInline package var sender: SSRC
    /// The middle 32 bits of an NTP timestamp: when the message was made, on the receiver's clock.
    @usableFromInline package var reportTimestamp: UInt32
    @usableFromInline let blocksOffset: Int
    @usableFromInline let blocksEnd: Int

    /// One packet told about.
    @frozen @usableFromInline
    package struct Status: Hashable, Sendable {
        @usableFromInline package var ssrc: SSRC
        @usableFromInline package var sequence: SequenceNumber
        @usableFromInline package var isReceived: Bool
        /// On the clock of the report timestamp, in its units of 2^-16 s; nil where the receiver does not say, or more than eight seconds ago.
        @usableFromInline package var arrival: UInt32?

        @inlinable package init(ssrc: SSRC, sequence: SequenceNumber, isReceived: Bool, arrival: UInt32?) {
            self.ssrc = ssrc
            self.sequence = sequence
            self.isReceived = isReceived
            self.arrival = arrival
        }
    }

    /// Messages whose blocks tell of more packets together are refused; a datagram holds fewer.
    package static let maximumReports = 16_384
    /// Units of the report timestamp in one of the arrival time offset, which are 1/1024 s.
    static let unitsPerOffset: UInt32 = 64
    /// The offset has 13 bits; the two greatest mean "more than that" and "not known".
    static let greatestOffset: UInt16 = 0x1ffd

    /// Reads the message; nil when a block runs past the end, or there are too many reports.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> CongestionControlFeedback? {
        let end = packet.end &- 4
        guard packet.type == 205, packet.count == 11, packet.length >= 12, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: packet.bodyOffset), let timestamp = datagram.uint32(at: end)
        else { return nil }
        let begin = packet.bodyOffset &+ 4
        var at = begin
        var reports = 0
        while at < end {
            guard at &+ 8 <= end, let count = datagram.uint16(at: at &+ 6) else { return nil }
            reports = reports &+ Int(count)
            at = at &+ 8 &+ blockLength(count)
            guard at <= end, reports <= maximumReports else { return nil }
        }
        return CongestionControlFeedback(sender: SSRC(sender), reportTimestamp: timestamp, blocksOffset: begin, blocksEnd: end)
    }

    /// Bytes of so many reports with their padding.
    @inlinable static func blockLength(_ count: UInt16) -> Int { (Int(count) &+ 1) & ~1 &* 2 }

    /// Walks the statuses stream by stream, each in order of sequence number.
    @inlinable package func makeIterator() -> Iterator { Iterator(self) }

    @frozen @usableFromInline
    package struct Iterator: Sendable {
        @usableFromInline let timestamp: UInt32
        @usableFromInline let end: Int
        @usableFromInline var nextBlock: Int
        @usableFromInline var at = 0
        @usableFromInline var remaining = 0
        @usableFromInline var ssrc = SSRC(0)
        @usableFromInline var sequence = SequenceNumber(0)

        @inlinable init(_ feedback: CongestionControlFeedback) {
            timestamp = feedback.reportTimestamp
            end = feedback.blocksEnd
            nextBlock = feedback.blocksOffset
        }

        /// The next status; nil at the end. `datagram` is the one that was parsed.
        @inlinable package mutating func next(in datagram: RawSpan) -> Status? {
            while remaining == 0 {
                guard nextBlock < end, let ssrc = datagram.uint32(at: nextBlock), let begin = datagram.uint16(at: nextBlock &+ 4),
                    let count = datagram.uint16(at: nextBlock &+ 6)
                else { return nil }
                self.ssrc = SSRC(ssrc)
                sequence = SequenceNumber(begin)
                remaining = Int(count)
                at = nextBlock &+ 8
                nextBlock = at &+ CongestionControlFeedback.blockLength(count)
            }
            guard let word = datagram.uint16(at: at) else { return nil }
            let offset = word & 0x1fff
            var status = Status(ssrc: ssrc, sequence: sequence, isReceived: word & 0x8000 != 0, arrival: nil)
            if status.isReceived, offset <= 0x1ffd { status.arrival = timestamp &- UInt32(offset) &* 64 }
            remaining = remaining &- 1
            at = at &+ 2
            sequence = sequence + 1
            return status
        }
    }

    /// What is told of one stream: packets from `begin` on, each with its arrival in units of the report timestamp, nil for a lost one.
    package struct StreamReport: Sendable {
        package var ssrc: SSRC
        package var begin: SequenceNumber
        package var arrivals: [UInt32?]

        package init(ssrc: SSRC, begin: SequenceNumber, arrivals: [UInt32?]) {
            self.ssrc = ssrc
            self.begin = begin
            self.arrivals = arrivals
        }
    }

    /// Appends a message on `streams`, of each the first 16,384 packets. Arrivals are rounded down to 1/1024 s; ECN is not told.
    package static func write(into writer: inout ByteWriter, sender: SSRC, reportTimestamp: UInt32, streams: [StreamReport]) {
        let start = writer.beginRTCP(type: 205, count: 11)
        writer.uint32(sender.rawValue)
        for stream in streams {
            let arrivals = stream.arrivals.prefix(maximumReports)
            writer.uint32(stream.ssrc.rawValue)
            writer.uint16(stream.begin.rawValue)
            writer.uint16(UInt16(truncatingIfNeeded: arrivals.count))
            for arrival in arrivals { writer.uint16(arrival.map { 0x8000 | offset(of: $0, before: reportTimestamp) } ?? 0) }
            if arrivals.count & 1 != 0 { writer.uint16(0) }
        }
        writer.uint32(reportTimestamp)
        writer.endRTCP(start)
    }

    private static func offset(of arrival: UInt32, before timestamp: UInt32) -> UInt16 {
        let distance = Int32(bitPattern: timestamp &- arrival)
        guard distance >= 0 else { return 0x1fff }
        let offset = (UInt32(distance) &+ unitsPerOffset &- 1) / unitsPerOffset
        return offset <= UInt32(greatestOffset) ? UInt16(truncatingIfNeeded: offset) : 0x1ffe
    }
}
