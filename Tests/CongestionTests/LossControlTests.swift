import Congestion
import MediaPrimitives
import Testing

/// A stream over a link, a stretch of a quarter of a second at a time, as the loss's control sees it.
private struct Stream {
    var control = LossControl()
    private var entropy: Entropy
    private var now = Instant(nanoseconds: 1_000_000_000)
    private(set) var verdicts: [LossControl.Verdict] = []
    /// How many trials have ended with a limit.
    private(set) var limits = 0
    private(set) var lost = 0
    private(set) var sent = 0
    private var unsent = 0

    init(seed: UInt64 = 7) { entropy = Entropy.seeded(seed) }

    /// Sends for `seconds` at `target`, or at the limit where that is less, over a link that passes `capacity` and loses a share of it.
    mutating func send(
        _ seconds: Double, target: Bitrate = .kilobits(2_000), capacity: Bitrate = .maximum, loss: Double = 0, burst: Int = 1,
        isOverused: Bool = false
    ) {
        var rest = seconds
        var delivered = Bitrate.zero
        var inBurst = 0
        while rest > 0 {
            let rate = min(target, control.limit ?? .maximum)
            unsent += rate.bytes(in: .milliseconds(50))
            let packets = unsent / 1_000
            unsent %= 1_000
            let dropped = max(1 - capacity / rate, 0)
            var arrived = 0
            for index in 0..<packets {
                if inBurst > 0 { inBurst -= 1 } else if chance() < loss / Double(burst) { inBurst = burst }
                let isLost = inBurst > 0 || chance() < dropped
                control.note(
                    sent: now + .microseconds(Int64(index * 50_000 / max(packets, 1))), isLost: isLost)
                sent += 1
                if isLost { lost += 1 } else { arrived += 1_000 }
            }
            let newest = Bitrate(bytes: arrived, in: .milliseconds(50))
            delivered = delivered == .zero ? newest : delivered * 0.8 + newest * 0.2
            now = now + .milliseconds(50)
            let before = control.phase
            let verdict = control.update(
                LossControl.Input(target: rate, delivered: delivered, ceiling: target, isOverused: isOverused), at: now)
            if before == .trial, control.phase == .limited { limits += 1 }
            if verdict != .none { verdicts.append(verdict) }
            rest -= 0.05
        }
    }

    private func chance() -> Double { Double(entropy.next() >> 11) / Double(1 << 53) }
}

@Suite("Loss control")
struct LossControlTests {
    @Test("little loss is no reason for anything", arguments: [0, 0.005, 0.01])
    func little(loss: Double) {
        var stream = Stream()
        stream.send(20, loss: loss)
        #expect(stream.verdicts.isEmpty && stream.control.limit == nil && stream.control.accepted == 0)
        #expect((stream.control.recent - loss).magnitude < 0.015)
    }

    @Test("loss that stays when less is sent is accepted after one trial", arguments: [0.05, 0.1, 0.15, 0.2, 0.3])
    func random(loss: Double) {
        var stream = Stream()
        stream.send(20, loss: loss)
        #expect(stream.verdicts.first == .trial && stream.verdicts.contains(.accepted))
        #expect(stream.verdicts.count { $0 == .trial } <= 3)
        #expect(stream.control.limit == nil && (stream.control.accepted - loss).magnitude < 0.07)
        // When it is over, little of it remains.
        stream.send(20)
        #expect(stream.control.accepted < 0.03 && stream.control.recent == 0)
    }

    @Test("the few packets of a small stream lead no more than one trial in ten astray", arguments: [0.05, 0.1, 0.2])
    func chance(loss: Double) {
        var trials = 0
        var limits = 0
        for seed in 1...100 {
            var stream = Stream(seed: UInt64(seed))
            stream.send(20, target: .kilobits(766), loss: loss)
            trials += stream.verdicts.count { $0 == .trial }
            limits += stream.limits
        }
        #expect(trials > 50 && limits * 10 < trials)
    }

    @Test("loss that goes away when less is sent is a limit, and the limit is looked for again and again")
    func congestion() {
        var stream = Stream()
        stream.send(3, capacity: .kilobits(1_000))
        #expect(stream.verdicts == [.trial] && stream.control.phase == .limited && stream.control.accepted == 0)
        #expect(stream.control.limit.map { $0 > .kilobits(800) && $0 < .kilobits(1_010) } == true)
        let before = (sent: stream.sent, lost: stream.lost)
        stream.send(60, capacity: .kilobits(1_000))
        #expect(Double(stream.lost - before.lost) < 0.08 * Double(stream.sent - before.sent))
        #expect(stream.verdicts.allSatisfy { $0 == .trial })
        // With twice the width it rises until it is no limit any more.
        stream.send(40, capacity: .kilobits(2_500))
        #expect(stream.control.phase == .open && stream.control.limit == nil)
    }

    @Test("both at once are told apart")
    func both() {
        var stream = Stream()
        stream.send(10, loss: 0.1)
        #expect((stream.control.accepted - 0.1).magnitude < 0.04)
        stream.send(6, capacity: .kilobits(1_000), loss: 0.1)
        #expect(stream.control.phase != .open)
        #expect(stream.control.limit.map { $0 > .kilobits(800) && $0 < .kilobits(1_300) } == true)
    }

    @Test("bursts are not taken for more than they are")
    func bursts() {
        var stream = Stream()
        stream.send(60, loss: 0.03, burst: 10)
        #expect(stream.verdicts.count { $0 == .trial } <= 6)
    }

    @Test("while the delay says that a queue is full, its losses begin no trial")
    func overused() {
        var stream = Stream()
        stream.send(5, loss: 0.2, isOverused: true)
        #expect(stream.verdicts.isEmpty)
    }

    @Test("what was overtaken is not lost")
    func late() {
        var control = LossControl()
        var now = Instant(nanoseconds: 1_000_000_000)
        for _ in 0..<40 {
            let begin = now
            for index in 0..<25 { control.note(sent: begin + .milliseconds(Int64(index)), isLost: index % 4 == 0) }
            for index in 0..<25 where index % 4 == 0 { control.noteLate(sent: begin + .milliseconds(Int64(index))) }
            now = now + .milliseconds(100)
            let verdict = control.update(
                LossControl.Input(target: .kilobits(2_000), delivered: .kilobits(2_000), ceiling: .kilobits(2_000), isOverused: false),
                at: now)
            #expect(verdict == .none)
        }
        #expect(control.recent == 0)
    }
}
