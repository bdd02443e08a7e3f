import MediaPrimitives
import RTP

/// RTCP datagrams: every kind of packet is read, written again and read again.
enum RTCPHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let datagram = input.bytes
        _ = RTCPPacket.isRTCP(datagram)
        var packets = RTCPPacketIterator()
        var end = 0
        while let packet = packets.next(in: datagram) {
            try expect(
                packet.offset == end && packet.length >= 4 && packet.end <= packets.offset && packets.offset <= datagram.byteCount,
                "a packet leaves its place")
            end = packets.offset
            try read(datagram, packet)
        }
        try expect(RTCPPacketIterator.isValid(datagram) == !packets.isMalformed, "two walks of one datagram differ")
        try expect(packets.isMalformed || end == datagram.byteCount, "the walk ended early without a reason")
    }

    private static func read(_ datagram: RawSpan, _ packet: RTCPPacket) throws(Finding) {
        // Each reader is shown every packet: it has to know its own.
        if let report = SenderReport.parse(datagram, packet) { try rewrite(report, datagram) }
        if let report = ReceiverReport.parse(datagram, packet) { try rewrite(report, datagram) }
        if let description = SourceDescription.parse(datagram, packet) { try rewrite(description, datagram) }
        if let goodbye = Goodbye.parse(datagram, packet) { try rewrite(goodbye, datagram) }
        if let nack = Nack.parse(datagram, packet) { try rewrite(nack, datagram) }
        if let indication = PictureLossIndication.parse(datagram, packet) {
            try again({ indication.write(into: &$0) }) { bytes, packet throws(Finding) in
                try expect(PictureLossIndication.parse(bytes, packet) == indication, "a PLI changed")
            }
        }
        if let request = FullIntraRequest.parse(datagram, packet) { try rewrite(request, datagram) }
        if let estimate = ReceiverEstimatedMaximumBitrate.parse(datagram, packet) { try rewrite(estimate, datagram) }
        if let feedback = TransportFeedback.parse(datagram, packet) { try FeedbackCheck.run(feedback, datagram) }
        if let feedback = CongestionControlFeedback.parse(datagram, packet) { try rewrite(feedback, datagram) }
        if let report = ExtendedReport.parse(datagram, packet) { try rewrite(report, datagram) }
    }

    /// Writes one packet and hands it to `check`.
    static func again(
        _ write: (inout ByteWriter) -> Void, _ check: (RawSpan, RTCPPacket) throws(Finding) -> Void
    ) throws(Finding) {
        guard let written = ByteWriter.array(capacity: 2_000, write) else { throw Finding("what was read does not fit when written") }
        var packets = RTCPPacketIterator()
        guard let packet = packets.next(in: written.span.bytes), packets.offset == written.count else {
            throw Finding("a packet of our own does not parse")
        }
        try check(written.span.bytes, packet)
    }

    private static func blocks(_ blocks: ReportBlocks, _ datagram: RawSpan) throws(Finding) -> [ReportBlock] {
        var all: [ReportBlock] = []
        for index in 0..<blocks.count {
            guard let block = blocks.block(index, in: datagram) else { throw Finding("a report block is missing") }
            all.append(block)
        }
        try expect(blocks.block(blocks.count, in: datagram) == nil, "one report block too many")
        return all
    }

    private static func rewrite(_ report: SenderReport, _ datagram: RawSpan) throws(Finding) {
        let reports = try blocks(report.blocks, datagram)
        try again({ report.write(into: &$0, reports: reports.span) }) { bytes, packet throws(Finding) in
            guard let copy = SenderReport.parse(bytes, packet) else { throw Finding("a sender report of our own does not parse") }
            try expect(
                copy.ssrc == report.ssrc && copy.ntpTime == report.ntpTime && copy.rtpTimestamp == report.rtpTimestamp
                    && copy.packetCount == report.packetCount && copy.octetCount == report.octetCount,
                "a sender report changed")
            try expect(try blocks(copy.blocks, bytes) == reports, "the blocks of a sender report changed")
        }
    }

    private static func rewrite(_ report: ReceiverReport, _ datagram: RawSpan) throws(Finding) {
        let reports = try blocks(report.blocks, datagram)
        try again({ report.write(into: &$0, reports: reports.span) }) { bytes, packet throws(Finding) in
            guard let copy = ReceiverReport.parse(bytes, packet) else { throw Finding("a receiver report of our own does not parse") }
            try expect(copy.ssrc == report.ssrc, "a receiver report changed")
            try expect(try blocks(copy.blocks, bytes) == reports, "the blocks of a receiver report changed")
        }
    }

    private static func rewrite(_ description: SourceDescription, _ datagram: RawSpan) throws(Finding) {
        try expect(
            datagram.contains(description.offset..<description.offset + description.length), "a CNAME lies outside of the datagram")
        let cname = description.cname(in: datagram)
        // Bytes that are no UTF-8 become three each.
        guard cname.utf8.count == description.length else { return }
        try again({ SourceDescription.write(into: &$0, ssrc: description.ssrc, cname: cname) }) { bytes, packet throws(Finding) in
            let copy = SourceDescription.parse(bytes, packet)
            try expect(copy?.ssrc == description.ssrc && copy?.cname(in: bytes) == cname, "a CNAME changed")
        }
    }

    private static func rewrite(_ goodbye: Goodbye, _ datagram: RawSpan) throws(Finding) {
        for index in 0..<goodbye.count {
            guard let ssrc = goodbye.source(index, in: datagram) else { throw Finding("a source of a BYE is missing") }
            try again({ Goodbye.write(into: &$0, ssrc: ssrc) }) { bytes, packet throws(Finding) in
                try expect(Goodbye.parse(bytes, packet)?.source(0, in: bytes) == ssrc, "a BYE changed")
            }
        }
        let ssrcs = (0..<goodbye.count).compactMap { goodbye.source($0, in: datagram) }
        guard !ssrcs.isEmpty else { return }
        var written = 0
        try again({ written = Goodbye.write(into: &$0, ssrcs: ssrcs.span) }) { bytes, packet throws(Finding) in
            let copy = Goodbye.parse(bytes, packet)
            try expect(written == ssrcs.count && copy?.count == ssrcs.count, "a BYE lost sources")
            for (index, ssrc) in ssrcs.enumerated() { try expect(copy?.source(index, in: bytes) == ssrc, "a BYE changed") }
        }
    }

    private static func rewrite(_ nack: Nack, _ datagram: RawSpan) throws(Finding) {
        var asked: [SequenceNumber] = []
        nack.forEach(in: datagram) { asked.append($0) }
        try expect(!asked.isEmpty && asked.count <= 17 * Nack.maximumItems, "a NACK asks for \(asked.count) packets")
        if asked.count > 2 { try PlantedBug.check(nack.sender.rawValue) }
        // The items may come in any order; ours are written in the order given, repeats in a row once.
        var read: [SequenceNumber] = []
        var rest = asked
        while !rest.isEmpty {
            var taken = 0
            try again({ taken = Nack.write(into: &$0, sender: nack.sender, media: nack.media, sequences: rest.span) }) {
                bytes, packet throws(Finding) in
                guard let copy = Nack.parse(bytes, packet) else { throw Finding("a NACK of our own does not parse") }
                try expect(copy.sender == nack.sender && copy.media == nack.media, "a NACK changed")
                copy.forEach(in: bytes) { read.append($0) }
            }
            try expect(taken > 0, "a NACK takes nothing although there is room")
            rest.removeFirst(taken)
        }
        try expect(Set(read) == Set(asked), "a NACK asks for other packets than before")
    }

    private static func rewrite(_ request: FullIntraRequest, _ datagram: RawSpan) throws(Finding) {
        var entries: [FullIntraRequest.Entry] = []
        for index in 0..<request.entryCount {
            guard let entry = request.entry(index, in: datagram) else { throw Finding("an entry of a FIR is missing") }
            entries.append(entry)
        }
        try expect((1...FullIntraRequest.maximumEntries).contains(entries.count), "a FIR has \(entries.count) entries")
        try again({ FullIntraRequest.write(into: &$0, sender: request.sender, entries: entries.span) }) { bytes, packet throws(Finding) in
            guard let copy = FullIntraRequest.parse(bytes, packet) else { throw Finding("a FIR of our own does not parse") }
            let again = (0..<copy.entryCount).map { copy.entry($0, in: bytes) }
            try expect(copy.sender == request.sender && again == entries, "a FIR changed")
        }
    }

    private static func rewrite(_ feedback: CongestionControlFeedback, _ datagram: RawSpan) throws(Finding) {
        var statuses: [CongestionControlFeedback.Status] = []
        var iterator = feedback.makeIterator()
        while let status = iterator.next(in: datagram) { statuses.append(status) }
        try expect(statuses.count <= CongestionControlFeedback.maximumReports, "\(statuses.count) packets are told about")
        // Of packets that were received at no known time no more is written; the rest is grouped as it came.
        var streams: [CongestionControlFeedback.StreamReport] = []
        for status in statuses where !status.isReceived || status.arrival != nil {
            if let last = streams.last, last.ssrc == status.ssrc, last.begin + last.arrivals.count == status.sequence {
                streams[streams.count - 1].arrivals.append(status.arrival)
            } else {
                streams.append(.init(ssrc: status.ssrc, begin: status.sequence, arrivals: [status.arrival]))
            }
        }
        let told = statuses.filter { !$0.isReceived || $0.arrival != nil }
        let capacity = 16 + 12 * streams.count + 2 * told.count
        let bytes = ByteWriter.array(capacity: capacity) {
            CongestionControlFeedback.write(
                into: &$0, sender: feedback.sender, reportTimestamp: feedback.reportTimestamp, streams: streams)
        }
        var packets = RTCPPacketIterator()
        guard let bytes, let packet = packets.next(in: bytes.span.bytes),
            let copy = CongestionControlFeedback.parse(bytes.span.bytes, packet)
        else { throw Finding("feedback of our own does not parse") }
        var again = copy.makeIterator()
        for status in told { try expect(again.next(in: bytes.span.bytes) == status, "what is told of a packet changed") }
        try expect(again.next(in: bytes.span.bytes) == nil, "a packet too many is told about")
    }

    private static func rewrite(_ report: ExtendedReport, _ datagram: RawSpan) throws(Finding) {
        var delays: [ExtendedReport.Delay] = []
        report.forEachDelay(in: datagram) { delays.append($0) }
        try expect(delays.count == report.delayCount && 12 * delays.count <= datagram.byteCount, "\(delays.count) answers are told")
        try again({
            ExtendedReport.write(into: &$0, sender: report.sender, referenceTime: report.referenceTime, delays: delays.span)
        }) { bytes, packet throws(Finding) in
            guard let copy = ExtendedReport.parse(bytes, packet) else { throw Finding("an extended report of our own does not parse") }
            var again: [ExtendedReport.Delay] = []
            copy.forEachDelay(in: bytes) { again.append($0) }
            try expect(
                copy.sender == report.sender && copy.referenceTime == report.referenceTime && again == delays, "an extended report changed")
        }
    }

    private static func rewrite(_ estimate: ReceiverEstimatedMaximumBitrate, _ datagram: RawSpan) throws(Finding) {
        var ssrcs: [SSRC] = []
        for index in 0..<estimate.ssrcCount {
            guard let ssrc = estimate.ssrc(index, in: datagram) else { throw Finding("an SSRC of a REMB is missing") }
            ssrcs.append(ssrc)
        }
        try again({
            ReceiverEstimatedMaximumBitrate.write(
                into: &$0, sender: estimate.sender, bitsPerSecond: estimate.bitsPerSecond, ssrcs: ssrcs.span)
        }) { bytes, packet throws(Finding) in
            guard let copy = ReceiverEstimatedMaximumBitrate.parse(bytes, packet) else { throw Finding("our own REMB does not parse") }
            // What came in had 18 significant bits, too.
            try expect(copy.sender == estimate.sender && copy.bitsPerSecond == estimate.bitsPerSecond, "a REMB changed")
            try expect((0..<copy.ssrcCount).map { copy.ssrc($0, in: bytes) } == ssrcs, "the streams of a REMB changed")
        }
    }
}
