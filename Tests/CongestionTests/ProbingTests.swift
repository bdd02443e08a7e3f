import Congestion
import MediaPrimitives
import Testing

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64(milliseconds * 1_000_000)) }

@Suite("What a probe finds")
struct ProbeMeasurementTests {
    /// Sends packets of these sizes at `rate` over an empty link of `capacity`, with delays of its own, of which `lost` do not arrive.
    private func measure(
        rate: Bitrate = .kilobits(2_000), capacity: Bitrate, sizes: [Int], jitter: (Int) -> Double = { _ in 0 }, lost: Set<Int> = [],
        loss: Double = 0
    ) -> ProbeMeasurement {
        var measurement = ProbeMeasurement(
            ProbeCluster(id: .init(rawValue: 1), rate: rate, packets: 5, bytes: sizes.reduce(0, +), cause: .start))
        var free = at(0)
        var now = at(0)
        for (index, size) in sizes.enumerated() {
            measurement.noteSent(size, at: now)
            free = max(free, now) + capacity.time(for: size)
            if lost.contains(index) {
                measurement.noteLoss()
            } else {
                let arrival = free + .milliseconds(77_020) + Interval(nanoseconds: Int64(jitter(index) * 1e6))
                measurement.noteArrival(size, sent: now, arrived: arrival)
            }
            now = now + rate.time(for: size)
        }
        return measurement
    }

    @Test(
        "a link that is wide enough passes it, a narrow one shows its capacity",
        arguments: [(10_000, nil), (4_000, nil), (2_100, nil), (1_500, 1_425), (1_000, 950), (500, 475)] as [(Int, Int?)])
    func widths(capacity: Int, expected: Int?) {
        for sizes in [[Int](repeating: 1_000, count: 8), [1_200, 1_200, 300, 1_200, 300, 300, 1_200, 1_200]] {
            let measurement = measure(capacity: .kilobits(capacity), sizes: sizes)
            #expect(measurement.isComplete(loss: 0))
            switch measurement.result(loss: 0) {
            case .passed(let rate): #expect(expected == nil && rate > .kilobits(1_800) && rate <= .kilobits(2_400), "\(capacity): \(rate)")
            case .capacity(let rate):
                let wanted = Bitrate.kilobits(expected ?? 0)
                #expect(rate > wanted * 0.9 && rate < wanted * 1.1, "\(capacity): \(rate)")
            case .nothing: Issue.record("\(capacity): nothing")
            }
        }
    }

    @Test("delay that varies does not hide what passes, where the cluster is long enough")
    func jitter() {
        var entropy = Entropy.seeded(3)
        var passed = 0
        for _ in 0..<100 {
            let delays = (0..<25).map { _ in Double.random(in: 0..<30, using: &entropy) }
            let measurement = measure(capacity: .kilobits(10_000), sizes: [Int](repeating: 1_000, count: 25)) { delays[$0] }
            switch measurement.result(loss: 0) {
            case .passed: passed += 1
            case .capacity(let rate): #expect(rate > .kilobits(1_000))
            case .nothing: Issue.record("nothing")
            }
        }
        #expect(passed > 60)
    }

    @Test("short packets, with whose headers the link is busy, find no less than long ones")
    func headers() {
        var found: [Double] = []
        for size in [272, 1_172] {
            var measurement = ProbeMeasurement(
                ProbeCluster(id: .init(rawValue: 1), rate: .kilobits(2_000), packets: 5, bytes: size * 20, cause: .start))
            for index in 0..<20 {
                let sent = at(Double(index) * 2)
                measurement.noteSent(size, at: sent)
                // 1,000 kbit/s of IPv4.
                measurement.noteArrival(size, sent: sent, arrived: at(20 + Double((size + 28) * 8 * (index + 1)) / 1_000))
            }
            if case .capacity(let rate) = measurement.result(loss: 0) { found.append(Double(rate.bitsPerSecond)) }
        }
        #expect(found.count == 2 && found.allSatisfy { (940_000...950_000).contains($0) }, "\(found)")
    }

