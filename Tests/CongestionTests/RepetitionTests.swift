import Congestion
import MediaPrimitives
import RTP
import Testing

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64(milliseconds * 1_000_000)) }

/// The testing macros copy what they look at.
private final class Subject {
    var estimator = BandwidthEstimator(limits: .init(start: .kilobits(500)))
    private var sent: UInt16 = 0
    private var feedbackCount: UInt8 = 0

    /// Packets of 50 ms, 10 of them, the last of which left under `newest`; they arrive after 20 ms.
    var newest: UInt16 { sent &- 1 }

    func send(at now: Double) {
        for index in 0..<10 {
            estimator.noteSent(sent, bytes: 1_000, at: at(now + 5 * Double(index)))
            sent &+= 1
        }
    }

    /// When each of these arrived, on the receiver's clock; nil for what did not.
    func report(_ arrivals: KeyValuePairs<UInt16, Double?>, at now: Double) {
        let all = arrivals.compactMap { number, arrived in
            arrived.map { PacketArrival(sequence: 0x1_0000 + Int64(number), arrival: Instant(nanoseconds: Int64($0 * 1e6))) }
        }.sorted { $0.sequence < $1.sequence }
        guard let base = arrivals.map(\.key).min() else { return }
        let bytes = ByteWriter.array {
            _ = TransportFeedback.write(
                into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: feedbackCount, base: 0x1_0000 + Int64(base), arrivals: all.span)
        }
        feedbackCount &+= 1
        guard let datagram = bytes?.span.bytes else { return }
        var packets = RTCPPacketIterator()
        while let packet = packets.next(in: datagram) {
            if let feedback = TransportFeedback.parse(datagram, packet) { estimator.noteFeedback(feedback, in: datagram, at: at(now)) }
        }
    }

    var estimate: BandwidthEstimate { estimator.estimate }
}

/// The testing macros copy what they look at.
private final class Sent {
    private var packets = SentPackets()

    func append(_ number: UInt16) { packets.append(number, bytes: 10, cluster: 0, at: at(0)) }
    func repeated(_ number: UInt16) { packets.noteRepeated(number) }
    func note(_ fate: SentPackets.Fate, of number: UInt16) -> SentPackets.Fate? { packets.note(fate, of: number, at: at(0))?.fate }
}

@Suite("Packets that leave again as they were") struct RepetitionTests {
    @Test("what is told before and after is known apart, and nothing is told of twice")
    func fates() {
        let sent = Sent()
        for number in 5..<9 as Range<UInt16> { sent.append(number) }
        // Told of as lost, repeated, received.
        #expect(sent.note(.lost, of: 5) == .unknown)
        sent.repeated(5)
        #expect(sent.note(.received, of: 5) == .lostAndRepeated && sent.note(.received, of: 5) == .received)
        // Repeated, told of as lost, received.
        sent.repeated(6)
        sent.repeated(6)
        #expect(sent.note(.lost, of: 6) == .repeated && sent.note(.lost, of: 6) == .lostAndRepeated)
        #expect(sent.note(.received, of: 6) == .lostAndRepeated && sent.note(.lost, of: 6) == .received)
        // Repeated, received.
        sent.repeated(7)
        #expect(sent.note(.received, of: 7) == .repeated && sent.note(.received, of: 7) == .received)
        // Received, and repeated for nothing.
        #expect(sent.note(.received, of: 8) == .unknown)
        sent.repeated(8)
        #expect(sent.note(.received, of: 8) == .received)
        // Never sent.
        for number in [4, 9, 40_000] as [UInt16] { sent.repeated(number) }
        #expect(sent.note(.received, of: 4) == nil && sent.note(.received, of: 9) == nil)
    }

    @Test(
        "a repaired loss counts as the loss that it was, and its repetition neither as delay nor as round trip", arguments: [false, true])
    func repair(isToldBefore: Bool) {
        let subject = Subject()
        var now = 0.0
        for round in 0..<200 {
            subject.send(at: now)
            let first = subject.newest &- 9
            let arrive = { (index: UInt16) in now + 5 * Double(index) + 20 }
            // The fifth of each ten is lost, and its repetition comes 100 ms after it left.
            let lost = first &+ 4
            let repetition = arrive(4) + 80
            if isToldBefore || round == 0 {
                subject.report([first: arrive(0), lost: nil, subject.newest: arrive(9)], at: now + 90)
                subject.estimator.noteRepeated(lost)
            } else {
                subject.estimator.noteRepeated(lost)
            }
            for index in 1..<9 as Range<UInt16> where index != 4 {
                subject.report([first &+ index: arrive(index)], at: now + 91)
            }
            subject.report([first: arrive(0), lost: repetition, subject.newest: arrive(9)], at: now + 125)
            // And once more, as a receiver may that makes up its mind late.
            subject.report([lost: repetition], at: now + 126)
            now += 50
            if subject.estimate.queue > .milliseconds(10) { Issue.record("a queue of \(subject.estimate.queue)") }
        }
        let said = subject.estimate
        #expect(said.loss > 0.08 && said.loss < 0.12, "\(said.loss)")
        #expect(said.roundTrip < .milliseconds(140) && said.queue < .milliseconds(10))
    }

    @Test("what comes sooner than any repetition could is the first, overtaken by others, and no loss")
    func overtaken() {
        let subject = Subject()
        var now = 0.0
        for _ in 0..<100 {
            subject.send(at: now)
            let first = subject.newest &- 9
            subject.estimator.noteRepeated(first &+ 4)
            for index in 0..<10 as Range<UInt16> {
                subject.report([first &+ index: now + 5 * Double(index) + (index == 4 ? 26 : 20)], at: now + 90)
            }
            now += 50
        }
        #expect(subject.estimate.loss == 0)
    }
}
