import MediaPrimitives
import RTP
import Testing

/// The packets of a datagram, and whether it was whole.
func packets(_ bytes: [UInt8]) -> (packets: [RTCPPacket], isMalformed: Bool) {
    var iterator = RTCPPacketIterator()
    var packets: [RTCPPacket] = []
    while let packet = iterator.next(in: bytes.span.bytes) { packets.append(packet) }
    return (packets, iterator.isMalformed)
}

/// The first packet of a datagram.
func first(_ bytes: [UInt8]) -> RTCPPacket? {
    var iterator = RTCPPacketIterator()
    return iterator.next(in: bytes.span.bytes)
}

func sequences(_ numbers: some Sequence<Int>) -> [SequenceNumber] { numbers.map { SequenceNumber(UInt16(truncatingIfNeeded: $0)) } }

@Suite("RTCP datagrams")
struct RTCPDatagramTests {
    @Test("a compound datagram is walked packet by packet")
    func compound() throws {
        let bytes = try #require(
            ByteWriter.array {
                ReceiverReport(ssrc: SSRC(1)).write(into: &$0)
                PictureLossIndication(sender: SSRC(1), media: SSRC(2)).write(into: &$0)
                _ = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: sequences([5]))
            })
        let (found, isMalformed) = packets(bytes)
        #expect(found.map(\.kind) == [.receiverReport, .pictureLossIndication, .nack])
        #expect(found.map(\.offset) == [0, 8, 20])
        #expect(!isMalformed && RTCPPacketIterator.isValid(bytes))
        for length in 0..<bytes.count {
            #expect(RTCPPacketIterator.isValid(Array(bytes[..<length])) == [8, 20].contains(length), "length \(length)")
        }
    }

    @Test("padding is taken off, and is invalid where it is 0 or does not fit")
    func padding() {
        let whole: [UInt8] = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4]
        #expect(first(whole)?.length == 12)
        for count: UInt8 in [0, 13, 255] {
            var bad = whole
            bad[15] = count
            #expect(packets(bad).packets.isEmpty && packets(bad).isMalformed)
        }
        #expect(packets([0xa0, 201, 0, 0]).isMalformed, "a packet of nothing but a header has no room for padding")
    }

    @Test("libwebrtc pads feedback in the middle of a compound datagram, and that is read")
    func paddingInTheMiddle() {
        let padded: [UInt8] = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4]
        let (found, isMalformed) = packets(padded + padded)
        #expect(found.count == 2 && !isMalformed)
    }

    @Test(
        "what is no RTCP packet ends the walk",
        arguments: [[], [0x80], [0x80, 201, 0, 1, 0, 0, 0], [0x40, 201, 0, 0], [0x80, 201, 0xff, 0xff]] as [[UInt8]])
    func malformed(bytes: [UInt8]) {
        #expect(packets(bytes).packets.isEmpty && packets(bytes).isMalformed)
        let good: [UInt8] = [0x80, 201, 0, 1, 0, 0, 0, 9]
        #expect(packets(good + bytes).packets.count == 1)
        #expect(packets(good + bytes).isMalformed == !bytes.isEmpty)
    }
}

@Suite("RTCP reports")
struct RTCPReportTests {
    static let block = ReportBlock(
        ssrc: SSRC(0x0102_0304), fractionLost: 255, cumulativeLost: -1, highestSequence: 0x0001_ffff, jitter: 7,
        lastSenderReport: 0xffff_ffff,
        delaySinceLastSenderReport: 65536)

