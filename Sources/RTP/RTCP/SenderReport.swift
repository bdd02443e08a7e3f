import MediaPrimitives

/// A sender report (RFC 3550 §6.4.1).
@frozen @usableFromInline
package struct SenderReport: Hashable, Sendable {
    @usableFromInline package var ssrc: SSRC
    /// The wall clock at which the report was sent.
    @usableFromInline package var ntpTime: NTPTime
    /// The same moment on the clock of the stream's timestamps.
    @usableFromInline package var rtpTimestamp: UInt32
    /// RTP packets sent, wrapping.
    @usableFromInline package var packetCount: UInt32
    /// Bytes of payload sent, without headers and padding, wrapping.
    @usableFromInline package var octetCount: UInt32
    /// What a received report says of streams that its sender receives; empty in one that was made here.
    @usableFromInline package private(set) var blocks = ReportBlocks(offset: 0, count: 0)

    package init(ssrc: SSRC, ntpTime: NTPTime, rtpTimestamp: UInt32, packetCount: UInt32, octetCount: UInt32) {
        self.ssrc = ssrc
        self.ntpTime = ntpTime
        self.rtpTimestamp = rtpTimestamp
        self.packetCount = packetCount
        self.octetCount = octetCount
    }

    /// Bytes of a report without blocks.
    package static let length = 28

    /// Reads the report; nil when its blocks run past the end.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> SenderReport? {
        let count = Int(packet.count)
        let at = packet.bodyOffset
        guard packet.kind == .senderReport, packet.end <= datagram.byteCount, packet.length >= length &+ ReportBlock.length &* count,
            let ssrc = datagram.uint32(at: at), let ntp = datagram.uint64(at: at &+ 4), let rtp = datagram.uint32(at: at &+ 12),
            let packets = datagram.uint32(at: at &+ 16), let octets = datagram.uint32(at: at &+ 20)
        else { return nil }
        var report = SenderReport(
            ssrc: SSRC(ssrc), ntpTime: NTPTime(rawValue: ntp), rtpTimestamp: rtp, packetCount: packets, octetCount: octets)
        report.blocks = ReportBlocks(offset: at &+ 24, count: count)
        return report
    }

    /// Appends the report with the first 31 of `reports`.
    package func write(into writer: inout ByteWriter, reports: Span<ReportBlock>) {
        let count = min(reports.count, ReportBlock.maximumCount)
        let start = writer.beginRTCP(type: 200, count: count)
        writer.uint32(ssrc.rawValue)
        writer.uint64(ntpTime.rawValue)
        writer.uint32(rtpTimestamp)
        writer.uint32(packetCount)
        writer.uint32(octetCount)
        for i in 0..<count { reports[i].write(into: &writer) }
        writer.endRTCP(start)
    }

    /// Appends the report without blocks.
    package func write(into writer: inout ByteWriter) { write(into: &writer, reports: Span()) }
}
