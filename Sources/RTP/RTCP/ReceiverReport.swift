import MediaPrimitives

/// A receiver report (RFC 3550 §6.4.2).
@frozen @usableFromInline
package struct ReceiverReport: Hashable, Sendable {
    /// Who reports.
    @usableFromInline package var ssrc: SSRC
    /// The blocks of a received report; empty in one that was made here.
    @usableFromInline package private(set) var blocks = ReportBlocks(offset: 0, count: 0)

    package init(ssrc: SSRC) { self.ssrc = ssrc }

    /// Bytes of a report without blocks.
    package static let length = 8

    /// Reads the report; nil when its blocks run past the end.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> ReceiverReport? {
        let count = Int(packet.count)
        guard packet.kind == .receiverReport, packet.end <= datagram.byteCount, packet.length >= length &+ ReportBlock.length &* count,
            let ssrc = datagram.uint32(at: packet.bodyOffset)
        else { return nil }
        var report = ReceiverReport(ssrc: SSRC(ssrc))
        report.blocks = ReportBlocks(offset: packet.bodyOffset &+ 4, count: count)
        return report
    }

    /// Appends the report with the first 31 of `reports`. An empty one starts a compound packet when there is nothing to tell (§6.1).
    package func write(into writer: inout ByteWriter, reports: Span<ReportBlock>) {
        let count = min(reports.count, ReportBlock.maximumCount)
        let start = writer.beginRTCP(type: 201, count: count)
        writer.uint32(ssrc.rawValue)
        for i in 0..<count { reports[i].write(into: &writer) }
        writer.endRTCP(start)
    }

    /// Appends the report without blocks.
    package func write(into writer: inout ByteWriter) { write(into: &writer, reports: Span()) }
}