    @Test("a sender report survives, with 0, 1 and 31 blocks, and more are left out", arguments: [0, 1, 31, 40])
    func senderReport(count: Int) throws {
        let report = SenderReport(
            ssrc: SSRC(0xffff_ffff), ntpTime: NTPTime(rawValue: 0x8000_0001_0000_0002), rtpTimestamp: 0xffff_fffe, packetCount: 3,
            octetCount: 4)
        let blocks = Array(repeating: RTCPReportTests.block, count: count)
        let bytes = try #require(ByteWriter.array { report.write(into: &$0, reports: blocks.span) })
        let packet = try #require(first(bytes))
        #expect(packet.end == bytes.count)
        let parsed = try #require(SenderReport.parse(bytes))
        #expect(parsed.ssrc == report.ssrc && parsed.ntpTime == report.ntpTime && parsed.rtpTimestamp == report.rtpTimestamp)
        #expect(parsed.packetCount == 3 && parsed.octetCount == 4)
        #expect(parsed.blocks.count == min(count, 31))
        for i in 0..<parsed.blocks.count { #expect(parsed.blocks.block(i, in: bytes) == RTCPReportTests.block) }
        #expect(parsed.blocks.block(parsed.blocks.count, in: bytes) == nil)
        #expect(parsed.blocks.block(-1, in: bytes) == nil)
    }

    @Test("a receiver report survives")
    func receiverReport() throws {
        let bytes = try #require(ByteWriter.array { ReceiverReport(ssrc: SSRC(9)).write(into: &$0, reports: [RTCPReportTests.block].span) })
        #expect(bytes.count == 32 && bytes[..<4] == [0x81, 201, 0, 7])
        let parsed = try #require(ReceiverReport.parse(bytes))
        #expect(parsed.ssrc == SSRC(9) && parsed.blocks.count == 1)
        #expect(parsed.blocks.block(0, in: bytes) == RTCPReportTests.block)
    }

    @Test(
        "the cumulative loss is 24 bits and signed, clamped when written",
        arguments: [(0, 0), (-0x80_0000, -0x80_0000), (0x7f_ffff, 0x7f_ffff), (.max, 0x7f_ffff), (.min, -0x80_0000)] as [(Int32, Int32)])
    func cumulativeLost(written: Int32, read: Int32) throws {
        let bytes = try #require(
            ByteWriter.array {
                ReceiverReport(ssrc: SSRC(9)).write(into: &$0, reports: [ReportBlock(ssrc: SSRC(1), cumulativeLost: written)].span)
            }
        )
        let parsed = try #require(ReceiverReport.parse(bytes))
        #expect(parsed.blocks.block(0, in: bytes)?.cumulativeLost == read)
    }

    @Test("a count of blocks that the length does not hold is refused")
    func tooManyBlocks() throws {
        var bytes = try #require(ByteWriter.array { ReceiverReport(ssrc: SSRC(9)).write(into: &$0, reports: [RTCPReportTests.block].span) })
        bytes[0] = 0x82
        #expect(ReceiverReport.parse(bytes) == nil)
        // Nor are the blocks looked for in the packet that follows.
        bytes += bytes
        #expect(ReceiverReport.parse(bytes) == nil)
    }
}

@Suite("RTCP feedback")
struct RTCPFeedbackTests {
    @Test(
        "NACKs survive and are packed into the fewest items",
        arguments: [
            ([7], 1), (Array(100...116), 1), (Array(100...117), 2), ([1, 18], 2), ([1, 17], 1), ([0xffff, 0x10000, 0x1000f], 1),
            ([0xfff0, 0x10000, 0x10001], 2), ([5, 5, 6], 1),
        ] as [([Int], Int)])
    func nack(numbers: [Int], items: Int) throws {
        let asked = sequences(numbers)
        var taken = 0
        let bytes = try #require(
            ByteWriter.array { taken = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: asked) })
        #expect(taken == asked.count)
        let parsed = try #require(Nack.parse(bytes))
        #expect(parsed.sender == SSRC(1) && parsed.media == SSRC(2) && parsed.itemCount == items)
        var read: [SequenceNumber] = []
        parsed.forEach(in: bytes) { read.append($0) }
        var expected: [SequenceNumber] = []
        for number in asked where expected.last != number { expected.append(number) }
        #expect(read == expected)
    }

    @Test("a NACK takes what there is room for, and the next one takes the rest")
    func nackInPieces() throws {
        let asked = sequences(stride(from: 0, to: 20_000, by: 20))
        var rest = asked
        var read: [SequenceNumber] = []
        while !rest.isEmpty {
            var taken = 0
            let bytes = try #require(
                ByteWriter.array(capacity: 1200) { taken = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: rest) })
            try #require(taken > 0)
            rest.removeFirst(taken)
            let parsed = try #require(Nack.parse(bytes))
            parsed.forEach(in: bytes) { read.append($0) }
        }
        #expect(read == asked)
        #expect(ByteWriter.array(capacity: 15) { _ = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: asked) } == [])
    }

    @Test("a NACK that names no packet, and one cut short, are refused")
    func emptyNack() throws {
        let empty: [UInt8] = [0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]
        #expect(Nack.parse(empty) == nil)
        #expect(ByteWriter.array { _ = Nack.write(into: &$0, sender: SSRC(1), media: SSRC(2), sequences: []) } == [])
    }

    @Test("a PLI is twelve bytes (RFC 4585 §6.3.1)")
    func pli() throws {
        let bytes = try #require(ByteWriter.array { PictureLossIndication(sender: SSRC(1), media: SSRC(0xfffe_fdfc)).write(into: &$0) })
        #expect(bytes == [0x81, 206, 0, 2, 0, 0, 0, 1, 0xff, 0xfe, 0xfd, 0xfc])
        #expect(
            PictureLossIndication.parse(bytes)
                == PictureLossIndication(sender: SSRC(1), media: SSRC(0xfffe_fdfc)))
        let short: [UInt8] = [0x81, 206, 0, 1, 0, 0, 0, 1]
        #expect(PictureLossIndication.parse(short) == nil)
    }
}