    @Test("too little of it, or all of it at one instant, says nothing")
    func nothing() {
        let sizes = [Int](repeating: 1_000, count: 10)
        #expect(!measure(capacity: .kilobits(9_000), sizes: sizes, lost: [0, 1, 2]).isComplete(loss: 0))
        #expect(measure(capacity: .kilobits(9_000), sizes: sizes, lost: [0, 1, 2]).isComplete(loss: 0.2))
        #expect(measure(capacity: .kilobits(9_000), sizes: sizes, lost: [0, 1, 2]).isSettled(answered: at(0)))
        var measurement = ProbeMeasurement(
            ProbeCluster(id: .init(rawValue: 1), rate: .kilobits(900), packets: 5, bytes: 5_000, cause: .start))
        for _ in 0..<5 { measurement.noteSent(1_000, at: at(0)) }
        for index in 0..<5 { measurement.noteArrival(1_000, sent: at(0), arrived: at(20 + Double(index))) }
        #expect(measurement.isComplete(loss: 0) && measurement.result(loss: 0) == .nothing)
    }
}

@Suite("When to probe")
struct ProbePlannerTests {
    private func situation(
        _ target: Int, isClear: Bool = true, isLimited: Bool = false, isNear: Bool = false, capacity: Int? = nil, answered: Instant = at(0),
        maximum: Int = 20_000
    ) -> ProbePlanner.Situation {
        ProbePlanner.Situation(
            target: .kilobits(target), isClear: isClear, isApplicationLimited: isLimited, isLossLimited: false, isNearCapacity: isNear,
            capacity: capacity.map { .kilobits($0) }, noise: .zero, loss: 0, roundTrip: .milliseconds(50), answered: answered,
            maximum: .kilobits(maximum))
    }

    /// Sends the cluster that is offered, in packets of equal size, over a link of `capacity`, and returns what was found.
    private func send(_ planner: inout ProbePlanner, capacity: Bitrate, target: Int, at now: Instant) -> ProbeMeasurement.Result? {
        guard let cluster = planner.offer else { return nil }
        let size = min(max(cluster.bytes / cluster.packets + 1, 200), 1_000)
        var sent = now
        var free = now
        while planner.offer != nil {
            planner.noteSent(cluster.id, size, at: sent)
            free = max(free, sent) + capacity.time(for: size)
            planner.noteArrival(cluster.id.rawValue, size, sent: sent, arrived: free + .milliseconds(20))
            sent = sent + cluster.rate.time(for: size)
        }
        return planner.takeResult(situation(target), at: now + .milliseconds(100))?.1
    }

