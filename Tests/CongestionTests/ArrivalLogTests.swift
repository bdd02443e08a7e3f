import Congestion
import MediaPrimitives
import RTP
import Testing

private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

extension ArrivalLog {
    /// Reports everything that waits, as the owner of the log does, and returns the numbers told of as 16-bit values.
    fileprivate mutating func report(at now: Instant, limit: Int = 512) -> (base: Int64, numbers: [UInt16])? {
        guard let pending = pending(limit: limit), let last = pending.arrivals.last else { return nil }
        noteReported(through: last.sequence, at: now)
        return (pending.base, pending.arrivals.map { UInt16(truncatingIfNeeded: $0.sequence) })
    }
}

@Suite("The arrival log")
struct ArrivalLogTests {
    @Test("Nothing waits, nothing is due, nothing is reported")
    func empty() {
        var log = ArrivalLog()
        #expect(log.nextDeadline == .distantFuture)
        #expect(log.pending() == nil)
        log.note(7, at: at(0))
        let report = log.report(at: at(60))
        #expect(report?.numbers == [7])
        #expect(log.pending() == nil)
        #expect(log.nextDeadline == .distantFuture)
    }

    @Test("Numbers that wrap are one line, and the times are those of the arrivals", arguments: [0, 1, 32_760, 32_768, 65_533])
    func wraps(first: UInt16) throws {
        var log = ArrivalLog()
        for step: UInt16 in 0..<8 { log.note(first &+ step, at: at(Int64(step) * 3)) }
        let pending = try #require(log.pending())
        #expect(pending.arrivals.map { UInt16(truncatingIfNeeded: $0.sequence) } == (0..<8).map { first &+ $0 })
        #expect(pending.arrivals.map(\.arrival) == (0..<8).map { at($0 * 3) })
        #expect(pending.base == pending.arrivals[0].sequence)
        #expect(zip(pending.arrivals, pending.arrivals.dropFirst()).allSatisfy { $1.sequence == $0.sequence + 1 })
    }

    @Test("Losses before the first arrival since the last report are told of")
    func lossAtTheStart() throws {
        var log = ArrivalLog()
        log.note(65_535, at: at(0))
        let report = log.report(at: at(50))
        let first = try #require(report)
        log.note(3, at: at(60))
        let pending = try #require(log.pending())
        #expect(pending.base == first.base + 1)
        #expect(pending.arrivals.map(\.sequence) == [first.base + 4])
    }

    @Test("A report is due 50 ms after the first arrival, and at once when many wait")
    func deadlines() {
        var log = ArrivalLog()
        log.note(1, at: at(0))
        #expect(log.nextDeadline == at(50))
        log.note(2, at: at(20))
        #expect(log.nextDeadline == at(50))
        for number: UInt16 in 3..<200 { log.note(number, at: at(21)) }
        #expect(log.nextDeadline == at(50))
        log.note(200, at: at(21))
        #expect(log.nextDeadline == at(21))
        log.postpone(at: at(30))
        #expect(log.nextDeadline == at(80))
    }

    @Test("What did not fit into one report is due at once")
    func rest() {
        var log = ArrivalLog()
        for number: UInt16 in 0..<10 { log.note(number, at: at(0)) }
        let first = log.report(at: at(50), limit: 4)
        #expect(first?.numbers == [0, 1, 2, 3])
        #expect(log.nextDeadline == at(50))
        let second = log.report(at: at(50))
        #expect(second?.numbers == Array(4..<10))
        #expect(log.nextDeadline == .distantFuture)
    }

    @Test("A repeated number keeps the time of its first arrival")
    func repeated() throws {
        var log = ArrivalLog()
        log.note(5, at: at(0))
        log.note(6, at: at(1))
        log.note(5, at: at(2))
        #expect(try #require(log.pending()).arrivals.map(\.arrival) == [at(0), at(1)])
        _ = log.report(at: at(50))
        log.note(5, at: at(60))
        #expect(log.pending() == nil)
        #expect(log.nextDeadline == .distantFuture)
    }

    @Test("A packet that was reported lost and comes late is reported after all")
    func late() throws {
        var log = ArrivalLog()
        log.note(10, at: at(0))
        log.note(12, at: at(1))
        _ = log.report(at: at(50))
        log.note(11, at: at(70))
        #expect(log.nextDeadline == at(120))
        let pending = try #require(log.pending())
        #expect(pending.arrivals.first?.arrival == at(70))
        #expect(UInt16(truncatingIfNeeded: pending.base) == 11)
    }

