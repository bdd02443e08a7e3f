import Congestion
import MediaPrimitives
import RTP
import Testing

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64(milliseconds * 1_000_000)) }

/// An estimator that can be captured, and a peer that reports whatever a test wants.
private final class Subject {
    var estimator: BandwidthEstimator
    private(set) var number: UInt16
    private var feedbackCount: UInt8 = 0
    private var numbers = StreamNumbers()

    init(first: UInt16 = 65_000, limits: BandwidthEstimator.Limits = .init(), followsTarget: Bool = true) {
        estimator = BandwidthEstimator(limits: limits, followsTarget: followsTarget)
        number = first
    }

    func send(_ count: Int = 1, bytes: Int = 1_000, at now: Instant) {
        for _ in 0..<count {
            numbers.note(SequenceNumber(number &+ 500), as: number)
            estimator.noteSent(number, bytes: bytes, at: now, probe: estimator.probe?.id)
            number &+= 1
        }
    }

    /// Feedback of `arrivals`, each a number from before the next one, and when it arrived on the receiver's clock; nil for a lost one.
    func report(_ arrivals: [(back: Int, arrived: Double?)], at now: Instant) {
        guard let base = arrivals.map(\.back).max() else { return }
        let begin = Int64(0x1_0000) + Int64(number) - Int64(base)
        let all = arrivals.compactMap { item in
            item.arrived.map {
                PacketArrival(sequence: 0x1_0000 + Int64(number) - Int64(item.back), arrival: Instant(nanoseconds: Int64($0 * 1e6)))
            }
        }.sorted { $0.sequence < $1.sequence }
        let bytes = ByteWriter.array {
            _ = TransportFeedback.write(
                into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: feedbackCount, base: begin, arrivals: all.span)
        }
        feedbackCount &+= 1
        hear(bytes ?? [], at: now)
    }

    func hear(_ bytes: [UInt8], at now: Instant) {
        let datagram = bytes.span.bytes
        var packets = RTCPPacketIterator()
        while let packet = packets.next(in: datagram) {
            if let feedback = TransportFeedback.parse(datagram, packet) { estimator.noteFeedback(feedback, in: datagram, at: now) }
            if let feedback = CongestionControlFeedback.parse(datagram, packet) {
                estimator.noteFeedback(feedback, in: datagram, at: now) { ssrc, sequence in
                    ssrc == SSRC(2) ? numbers.number(of: sequence) : nil
                }
            }
        }
    }

    var target: Bitrate { estimator.target }
    var estimate: BandwidthEstimate { estimator.estimate }

    /// Sends steadily at `rate` for `seconds` from `now` on, over a link with 20 ms each way that passes everything.
    func run(_ seconds: Double, at begin: Double, rate: Int = 500) -> Double {
        var now = begin
        let end = begin + seconds * 1_000
        while now < end {
            let packets = max(rate * 50 / 8 / 1_000, 1)
            let spacing = 50 / Double(packets)
            for index in 0..<packets { send(at: at(now + Double(index) * spacing)) }
            report(
                (0..<packets).map { (packets - $0, now + Double($0) * spacing + 20) }, at: at(now + 50 + 20))
            if estimator.nextDeadline <= at(now + 70) { estimator.handleTimeout(at: at(now + 70)) }
            now += 50
        }
        return now
    }
}

@Suite("The bandwidth estimator")
struct BandwidthEstimatorTests {
    @Test("the queue that a probe has left is no reason to give up an encoding; any other that stands is", arguments: [true, false])
    func ownQueue(isProbed: Bool) {
        let subject = Subject(followsTarget: false)
        if !isProbed { subject.estimator.want(.kilobits(200), at: at(0)) }
        var (free, sent) = (0.0, 0)
        var flying: [(place: Int, arrives: Double)] = []
        var (kept, given) = (0, 0)
        func leave(_ bytes: Int, at now: Double) {
            subject.send(bytes: bytes, at: at(now))
            // A shaper, which has let 4 kB through at once before anything waits.
            free = max(free, now - 80) + Double(bytes) * 8 / 400
            flying.append((sent, max(free, now) + 20))
            sent += 1
        }
        // 320 kbit/s on a way of 400 for five seconds; without probes, 480 after that.
        for now in stride(from: 0.0, to: 20_000, by: 5) {
            if Int(now) % (isProbed || now < 5_000 ? 15 : 10) == 0 { leave(600, at: now) }
            if let probe = subject.estimator.probe {
                for _ in 0..<max(1, probe.rate.bytes(in: .milliseconds(5)) / 600) { leave(600, at: now) }
            }
            if Int(now) % 50 == 0 {
                let told = flying.prefix { $0.arrives <= now }
                flying.removeFirst(told.count)
                if !told.isEmpty { subject.report(told.map { (sent - $0.place, $0.arrives) }, at: at(now)) }
            }
            if subject.estimator.nextDeadline <= at(now) { subject.estimator.handleTimeout(at: at(now)) }
            guard subject.estimator.guidance.hasQueue else { continue }
            if subject.estimator.guidance.room > subject.target { kept += 1 } else { given += 1 }
        }
        #expect(isProbed ? kept > 0 : kept == 0 && given > 0, "\(kept) and \(given)")
    }

