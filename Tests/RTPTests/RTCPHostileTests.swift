import MediaPrimitives
import RTP
import Testing

/// Runs every parser over every packet of a datagram and reads all that they found.
private func readEverything(_ bytes: [UInt8]) {
    for packet in packets(bytes).packets {
        #expect(packet.length >= 4 && packet.offset >= 0 && packet.end <= bytes.count)
        let datagram = bytes.span.bytes
        if let report = SenderReport.parse(datagram, packet) {
            for i in 0...report.blocks.count { #expect((report.blocks.block(i, in: bytes) != nil) == (i < report.blocks.count)) }
        }
        if let report = ReceiverReport.parse(datagram, packet) {
            for i in 0...report.blocks.count { #expect((report.blocks.block(i, in: bytes) != nil) == (i < report.blocks.count)) }
        }
        if let description = SourceDescription.parse(datagram, packet) {
            #expect(description.offset + description.length <= packet.end)
            _ = description.cname(in: bytes)
        }
        if let goodbye = Goodbye.parse(datagram, packet) { #expect(goodbye.sources(in: bytes).count == goodbye.count) }
        if let nack = Nack.parse(datagram, packet) {
            var count = 0
            nack.forEach(in: bytes) { _ in count += 1 }
            #expect(count >= nack.itemCount && count <= 17 * nack.itemCount)
        }
        if let feedback = TransportFeedback.parse(datagram, packet) {
            #expect(feedback.statuses(in: bytes).count == feedback.statusCount)
            #expect(feedback.statusCount <= TransportFeedback.maximumStatusCount)
        }
        if let feedback = CongestionControlFeedback.parse(datagram, packet) {
            #expect(feedback.statuses(in: bytes).count <= CongestionControlFeedback.maximumReports)
        }
        _ = PictureLossIndication.parse(datagram, packet)
        if let request = FullIntraRequest.parse(datagram, packet) { #expect(request.entries(in: bytes).count == request.entryCount) }
        if let remb = ReceiverEstimatedMaximumBitrate.parse(datagram, packet) { #expect(remb.ssrcs(in: bytes).count == remb.ssrcCount) }
    }
}

@Suite("Hostile RTCP")
struct RTCPHostileTests {
    static let seeds: [[UInt8]] = {
        let blocks = [RTCPReportTests.block, RTCPReportTests.block]
        let arrivals = (0..<60).map { (i: Int64) -> PacketArrival in
            let nanoseconds: Int64 = i % 2 == 0 ? i * 100_000_000 : 0
            return PacketArrival(sequence: i + i % 7 * 3, arrival: Instant(nanoseconds: nanoseconds))
        }
        let entries = [FullIntraRequest.Entry(ssrc: SSRC(1), sequenceNumber: 2)]
        let writers: [(inout ByteWriter) -> Void] = [
            {
                SenderReport(ssrc: SSRC(1), ntpTime: NTPTime(rawValue: 2), rtpTimestamp: 3, packetCount: 4, octetCount: 5)
                    .write(into: &$0, reports: blocks.span)
            },
            { ReceiverReport(ssrc: SSRC(1)).write(into: &$0, reports: blocks.span) },
            { SourceDescription.write(into: &$0, ssrc: SSRC(1), cname: "cname") }, { Goodbye.write(into: &$0, ssrc: SSRC(1)) },
            { _ = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: sequences([1, 3, 17, 40, 70])) },
            {
                _ = TransportFeedback.write(into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 3, arrivals: arrivals.span)
            }, { PictureLossIndication(sender: SSRC(1), media: SSRC(2)).write(into: &$0) },
            { FullIntraRequest.write(into: &$0, sender: SSRC(1), entries: entries.span) },
            {
                ReceiverEstimatedMaximumBitrate.write(into: &$0, sender: SSRC(1), bitsPerSecond: 1_000_000, ssrcs: [SSRC(3), SSRC(4)].span)
            },
        ]
        let each = writers.compactMap { ByteWriter.array($0) }
        return each + [Array(each.joined())]
    }()

    @Test("every seed is whole and its kind is known")
    func seedsAreValid() {
        #expect(RTCPHostileTests.seeds.count == 10)
        for seed in RTCPHostileTests.seeds { #expect(RTCPPacketIterator.isValid(seed) && first(seed)?.kind != .other) }
        #expect(packets(RTCPHostileTests.seeds[9]).packets.count == 9)
    }

    @Test("mutated, truncated and random datagrams never trap, and counts are those that can be read", arguments: 0..<4 as Range<UInt64>)
    func hostile(seed: UInt64) {
        withHostileInputs(RTCPHostileTests.seeds, count: 6_000, seed: seed, readEverything)
    }

    @Test("changed bodies behind an intact header never trap either", arguments: 0..<9)
    func hostileBodies(index: Int) {
        var entropy = Entropy.seeded(UInt64(index))
        let message = RTCPHostileTests.seeds[index]
        for _ in 0..<3_000 {
            var changed = message
            for _ in 0..<Int.random(in: 1...3, using: &entropy) where changed.count > 4 {
                changed[Int.random(in: 4..<changed.count, using: &entropy)] = UInt8.random(in: 0...255, using: &entropy)
            }
            if Bool.random(using: &entropy) { changed[0] = changed[0] & 0xe0 | UInt8.random(in: 0...31, using: &entropy) }
            readEverything(changed)
        }
    }
}
