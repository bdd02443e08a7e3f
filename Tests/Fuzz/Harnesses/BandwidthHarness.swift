import Congestion
import MediaPrimitives
import RTP

/// The estimator and the pacer of one transport, against a peer that reports what it likes: steps of sending, of time, and of feedback in each form.
enum BandwidthHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        var scene = BandwidthScene(first: input.uint16())
        for _ in 0..<256 where !input.isAtEnd {
            let step = input.uint8()
            switch step & 7 {
            case 0, 1: scene.send(1 + Int(step >> 3), bytes: Int(input.uint16()))
            case 2: scene.wait(.milliseconds(Int64(input.uint8())))
            case 3: scene.wait(.microseconds(Int64(input.uint32())))
            case 4: try scene.report(back: UInt16(step >> 3), input.block())
            case 5: try scene.hear(input.block())
            case 6: scene.report(packets: Int(input.uint16()), lost: Int(input.uint16()), roundTrip: input.uint32())
            default: scene.want(input.uint32())
            }
            try scene.check()
        }
    }
}

private struct BandwidthScene: ~Copyable {
    private var limits = BandwidthEstimator.Limits(minimum: .kilobits(50), start: .kilobits(300), maximum: .kilobits(8_000))
    private var estimator: BandwidthEstimator
    private var pacer: Pacer
    private var numbers = StreamNumbers()
    private var number: UInt16
    private var now = Instant(nanoseconds: 1_000_000_000)

    init(first: UInt16) {
        number = first
        estimator = BandwidthEstimator(limits: limits)
        pacer = Pacer(target: limits.start)
    }

    mutating func send(_ count: Int, bytes: Int) {
        for _ in 0..<count {
            if let probe = estimator.probe { pacer.begin(probe, at: now) }
            numbers.note(SequenceNumber(number &+ 1), as: number)
            estimator.noteSent(number, bytes: bytes, at: now, probe: pacer.probe(for: .media))
            pacer.note(.media, bytes: bytes, at: now)
            number &+= 1
            now = max(now, min(pacer.next(.media, at: now), now + .milliseconds(100)))
        }
    }

    mutating func wait(_ time: Interval) { now = now + time }

    /// Transport-wide feedback of the last packets, which ends `back` before the newest: each byte is a step of the receiver's clock, or a loss.
    mutating func report(back: UInt16, _ steps: UnsafeRawBufferPointer) throws(Finding) {
        var arrivals: [PacketArrival] = []
        var clock = now.nanoseconds
        let base = Int64(0x1_0000) + Int64(number &- back) - Int64(steps.count)
        for (index, step) in steps.enumerated() where step != 0 {
            clock += Int64(Int8(bitPattern: step)) * 250_000
            arrivals.append(PacketArrival(sequence: base + Int64(index), arrival: Instant(nanoseconds: clock)))
        }
        let bytes = ByteWriter.array {
            _ = TransportFeedback.write(
                into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, base: base, arrivals: arrivals.span)
        }
        guard let bytes else { throw Finding("feedback does not fit") }
        try withCopy(of: bytes) { copy throws(Finding) in try hear(UnsafeRawBufferPointer(copy)) }
    }

    /// Whatever a peer sends under a valid key.
    mutating func hear(_ bytes: UnsafeRawBufferPointer) throws(Finding) {
        let datagram = bytes.bytes
        var packets = RTCPPacketIterator()
        while let packet = packets.next(in: datagram) {
            if let feedback = TransportFeedback.parse(datagram, packet) {
                estimator.noteFeedback(feedback, in: datagram, at: now)
                if feedback.statusCount > 2 { try PlantedBug.check(feedback.sender.rawValue) }
            }
            if let feedback = CongestionControlFeedback.parse(datagram, packet) { hear(feedback, datagram) }
            if let estimate = ReceiverEstimatedMaximumBitrate.parse(datagram, packet) {
                estimator.noteReceiverLimit(Bitrate(bitsPerSecond: Int(clamping: estimate.bitsPerSecond)), at: now)
            }
        }
    }

    private mutating func hear(_ feedback: CongestionControlFeedback, _ datagram: RawSpan) {
        // What a closure needs cannot be borrowed from within.
        var known: [UInt16: UInt16] = [:]
        var statuses = feedback.makeIterator()
        while let status = statuses.next(in: datagram) { known[status.sequence.rawValue] = numbers.number(of: status.sequence) }
        estimator.noteFeedback(feedback, in: datagram, at: now) { _, sequence in known[sequence.rawValue] }
    }

    mutating func report(packets: Int, lost: Int, roundTrip: UInt32) {
        estimator.noteReport(packets: packets, lost: lost, roundTrip: .microseconds(Int64(roundTrip)), at: now)
    }

    mutating func want(_ rate: UInt32) { estimator.want(rate == 0 ? nil : Bitrate(bitsPerSecond: Int(rate)), at: now) }

    /// Whatever happened, the target keeps its limits, and time goes on.
    mutating func check() throws(Finding) {
        if estimator.nextDeadline <= now { estimator.handleTimeout(at: now) }
        try expect(estimator.nextDeadline > now, "a deadline that has passed")
        let estimate = estimator.estimate
        try expect(estimate.target >= limits.minimum && estimate.target <= limits.maximum, "a target of \(estimate.target)")
        try expect(estimate.loss >= 0 && estimate.loss <= 1 && estimate.acceptedLoss <= 0.35, "a share of \(estimate.loss)")
        try expect(estimate.roundTrip >= .zero && estimate.roundTrip <= .seconds(10), "a round trip of \(estimate.roundTrip.seconds) s")
        if let probe = estimate.probe {
            try expect(probe.rate <= limits.maximum && probe.bytes <= 120_000 && probe.packets <= 12, "a probe of \(probe.bytes) bytes")
        }
        pacer.set(estimate.target, waiting: 0, at: now)
        try expect(pacer.next(.media, at: now) >= now && pacer.next(.padding, at: now) >= now, "the pacer goes back in time")
        try expect(pacer.allowance(.audio, at: now) > 0, "sound waits")
    }
}