    @Test("nothing is due before anything is sent; the first packet makes the first probe due at once")
    func start() {
        let subject = Subject()
        #expect(subject.target == .kilobits(300) && subject.estimate.reason == .start)
        #expect(subject.estimator.nextDeadline == .distantFuture && subject.estimator.probe == nil)
        subject.send(at: at(0))
        #expect(subject.estimator.nextDeadline == at(0))
        subject.estimator.handleTimeout(at: at(0))
        #expect(subject.estimator.probe?.rate == .kilobits(900) && subject.estimator.probe?.cause == .start)
        #expect(subject.estimator.nextDeadline > at(0))
    }

    @Test("a link that passes everything is used more and more, over the wrap of the numbers; the round trip is measured")
    func growth() {
        let subject = Subject(first: 65_500)
        subject.estimator.want(.kilobits(400), at: at(0))
        _ = subject.run(10, at: 0, rate: 400)
        #expect(subject.target > .kilobits(400) && subject.target < .kilobits(700))
        // The youngest packet of each report left up to 25 ms before it was made.
        #expect(subject.estimate.roundTrip >= .milliseconds(40) && subject.estimate.roundTrip < .milliseconds(80))
        #expect(subject.estimate.loss == 0 && subject.estimate.queue < .milliseconds(5))
    }

    @Test("when nobody answers, less is sent until the least; when somebody does again, the former rate is tried")
    func silence() {
        let subject = Subject(limits: .init(minimum: .kilobits(50), start: .kilobits(300), maximum: .kilobits(5_000)))
        var now = subject.run(5, at: 0, rate: 400)
        let before = subject.target
        var steps = 0
        for _ in 0..<1_000 {
            now += 10
            subject.send(at: at(now))
            let deadline = subject.estimator.nextDeadline
            guard deadline <= at(now) else { continue }
            let former = subject.target
            subject.estimator.handleTimeout(at: at(now))
            #expect(subject.estimator.nextDeadline > at(now), "time goes on")
            if subject.target < former { steps += 1 }
        }
        #expect(steps > 5 && steps < 20 && subject.target == .kilobits(50) && subject.estimate.reason == .silence)
        subject.send(10, at: at(now))
        subject.report((1...10).map { ($0, now + 20) }, at: at(now + 40))
        #expect(subject.estimator.probe?.cause == .recovery)
        #expect(before > subject.target)
    }

    @Test("who has ceased to send needs no answer, even where the last report was lost")
    func pause() {
        let subject = Subject()
        let now = subject.run(5, at: 0, rate: 400)
        let before = subject.target
        subject.send(10, at: at(now))
        var count = 0
        while subject.estimator.nextDeadline < at(now + 60_000), count < 1_000 {
            subject.estimator.handleTimeout(at: subject.estimator.nextDeadline)
            count += 1
        }
        #expect(subject.target == before && count < 100)
    }

    @Test("REMB is a cap where there is no other feedback, and counts for nothing where there is")
    func remb() {
        let subject = Subject()
        subject.send(at: at(0))
        subject.estimator.noteReceiverLimit(.kilobits(120), at: at(10))
        #expect(subject.target == .kilobits(120) && subject.estimate.reason == .remb)
        _ = subject.run(2, at: 20)
        #expect(subject.target >= .kilobits(280) && subject.estimate.receiverLimit == nil)
    }