    @Test("three times the start, then twice what passed, up to one and a half times what is wanted")
    func ladder() {
        var planner = ProbePlanner()
        planner.want(.kilobits(2_000))
        planner.update(situation(300), at: at(0))
        var target = 300
        for expected in [900, 1_800, 3_000] {
            guard let cluster = planner.offer else { return #expect(Bool(false), "no cluster at \(expected)") }
            #expect((cluster.rate / .kilobits(expected) - 1).magnitude < 0.25, "\(cluster.rate), not \(expected)")
            #expect(cluster.packets >= 5 && cluster.rate.time(for: cluster.bytes) >= .milliseconds(14))
            guard case .passed(let rate) = send(&planner, capacity: .kilobits(10_000), target: target, at: at(Double(target))) else {
                return #expect(Bool(false), "\(expected) did not pass")
            }
            target = rate.bitsPerSecond / 1_000
            planner.goOn(after: rate, cluster, situation(target), at: at(Double(target)))
        }
        #expect(planner.offer == nil, "3,000 kbit/s are enough for 2,000")
    }

    @Test(
        "until the link's end is known, a probe that finds it narrow is sent again, longer; after that it is believed",
        arguments: [true, false])
    func unsure(isNew: Bool) throws {
        var planner = ProbePlanner()
        planner.update(situation(300), at: at(0))
        let first = try #require(planner.offer)
        let passed = send(&planner, capacity: .kilobits(10_000), target: 300, at: at(0))
        guard case .passed(let rate) = passed else { return #expect(Bool(false), "\(String(describing: passed))") }
        if !isNew { planner.noteFound() }
        planner.goOn(after: rate, first, situation(900), at: at(100))
        let further = try #require(planner.offer)
        // The receiver was busy.
        let narrow = send(&planner, capacity: .kilobits(500), target: 900, at: at(100))
        guard isNew else {
            guard case .capacity = narrow else { return #expect(Bool(false), "\(String(describing: narrow))") }
            return #expect(planner.offer == nil)
        }
        #expect(narrow == nil)
        let again = try #require(planner.offer)
        #expect(again.rate == further.rate && again.cause == further.cause && again.rate.time(for: again.bytes) >= .milliseconds(39))
        guard case .passed = send(&planner, capacity: .kilobits(10_000), target: 900, at: at(300)) else {
            return #expect(Bool(false), "the second one does not pass")
        }
    }

    @Test("nothing more is probed for than is wanted, and more at once when more is wanted")
    func wanted() {
        var planner = ProbePlanner()
        planner.want(.kilobits(500))
        planner.update(situation(600), at: at(0))
        planner.update(situation(600), at: at(20_000))
        #expect(planner.offer == nil && planner.deadline(situation(600)) == .distantFuture)
        planner.want(.kilobits(1_000))
        planner.update(situation(600), at: at(20_100))
        #expect(planner.offer?.cause == .wanted)
    }

    @Test("what is wanted wavers, and that is no reason to probe; that it creeps up is one")
    func wavering() {
        var planner = ProbePlanner()
        planner.want(.kilobits(1_000))
        planner.update(situation(600), at: at(0))
        _ = planner.takeResult(situation(600), at: at(10_000))
        for rate in [950, 1_100, 1_020, 1_120] {
            planner.want(.kilobits(rate))
            planner.update(situation(600), at: at(10_100))
            #expect(planner.offer == nil)
        }
        planner.want(.kilobits(1_180))
        planner.update(situation(600), at: at(10_200))
        #expect(planner.offer?.cause == .wanted)
    }

    @Test("a little more is believed when two probes in a row have found it")
    func seconded() {
        var planner = ProbePlanner()
        #expect(planner.second(.kilobits(1_080), at: at(0)) == nil)
        #expect(planner.second(.kilobits(1_050), at: at(3_000)) == .kilobits(1_050))
        #expect(planner.second(.kilobits(1_090), at: at(6_000)) == .kilobits(1_050))
        #expect(planner.second(.kilobits(1_090), at: at(20_000)) == nil)
    }

    @Test(
        "from time to time while more is wanted: careful near the capacity, never into a queue",
        arguments: [(true, false, 3_000.0, 1.5), (false, true, 3_000, 2), (false, false, 3_000, 2)])
    func periodic(isNear: Bool, isLimited: Bool, interval: Double, factor: Double) {
        var planner = ProbePlanner()
        planner.update(situation(1_000), at: at(0))
        // Nobody sends the first one.
        let given = planner.takeResult(situation(1_000), at: at(10_000))
        #expect(given?.1 == .nothing)
        let now = situation(1_000, isLimited: isLimited, isNear: isNear)
        planner.update(now, at: at(10_000 + interval - 1))
        #expect(planner.offer == nil)
        planner.update(situation(1_000, isClear: false), at: at(10_000 + interval))
        #expect(planner.offer == nil)
        #expect(planner.deadline(now) == at(10_000 + interval))
        planner.update(now, at: at(10_000 + interval))
        #expect(planner.offer.map { ($0.rate / .kilobits(1_000) - factor).magnitude < 0.01 } == true)
        #expect(planner.offer?.cause == (isNear ? .check : .periodic))
    }

    @Test("a probe that misled makes the next one wait twice as long, one that was right does not")
    func misled() {
        for (settled, interval) in [(950, 6_000.0), (1_200, 3_000)] {
            var planner = ProbePlanner()
            planner.update(situation(1_000), at: at(0))
            _ = planner.takeResult(situation(1_000), at: at(10_000))
            planner.noteRaise(from: .kilobits(1_000), at: at(11_000))
            planner.noteOveruse(from: .kilobits(2_000), to: .kilobits(900), settled: .kilobits(settled), at: at(11_500))
            #expect(planner.deadline(situation(900)) == at(10_000 + interval))
        }
    }

    @Test("what a short cluster finds far above what is known is proved by one that empties a shaper first", arguments: [false, true])
    func proof(followsRate: Bool) throws {
        var planner = ProbePlanner(followsRate: followsRate)
        planner.update(situation(400), at: at(0))
        let first = try #require(planner.offer)
        planner.noteFound()
        _ = send(&planner, capacity: .kilobits(10_000), target: 400, at: at(0))
        let known = situation(400, capacity: 400)
        let provesLittle = planner.prove(.kilobits(480), after: first, known, at: at(100))
        let provesMuch = planner.prove(.kilobits(1_200), after: first, known, at: at(100))
        #expect(!provesLittle && provesMuch)
        let proof = try #require(planner.offer)
        #expect(proof.cause == .proof && proof.rate == .kilobits(1_200))
        // So much of it goes beyond what the link is known to pass until it is measured: 4,000 bytes.
        let unmeasured = proof.rate.time(for: proof.ignoredBytes)
        #expect((Bitrate.kilobits(800).bytes(in: unmeasured) - 4_000).magnitude < 50)
        #expect((Double(proof.ignoredBytes) / Double(proof.bytes) - (followsRate ? 1.0 / 2 : 2.0 / 3)).magnitude < 0.01)
        // It is not proved again; and where it finds nothing new, the next one waits.
        let found = send(&planner, capacity: .kilobits(400), target: 400, at: at(200))
        guard case .capacity(let rate) = found else { return #expect(Bool(false), "\(String(describing: found))") }
        let provesAgain = planner.prove(.kilobits(1_200), after: proof, known, at: at(400))
        #expect(!provesAgain && (rate / .kilobits(400) - 1).magnitude < 0.1)
        let due = planner.deadline(known)
        planner.noteNoNewsInProof()
        #expect(planner.deadline(known) >= due + .seconds(3))
    }

    @Test("after a large fall, most of what there was is tried, but no more than three times what is left")
    func recovery() {
        for (former, expected) in [(2_000, 1_700), (9_000, 3_000)] {
            var planner = ProbePlanner()
            planner.update(situation(1_000), at: at(0))
            _ = planner.takeResult(situation(1_000), at: at(10_000))
            planner.noteDrop(from: .kilobits(former), to: .kilobits(1_000), at: at(10_500))
            planner.update(situation(1_000), at: at(11_000))
            #expect(planner.offer?.cause == .recovery && planner.offer?.rate == .kilobits(expected))
        }
    }

    @Test("a cluster whose packets are lost is tried again twice, and then given up")
    func lost() {
        var planner = ProbePlanner()
        planner.update(situation(300), at: at(0))
        var seen: Set<UInt8> = []
        for attempt in 0..<3 {
            guard let cluster = planner.offer else { return #expect(Bool(false), "no cluster") }
            seen.insert(cluster.id.rawValue)
            while planner.offer != nil { planner.noteSent(cluster.id, 1_000, at: at(Double(attempt) * 100)) }
            // Feedback has told of packets that left half a second later, and never of these.
            let later = situation(300, answered: at(Double(attempt) * 100 + 500))
            #expect((planner.takeResult(later, at: at(Double(attempt) * 100 + 90)) != nil) == (attempt == 2))
        }
        #expect(seen.count == 3 && planner.offer == nil)
    }

    @Test("at the most that is allowed nothing is probed, and nothing is due")
    func maximum() {
        var planner = ProbePlanner()
        planner.update(situation(1_000), at: at(0))
        _ = planner.takeResult(situation(1_000), at: at(10_000))
        let full = situation(1_000, maximum: 1_000)
        planner.update(full, at: at(20_000))
        #expect(planner.offer == nil && planner.deadline(full) == .distantFuture)
    }
}
