import MediaPrimitives
import RTP
import Testing

@Suite("Congestion control feedback")
struct CongestionControlFeedbackTests {
    @Test("a message as the RFC lays it out is read")
    func layout() throws {
        // Two streams; three packets of the first (padded), two of the second. The report is of 2.5 s.
        let bytes: [UInt8] = [
            0x8b, 205, 0, 9, 0, 0, 0, 1,
            0, 0, 0, 2, 0xff, 0xff, 0, 3, 0x80, 0x10, 0, 0, 0x9f, 0xfe, 0, 0,
            0, 0, 0, 3, 0, 7, 0, 2, 0x9f, 0xff, 0xe4, 0, 0, 2, 0x80, 0,
        ]
        let feedback = try #require(CongestionControlFeedback.parse(bytes))
        #expect(feedback.sender == SSRC(1) && feedback.reportTimestamp == 0x2_8000)
        let received = { (ssrc: UInt32, sequence: UInt16, arrival: UInt32?) in
            CongestionControlFeedback.Status(ssrc: SSRC(ssrc), sequence: SequenceNumber(sequence), isReceived: true, arrival: arrival)
        }
        #expect(
            feedback.statuses(in: bytes) == [
                received(2, 0xffff, 0x2_8000 - 16 * 64), .init(ssrc: SSRC(2), sequence: SequenceNumber(0), isReceived: false, arrival: nil),
                received(2, 1, nil), received(3, 7, nil),
                // ECN bits say nothing of the time: 1024/1024 s before.
                received(3, 8, 0x1_8000),
            ])
    }

    @Test("what is written is read, to the next 1/1024 s; too early and too late arrivals lose their time")
    func roundTrip() throws {
        let report = CongestionControlFeedback.StreamReport(
            ssrc: SSRC(9), begin: SequenceNumber(65_535), arrivals: [0xffff_ff00, nil, 100, 1_000, 0xfff0_0000])
        let bytes = try #require(
            ByteWriter.array {
                CongestionControlFeedback.write(into: &$0, sender: SSRC(1), reportTimestamp: 500, streams: [report, report])
            })
        let statuses = try #require(CongestionControlFeedback.parse(bytes)).statuses(in: bytes)
        #expect(statuses.count == 10 && statuses.prefix(5) == statuses.suffix(5))
        #expect(statuses.prefix(5).map(\.isReceived) == [true, false, true, true, true])
        #expect(statuses.prefix(5).map(\.sequence.rawValue) == [65_535, 0, 1, 2, 3])
        #expect(statuses[0].arrival.map { 0xffff_ff00 &- $0 < 64 } == true)
        #expect(statuses[2].arrival.map { 100 &- $0 < 64 } == true)
        #expect(statuses[3].arrival == nil, "it is after the report")
        #expect(statuses[4].arrival == nil, "it is 16 s before the report")
    }

    @Test("a message without streams tells nothing; one that is cut short or runs over is refused", arguments: [1, 2, 3, 4])
    func bounds(words: Int) throws {
        let empty = try #require(
            ByteWriter.array { CongestionControlFeedback.write(into: &$0, sender: SSRC(1), reportTimestamp: 5, streams: []) })
        #expect(try #require(CongestionControlFeedback.parse(empty)).statuses(in: empty).isEmpty)
        let stream = CongestionControlFeedback.StreamReport(ssrc: SSRC(9), begin: SequenceNumber(1), arrivals: [1, 2, 3, 4, 5])
        var bytes = try #require(
            ByteWriter.array { CongestionControlFeedback.write(into: &$0, sender: SSRC(1), reportTimestamp: 5, streams: [stream]) })
        bytes.removeLast(4 * words)
        bytes[3] -= UInt8(words)
        #expect(CongestionControlFeedback.parse(bytes) == nil)
    }

    @Test("with any byte another, it is refused or read to its end")
    func mutations() throws {
        let report = CongestionControlFeedback.StreamReport(ssrc: SSRC(1), begin: SequenceNumber(65_534), arrivals: [1, nil, 70_000])
        let bytes = try #require(
            ByteWriter.array {
                CongestionControlFeedback.write(into: &$0, sender: SSRC(1), reportTimestamp: 80_000, streams: [report, report])
            })
        var refused = 0
        for at in 4..<bytes.count {
            for value in [0, 1, 0x7f, 0xff] as [UInt8] {
                var changed = bytes
                changed[at] = value
                guard let feedback = CongestionControlFeedback.parse(changed) else {
                    refused += 1
                    continue
                }
                #expect(feedback.statuses(in: changed).count <= 8)
            }
        }
        #expect(refused > 0)
    }
}
