import Forwarding
import MediaPrimitives
import Testing

@Suite("Reception statistics")
struct ReceptionStatisticsTests {
    /// As an encoding does it: unwrapped numbers, each once.
    private func statistics(_ numbers: [UInt16], clockRate: UInt32 = 90_000) -> ReceptionStatistics {
        var statistics = ReceptionStatistics(clockRate: clockRate)
        var unwrapper = SequenceUnwrapper()
        for number in numbers {
            statistics.note(sequence: unwrapper.unwrap(number), timestamp: 0, arrival: at(0), retransmitted: true)
        }
        return statistics
    }

    @Test("What came only when it was sent again was lost on its way; each answer is about the time since the last")
    func loss() {
        var statistics = ReceptionStatistics(clockRate: 90_000)
        let none = statistics.takeLoss()
        #expect(none.expected == 0 && none.lost == 0)
        for sequence: Int64 in 100..<200 where sequence % 10 != 3 {
            statistics.note(sequence: sequence, timestamp: 0, arrival: at(0), retransmitted: sequence % 10 == 7)
        }
        let first = statistics.takeLoss()
        #expect(first.expected == 100 && first.lost == 20)
        // What comes late after all does not make the next interval better than perfect.
        for sequence: Int64 in [193, 200, 201] { statistics.note(sequence: sequence, timestamp: 0, arrival: at(1), retransmitted: false) }
        let second = statistics.takeLoss()
        #expect(second.expected == 2 && second.lost == 0)
        #expect(statistics.takeReport().cumulativeLost == 9)
    }

    @Test("How long packets wait is told by each frame's first one, against the quickest of the last ten to twenty seconds")
    func wait() {
        var statistics = ReceptionStatistics(clockRate: 90_000)
        var number: Int64 = 100
        func frames(_ count: Int64, from first: Int64, delay: Int64) {
            for frame in first..<(first + count) {
                // Close to the wrap of timestamps. Three packets, 10 ms apart.
                let timestamp = UInt32(truncatingIfNeeded: 0xffff_0000 + frame * 3_000)
                for packet: Int64 in 0..<3 {
                    let arrival = Instant(nanoseconds: 1_000_000_000 + frame * 100_000_000 / 3 + (delay + packet * 10) * 1_000_000)
                    statistics.note(sequence: number, timestamp: timestamp, arrival: arrival, retransmitted: false)
                    number += 1
                }
            }
        }
        func waits(_ milliseconds: Double) -> Bool { (statistics.wait.milliseconds - milliseconds).magnitude < 0.1 }
        #expect(statistics.wait == .zero)
        frames(30, from: 0, delay: 20)
        #expect(waits(0))
        frames(30, from: 30, delay: 320)
        #expect(waits(300))
        frames(30, from: 60, delay: 15)
        #expect(waits(0))
        frames(1, from: 90, delay: 115)
        #expect(waits(100))
        // Another way, or a clock that goes wrong, is forgotten.
        frames(700, from: 91, delay: 115)
        #expect(waits(0))
        // No clock at all.
        for step: Int64 in 0..<1_000 {
            statistics.note(
                sequence: number + step, timestamp: UInt32(truncatingIfNeeded: step &* 0x7fff_ffff), arrival: at(step), retransmitted: false
            )
        }
    }

    @Test("Loss over a wrap: the highest number counts its cycles from zero (RFC 3550 A.1, A.3)")
    func wrap() {
        var statistics = statistics([65_533, 65_534, 0, 1, 3])
        let report = statistics.takeReport()
        // Expected 65533...65539, 7 numbers; 65535 and 2 are lost.
        #expect(report.highestSequence == 65_539)
        #expect(report.cumulativeLost == 2)
        #expect(report.fractionLost == UInt8(2 * 256 / 7))
    }

    @Test("The fraction is of the interval, the sum of the whole life")
    func intervals() {
        var statistics = ReceptionStatistics(clockRate: 90_000)
        #expect(!statistics.hasPackets)
        let empty = statistics.takeReport()
        #expect(empty.fractionLost == 0 && empty.cumulativeLost == 0 && empty.highestSequence == 0)
        for number: Int64 in 65_536..<65_546 { statistics.note(sequence: number, timestamp: 0, arrival: at(0), retransmitted: false) }
        var report = statistics.takeReport()
        #expect(report.fractionLost == 0 && report.highestSequence == 9)
        statistics.note(sequence: 65_549, timestamp: 0, arrival: at(0), retransmitted: false)
        report = statistics.takeReport()
        #expect(report.fractionLost == 192 && report.cumulativeLost == 3)
        report = statistics.takeReport()
        #expect(report.fractionLost == 0 && report.cumulativeLost == 3)
        // Late ones bring the sum down, and the fraction is not negative.
        for number: Int64 in 65_546..<65_549 { statistics.note(sequence: number, timestamp: 0, arrival: at(0), retransmitted: true) }
        report = statistics.takeReport()
        #expect(report.fractionLost == 0 && report.cumulativeLost == 0)
    }

    @Test("Losses beyond 24 bits are clamped")
    func clamped() {
        var statistics = ReceptionStatistics(clockRate: 90_000)
        statistics.note(sequence: 65_536, timestamp: 0, arrival: at(0), retransmitted: false)
        statistics.note(sequence: 65_536 + 50_000_000, timestamp: 0, arrival: at(0), retransmitted: false)
        let report = statistics.takeReport()
        #expect(report.cumulativeLost == 0x7f_ffff && report.fractionLost == 255)
    }

    @Test("Jitter follows Appendix A.8, over a wrap of the timestamp and days after the clock's zero", arguments: [Int64(0), 864_000])
    func jitter(seconds: Int64) {
        var statistics = ReceptionStatistics(clockRate: 8_000)
        var expected: Int64 = 0
        var lastTransit: Int64?
        var random = Entropy.seeded(5)
        let first: Int64 = 0xffff_fc00
        for packet: Int64 in 0..<200 {
            let delay = Int64.random(in: 0...30, using: &random)
            let arrival = Instant(nanoseconds: (seconds * 1_000 + packet * 20 + delay) * 1_000_000)
            statistics.note(
                sequence: 65_536 + packet, timestamp: UInt32(truncatingIfNeeded: first + packet * 160), arrival: arrival,
                retransmitted: false)
            let transit = (packet * 20 + delay) * 8 - packet * 160
            if let lastTransit {
                let d = abs(transit - lastTransit)
                expected += d - ((expected + 8) >> 4)
            }
            lastTransit = transit
        }
        check(statistics.takeReport().jitter == UInt32(expected >> 4))
    }

    @Test("Hostile timestamps and numbers never trap, nor does jitter grow without bound", arguments: 0..<5)
    func hostile(seed: UInt64) {
        var random = Entropy.seeded(seed)
        var statistics = ReceptionStatistics(clockRate: 90_000)
        for _ in 0..<5_000 {
            statistics.note(
                sequence: Int64.random(in: 0...(1 << 40), using: &random), timestamp: UInt32.random(in: 0...UInt32.max, using: &random),
                arrival: Instant(nanoseconds: Int64.random(in: 0...Int64.max, using: &random)), retransmitted: Bool.random(using: &random))
            check(statistics.takeReport().jitter <= 10 * 90_000)
        }
    }
}