    @Test("One from before the first is told of, too")
    func beforeTheFirst() {
        var log = ArrivalLog()
        log.note(2, at: at(0))
        log.note(65_535, at: at(1))
        let report = log.report(at: at(50))
        #expect(report?.numbers == [65_535, 2])
    }

    @Test(
        "A jump beyond the ring forgets what was before, and leaves no arrival of the former lap",
        arguments: [2_047, 2_048, 2_049, 10_000, 32_767])
    func jumps(jump: UInt16) throws {
        var log = ArrivalLog()
        for number: UInt16 in 0..<300 { log.note(number, at: at(0)) }
        log.note(299 &+ jump, at: at(1))
        let pending = try #require(log.pending(limit: 10_000))
        #expect(pending.arrivals.last?.arrival == at(1))
        #expect(pending.arrivals.dropLast().allSatisfy { $0.arrival == at(0) && $0.sequence < 65_536 + 300 })
        #expect((pending.arrivals.last?.sequence ?? 0) - pending.base < Int64(ArrivalLog.capacity))
        #expect(pending.arrivals.count == (jump < 2_048 ? 2 : 1))
    }

    @Test("One too old for the ring is ignored")
    func tooOld() {
        var log = ArrivalLog()
        log.note(5_000, at: at(0))
        _ = log.report(at: at(50))
        log.note(5_000 - 2_047, at: at(60))
        #expect(log.pending() == nil)
        log.note(5_000 - 2_046, at: at(60))
        let report = log.report(at: at(110))
        #expect(report?.numbers.first == 2_954)
    }

    @Test("Whatever is lost, reordered, repeated or late, every arrival within the ring is reported at least once", arguments: 0..<20)
    func everyArrivalIsReported(seed: UInt64) {
        var random = Entropy.seeded(seed)
        var log = ArrivalLog()
        var numbers = (0..<6_000).map { Int64(60_000 + $0) }
        for index in numbers.indices.dropLast(40) where Int.random(in: 0..<10, using: &random) == 0 {
            numbers.swapAt(index, index + Int.random(in: 1...40, using: &random))
        }
        var noted: Set<UInt16> = []
        var reported: Set<UInt16> = []
        var now: Int64 = 0
        for number in numbers {
            now += Int64.random(in: 0...3, using: &random)
            if log.nextDeadline <= at(now) {
                // Sometimes a report has no room for everything.
                let limit = Bool.random(using: &random) ? 512 : Int.random(in: 1...20, using: &random)
                if let report = log.report(at: at(now), limit: limit) { reported.formUnion(report.numbers) }
            }
            if Int.random(in: 0..<20, using: &random) == 0 { continue }
            let value = UInt16(truncatingIfNeeded: number)
            log.note(value, at: at(now))
            noted.insert(value)
        }
        while let report = log.report(at: at(now + 1_000)) { reported.formUnion(report.numbers) }
        #expect(reported == noted)
    }

    @Test("Reports of it as feedback messages tell every arrival, and a walk over them always ends")
    func asMessages() {
        var random = Entropy.seeded(77)
        var log = ArrivalLog()
        var now: Int64 = 0
        for _ in 0..<200 {
            now += Int64.random(in: 0...20_000, using: &random)
            for _ in 0..<30 { log.note(UInt16.random(in: 0...UInt16.max, using: &random), at: at(now)) }
            var messages = 0
            while let pending = log.pending() {
                var told = 0
                _ = ByteWriter.array { writer in
                    told = TransportFeedback.write(
                        into: &writer, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, base: pending.base,
                        arrivals: pending.arrivals.span)
                }
                #expect(told > 0)
                guard told > 0 else { return }
                log.noteReported(through: pending.arrivals[told - 1].sequence, at: at(now))
                messages += 1
                #expect(messages < 3_000)
                if messages >= 3_000 { return }
            }
        }
    }

    @Test("Random numbers at random times never trap", arguments: 0..<5)
    func hostile(seed: UInt64) {
        var random = Entropy.seeded(seed)
        var log = ArrivalLog()
        for _ in 0..<5_000 {
            log.note(
                UInt16.random(in: 0...UInt16.max, using: &random), at: Instant(nanoseconds: Int64.random(in: 0...Int64.max, using: &random))
            )
            if Int.random(in: 0..<20, using: &random) == 0 { _ = log.report(at: at(0), limit: Int.random(in: 1...600, using: &random)) }
        }
    }
}
