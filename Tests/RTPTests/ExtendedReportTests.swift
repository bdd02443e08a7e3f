import MediaPrimitives
import RTP
import Testing

@Suite("Extended reports")
struct ExtendedReportTests {
    private func read(_ bytes: [UInt8]) -> (report: ExtendedReport, delays: [ExtendedReport.Delay])? {
        var packets = RTCPPacketIterator()
        guard let packet = packets.next(in: bytes.span.bytes), let report = ExtendedReport.parse(bytes.span.bytes, packet) else {
            return nil
        }
        var delays: [ExtendedReport.Delay] = []
        report.forEachDelay(in: bytes.span.bytes) { delays.append($0) }
        return (report, delays)
    }

    @Test("the two blocks are read as the RFC lays them out, and others are passed over")
    func layout() throws {
        let bytes: [UInt8] = [
            0x80, 207, 0, 14, 0, 0, 0, 1,
            // Packet receipt times of nobody, a reference time, two answers.
            3, 0, 0, 1, 0, 0, 0, 9,
            4, 0, 0, 2, 0, 0, 0, 7, 0x80, 0, 0, 0,
            5, 0, 0, 6, 0, 0, 0, 2, 0, 7, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
            // Statistics, without anything in them.
            6, 0, 0, 0,
        ]
        let (report, delays) = try #require(read(bytes))
        #expect(report.sender == SSRC(1) && report.referenceTime?.middle == 0x7_8000)
        #expect(
            delays == [
                .init(receiver: SSRC(2), lastReference: 0x7_8000, delay: 0x1_0000), .init(receiver: SSRC(3), lastReference: 0, delay: 0),
            ])
        // 8.75 s, of which it was kept for one.
        #expect(delays[0].roundTrip(at: NTPTime(rawValue: 0x8_c000 << 16)) == .milliseconds(250))
        #expect(delays[1].roundTrip(at: NTPTime(rawValue: 0x8_c000 << 16)) == nil)
    }

    @Test("what is written is read")
    func roundTrip() throws {
        let delays = (1...8).map { ExtendedReport.Delay(receiver: SSRC($0), lastReference: $0 << 20, delay: $0) }
        let bytes = try #require(
            ByteWriter.array { ExtendedReport.write(into: &$0, sender: SSRC(5), referenceTime: NTPTime(rawValue: 77), delays: delays.span) }
        )
        let (report, answers) = try #require(read(bytes))
        #expect(report.sender == SSRC(5) && report.referenceTime == NTPTime(rawValue: 77) && answers == delays)
        #expect(bytes.count == 8 + 12 + 4 + 8 * 12)
    }

    @Test(
        "a block that runs past the end is refused; one of the wrong length says nothing",
        arguments: [
            ([0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 2], false), ([0x80, 207, 0, 2, 0, 0, 0, 1, 5, 0, 0xff, 0xff], false),
            ([0x80, 207, 0, 0], false), ([0x80, 207, 0, 3, 0, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 1], true),
            ([0x80, 207, 0, 3, 0, 0, 0, 1, 5, 0, 0, 1, 0, 0, 0, 1], true), ([0x80, 207, 0, 1, 0, 0, 0, 1], true),
        ] as [([UInt8], Bool)])
    func malformed(_ bytes: [UInt8], _ isReport: Bool) {
        let found = read(bytes)
        #expect((found != nil) == isReport)
        #expect(found?.report.referenceTime == nil && found?.delays.isEmpty ?? true)
    }
}