    @Test("with reports only: growth while little is lost, a limit where more would be, less where the round trip grows")
    func reports() {
        for (loss, roundTrip, range) in [
            (0.0, 40.0, 500...100_000), (0.3, 40, 0...100_000), (0, 400, 0...299),
        ] as [(Double, Double, ClosedRange<Int>)] {
            let subject = Subject()
            for second in 0..<15 {
                let bytes = subject.target.bytes(in: .seconds(1)) / 50
                for step in 0..<50 { subject.send(bytes: bytes, at: at(Double(second) * 1_000 + Double(step) * 20)) }
                // The first round trips are short.
                subject.estimator.noteReport(
                    packets: 50, lost: Int(50 * loss), roundTrip: .milliseconds(Int64(second < 3 ? 40 : roundTrip)),
                    at: at(Double(second + 1) * 1_000))
            }
            #expect(range.contains(subject.target.bitsPerSecond / 1_000), "\(loss), \(roundTrip): \(subject.target)")
            #expect((subject.estimate.loss - loss).magnitude < 0.05)
            #expect(subject.estimate.probe == nil, "nobody could tell what it finds")
        }
    }

    @Test("reports of one stream are differences, and nonsense among them is none")
    func progress() {
        var progress = ReceptionProgress()
        let block = { (highest: UInt32, lost: Int32) in ReportBlock(ssrc: SSRC(1), cumulativeLost: lost, highestSequence: highest) }
        #expect(progress.note(block(1_000, 5)) == nil)
        let first = progress.note(block(1_100, 15))
        #expect(first?.packets == 100 && first?.lost == 10)
        let repaired = progress.note(block(1_200, 12))
        #expect(repaired?.packets == 100 && repaired?.lost == 0)
        #expect(progress.note(block(1_200, 12)) == nil)
        #expect(progress.note(block(5, 12)) == nil)
        let absurd = progress.note(block(10, .max))
        #expect(absurd?.packets == 5 && absurd?.lost == 5)
        #expect(progress.note(block(.max, 0)) == nil)
    }

    @Test("feedback by stream goes through the same door")
    func byStream() {
        let subject = Subject(first: 100)
        for round in 0..<40 {
            let now = Double(round) * 50
            for step in 0..<5 { subject.send(at: at(now + Double(step) * 10)) }
            let begin = SequenceNumber(subject.number &- 5 &+ 500)
            let arrivals: [UInt32?] = (0..<5).map { $0 == 2 && round % 4 == 0 ? nil : wrapped(now + Double($0) * 10 + 20) }
            let bytes = ByteWriter.array {
                CongestionControlFeedback.write(
                    into: &$0, sender: SSRC(1), reportTimestamp: wrapped(now + 70),
                    streams: [
                        .init(ssrc: SSRC(2), begin: begin, arrivals: arrivals), .init(ssrc: SSRC(3), begin: begin, arrivals: arrivals),
                    ])
            }
            subject.hear(bytes ?? [], at: at(now + 90))
        }
        #expect((subject.estimate.loss - 0.05).magnitude < 0.02)
        #expect(subject.estimate.throughput.map { $0 > .kilobits(700) && $0 < .kilobits(850) } == true)
        #expect(subject.estimate.roundTrip > .milliseconds(40) && subject.estimate.roundTrip < .milliseconds(60))
        #expect(subject.target > .kilobits(300))
    }

    /// Milliseconds in units of 2^-16 s, on a clock that is about to wrap.
    private func wrapped(_ milliseconds: Double) -> UInt32 { UInt32(truncatingIfNeeded: Int64(milliseconds * 65.536) + 4_294_940_000) }
}

@Suite("Hostile feedback")
struct HostileFeedbackTests {
    private func running() -> (subject: Subject, now: Double) {
        let subject = Subject()
        subject.estimator.want(.kilobits(400), at: at(0))
        return (subject, subject.run(4, at: 0, rate: 400))
    }

    @Test("numbers that were never sent, and what was reported before, change nothing")
    func unknown() {
        let (subject, now) = running()
        let target = subject.target
        let throughput = subject.estimate.throughput
        // From the future, and from long ago.
        subject.report((-300 ... -1).map { ($0, now) }, at: at(now + 1))
        subject.report((3_000...3_300).map { ($0, now) }, at: at(now + 1))
        for _ in 0..<1_000 { subject.report((1...50).map { ($0, now + 1_000) }, at: at(now + 1)) }
        for _ in 0..<100 { subject.report((1...50).map { ($0, nil) } + [(0, now)], at: at(now + 1)) }
        #expect(subject.target == target && subject.estimate.throughput == throughput && subject.estimate.loss == 0)
    }

