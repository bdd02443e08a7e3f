import MediaPrimitives

/// An extended report (RFC 3611 §2): of its blocks the two by which somebody who sends no media learns the round trip.
///
///     |V=2|P| reserved|    PT = 207   |            length             |
///     |                             SSRC                              |
///     |    BT = 4     |   reserved    |       block length = 2        |  receiver reference time (§4.4)
///     |              NTP timestamp, 64 bits                           |
///     |    BT = 5     |   reserved    |       block length = 3n       |  delay since it (§4.5), for n who told theirs:
///     |                      SSRC of the receiver                     |
///     |              last receiver reference time (LRR)               |
///     |          delay since last reference time (DLRR)               |
@frozen @usableFromInline
package struct ExtendedReport: Hashable, Sendable {
    /// Who reports.
    @usableFromInline package var sender: SSRC
    /// The sender's time of day, where it asks how long ago that was; the last of several.
    @usableFromInline package var referenceTime: NTPTime?
    /// How many answers there are; those of one datagram at most.
    @usableFromInline package private(set) var delayCount = 0
    @usableFromInline let blocksOffset: Int
    @usableFromInline let blocksEnd: Int

    /// What the reporter says of one receiver's reference time.
    @frozen @usableFromInline
    package struct Delay: Hashable, Sendable {
        /// Who told it.
        @usableFromInline package var receiver: SSRC
        /// The middle 32 bits of what was told; 0 for nothing.
        @usableFromInline package var lastReference: UInt32
        /// Since it came, in 65536ths of a second.
        @usableFromInline package var delay: UInt32

        @inlinable package init(receiver: SSRC, lastReference: UInt32, delay: UInt32) {
            self.receiver = receiver
            self.lastReference = lastReference
            self.delay = delay
        }

        /// The time to the reporter and back, for a report that came at `now` (RFC 3611 §4.5); nil where nothing was answered, and where it would be
        /// negative or more than a minute.
        package func roundTrip(at now: NTPTime) -> Interval? {
            ReportBlock(ssrc: receiver, lastSenderReport: lastReference, delaySinceLastSenderReport: delay).roundTrip(at: now)
        }
    }

    private static let referenceType: UInt8 = 4
    private static let delayType: UInt8 = 5
    private static let delayLength = 12

    /// Reads the report; nil when a block runs past the end. Blocks of other types, and those of a wrong length, are passed over.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> ExtendedReport? {
        guard packet.kind == .extendedReport, packet.end <= datagram.byteCount, packet.length >= 8,
            let sender = datagram.uint32(at: packet.bodyOffset)
        else { return nil }
        var report = ExtendedReport(sender: SSRC(sender), blocksOffset: packet.bodyOffset &+ 4, blocksEnd: packet.end)
        var at = report.blocksOffset
        while let block = report.block(at: at, in: datagram) {
            guard block.end <= packet.end else { return nil }
            if block.type == referenceType, block.end &- at == 12, let time = datagram.uint64(at: at &+ 4) {
                report.referenceTime = NTPTime(rawValue: time)
            }
            if block.type == delayType { report.delayCount = report.delayCount &+ (block.end &- at &- 4) / delayLength }
            at = block.end
        }
        return at == packet.end ? report : nil
    }

    private init(sender: SSRC, blocksOffset: Int, blocksEnd: Int) {
        self.sender = sender
        self.blocksOffset = blocksOffset
        self.blocksEnd = blocksEnd
    }

    private func block(at offset: Int, in datagram: RawSpan) -> (type: UInt8, end: Int)? {
        guard offset < blocksEnd, let type = datagram.uint8(at: offset), let words = datagram.uint16(at: offset &+ 2) else { return nil }
        return (type, offset &+ 4 &+ 4 &* Int(words))
    }

    /// Hands all answers to `body`. `datagram` is the one that was parsed.
    package func forEachDelay(in datagram: RawSpan, _ body: (Delay) -> Void) {
        var at = blocksOffset
        while let block = block(at: at, in: datagram), block.end <= blocksEnd {
            var entry = at &+ 4
            while block.type == ExtendedReport.delayType, entry &+ ExtendedReport.delayLength <= block.end,
                let receiver = datagram.uint32(at: entry), let last = datagram.uint32(at: entry &+ 4),
                let delay = datagram.uint32(at: entry &+ 8)
            {
                body(Delay(receiver: SSRC(receiver), lastReference: last, delay: delay))
                entry = entry &+ ExtendedReport.delayLength
            }
            at = block.end
        }
    }

    /// Appends a report with a reference time, with answers, or with both.
    package static func write(
        into writer: inout ByteWriter, sender: SSRC, referenceTime: NTPTime? = nil, delays: Span<Delay> = Span()
    ) {
        let start = writer.beginRTCP(type: 207, count: 0)
        writer.uint32(sender.rawValue)
        if let referenceTime {
            writer.uint8(referenceType)
            writer.uint8(0)
            writer.uint16(2)
            writer.uint64(referenceTime.rawValue)
        }
        if delays.count > 0 {
            writer.uint8(delayType)
            writer.uint8(0)
            writer.uint16(UInt16(truncatingIfNeeded: 3 &* delays.count))
            for index in 0..<delays.count {
                writer.uint32(delays[index].receiver.rawValue)
                writer.uint32(delays[index].lastReference)
                writer.uint32(delays[index].delay)
            }
        }
        writer.endRTCP(start)
    }
}