    @Test("messages that come late, out of order or twice leave a steady stream as it is")
    func reordered() {
        let subject = Subject()
        subject.estimator.want(.kilobits(400), at: at(0))
        for round in 0..<100 {
            let now = Double(round) * 50
            for step in 0..<3 { subject.send(at: at(now + Double(step) * 16)) }
            guard round % 2 == 1 else { continue }
            let newer = (1...3).map { (back: $0, arrived: Optional(now + Double(3 - $0) * 16 + 20)) }
            let older = (4...6).map { (back: $0, arrived: Optional(now - 50 + Double(6 - $0) * 16 + 20)) }
            subject.report(newer, at: at(now + 90))
            subject.report(older, at: at(now + 91))
            subject.report(newer, at: at(now + 92))
        }
        #expect(subject.target >= .kilobits(300) && subject.estimate.usage == .normal && subject.estimate.loss == 0)
    }

    @Test("a receiver's clock that jumps, backwards or by days, starts the delay anew and nothing else")
    func clockJumps() {
        for jump in [-3_600_000.0, -5_000, 5_000, 500_000_000] {
            let subject = Subject()
            subject.estimator.want(.kilobits(400), at: at(0))
            for round in 0..<200 {
                let now = Double(round) * 50
                for step in 0..<3 { subject.send(at: at(now + Double(step) * 16)) }
                let clock = 4_000_000 + now + (round >= 100 ? jump : 0)
                subject.report((1...3).map { ($0, clock + Double(3 - $0) * 16 + 20) }, at: at(now + 90))
            }
            #expect(subject.target >= .kilobits(300), "\(jump)")
            #expect(
                subject.estimate.queue < .milliseconds(10) && subject.estimate.throughput.map { $0 > .kilobits(350) } == true, "\(jump)")
        }
    }

    @Test("whatever is reported, at whatever time, the target stays within its limits and time goes on", arguments: 0..<20)
    func anything(seed: UInt64) {
        var entropy = Entropy.seeded(seed)
        let limits = BandwidthEstimator.Limits(minimum: .kilobits(50), start: .kilobits(300), maximum: .kilobits(3_000))
        let subject = Subject(first: UInt16.random(in: 0...UInt16.max, using: &entropy), limits: limits)
        var now = 0.0
        for _ in 0..<2_000 {
            now += Double.random(in: 0...(Bool.random(using: &entropy) ? 5 : 400), using: &entropy)
            switch Int.random(in: 0..<8, using: &entropy) {
            case 0...2: subject.send(Int.random(in: 0...30, using: &entropy), bytes: .random(in: -5...70_000, using: &entropy), at: at(now))
            case 3, 4:
                var clock = Double.random(in: -1e10...1e10, using: &entropy)
                let count = Int.random(in: 1...60, using: &entropy)
                subject.report(
                    (1...count).map { back in
                        clock += Double.random(in: -4_000...4_000, using: &entropy)
                        return (back, Bool.random(using: &entropy) ? clock : nil)
                    } + [(count + 1, clock)], at: at(now))
            case 5: subject.estimator.handleTimeout(at: at(now))
            case 6:
                subject.estimator.want(Bool.random(using: &entropy) ? nil : .kilobits(.random(in: 0...9_000, using: &entropy)), at: at(now))
            default:
                subject.estimator.noteReport(
                    packets: .random(in: -5...100_000, using: &entropy), lost: .random(in: -5...200_000, using: &entropy),
                    roundTrip: Interval(nanoseconds: .random(in: .min ... .max, using: &entropy)), at: at(now))
                subject.estimator.noteReceiverLimit(Bitrate(bitsPerSecond: .random(in: .min ... .max, using: &entropy)), at: at(now))
            }
            if subject.estimator.nextDeadline <= at(now) {
                subject.estimator.handleTimeout(at: at(now))
                #expect(subject.estimator.nextDeadline > at(now), "a deadline that has passed")
            }
            #expect(subject.target >= limits.minimum && subject.target <= limits.maximum)
            let estimate = subject.estimate
            #expect((0...1).contains(estimate.loss) && (0...0.35).contains(estimate.acceptedLoss))
            if let probe = estimate.probe { #expect(probe.rate <= limits.maximum && probe.bytes <= 40_000) }
        }
    }
}
