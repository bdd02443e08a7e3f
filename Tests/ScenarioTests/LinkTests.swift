import MediaPrimitives
import Simulation
import Testing

@Suite("One simulated link") struct LinkTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func link(_ conditions: LinkConditions, seed: UInt64 = 1) -> SimulatedLink { SimulatedLink(conditions, seed: seed) }

    /// 972 bytes and 28 of headers: 8,000 bits, which take a millisecond at 8 Mbit/s.
    private let length = 1_000 - SimulatedLink.headerLength

    @Test("without a rate, all arrive after the delay, however many come at once")
    func wide() {
        let link = link(LinkConditions(delay: .milliseconds(35)))
        for _ in 0..<1_000 { #expect(link.arrivals(of: length, at: start) == [start + .milliseconds(35)]) }
        #expect(link.sent == 1_000 && link.lost == 0 && link.longestWait == .zero)
    }

    @Test("through a narrow place each datagram takes its length's time, and those behind wait for it")
    func serialisation() {
        let link = link(.bottleneck(8_000_000, queue: .time(.seconds(10))))
        for number in 1...500 {
            #expect(link.arrivals(of: length, at: start) == [start + .milliseconds(Int64(number) + 20)])
        }
        #expect(link.longestWait == .milliseconds(499))
        // Half of it has passed meanwhile.
        #expect(link.arrivals(of: length, at: start + .milliseconds(250)) == [start + .milliseconds(501 + 20)])
        // An empty queue keeps nobody waiting, and half as many bytes take half the time.
        let later = start + .seconds(2)
        #expect(link.arrivals(of: 500 - SimulatedLink.headerLength, at: later) == [later + .microseconds(20_500)])
        #expect(link.lost == 0)
    }

    @Test("a queue bounded in time refuses what would wait longer, and takes again as it drains")
    func timeLimit() {
        let link = link(.bottleneck(8_000_000, queue: .time(.milliseconds(100))))
        let taken = (0..<300).count { _ in !link.arrivals(of: length, at: start).isEmpty }
        // The hundred that wait up to 100 ms and the one being sent.
        #expect(taken == 101)
        #expect(link.refused == 199 && link.lost == 199)
        #expect(link.longestWait == .milliseconds(100))
        let later = start + .milliseconds(10)
        #expect((0..<300).count { _ in !link.arrivals(of: length, at: later).isEmpty } == 10)
    }

    @Test("a queue bounded in bytes refuses by length: what is too long for the rest of it may be followed by something short")
    func byteLimit() {
        let link = link(.bottleneck(8_000_000, queue: .bytes(10_500)))
        #expect((0..<20).count { _ in !link.arrivals(of: length, at: start).isEmpty } == 10)
        #expect(link.arrivals(of: 500 - SimulatedLink.headerLength, at: start) == [start + .microseconds(30_500)])
        #expect(link.arrivals(of: 0, at: start).isEmpty)
        // One is through.
        #expect(link.arrivals(of: length, at: start + .milliseconds(1)).count == 1)
        #expect(link.arrivals(of: length, at: start + .milliseconds(1)).isEmpty)
    }

    @Test("a steady stream comes out of a narrow place at its rate, with what is too much refused", arguments: [300_000, 1_000_000])
    func rate(_ rate: Int) {
        let link = link(.bottleneck(rate))
        // 2 Mbit/s for ten seconds.
        let arrivals = (0..<2_500).flatMap { link.arrivals(of: length, at: start + .milliseconds(Int64($0) * 4)) }
        let passed = arrivals.count { $0 <= start + .seconds(10) }
        let expected = Double(rate) * 10 / 8_000
        #expect(abs(Double(passed) - expected) < 0.02 * expected)
        #expect(link.longestWait <= .milliseconds(300))
    }

    @Test("a changed rate holds for what comes from then on, behind what was there")
    func changedRate() {
        let link = link(.bottleneck(8_000_000))
        for _ in 0..<10 { _ = link.arrivals(of: length, at: start) }
        link.conditions.rate = 800_000
        #expect(link.arrivals(of: length, at: start) == [start + .milliseconds(10 + 10 + 20)])
        link.conditions.rate = nil
        // Nothing overtakes what waits.
        #expect(link.arrivals(of: length, at: start) == [start + .milliseconds(40)])
    }

    @Test("what is lost behind a narrow place took its time there; what is cut off did not")
    func lostBehind() {
        var conditions = LinkConditions.bottleneck(8_000_000)
        conditions.loss = 1
        let link = link(conditions)
        for _ in 0..<5 { #expect(link.arrivals(of: length, at: start).isEmpty) }
        link.conditions.loss = 0
        link.conditions.isCut = true
        for _ in 0..<5 { #expect(link.arrivals(of: length, at: start).isEmpty) }
        link.conditions.isCut = false
        #expect(link.arrivals(of: length, at: start) == [start + .milliseconds(26)])
    }

    @Test("random loss and duplication are as frequent as their chances say", arguments: [1, 2, 3] as [UInt64])
    func chances(_ seed: UInt64) {
        let link = link(LinkConditions(loss: 0.1, duplication: 0.05), seed: seed)
        let arrivals = (0..<100_000).map { link.arrivals(of: length, at: start + .milliseconds(Int64($0))).count }
        #expect((9_700...10_300).contains(link.lost))
        #expect((4_300...4_700).contains(arrivals.count { $0 == 2 }))
    }

    @Test("jitter keeps the order and its bounds; only reordered datagrams are overtaken", arguments: [0, 0.05])
    func order(reordering: Double) {
        var conditions = LinkConditions(reordering: reordering)
        conditions.jitter = .milliseconds(40)
        let link = link(conditions)
        var latest = start
        var overtaken = 0
        for number in 0..<20_000 {
            let now = start + .milliseconds(Int64(number))
            for due in link.arrivals(of: length, at: now) {
                #expect(due >= now + .milliseconds(20) && due <= now + .milliseconds(20 + 40 + 30))
                if due < latest { overtaken += 1 }
                latest = max(latest, due)
            }
        }
        #expect(reordering == 0 ? overtaken == 0 : overtaken > 10)
    }

    @Test("Gilbert-Elliott loss has its share and its bursts", arguments: [(0.05, 4.0), (0.02, 10.0), (0.2, 2.0)], [1, 2] as [UInt64])
    func bursts(_ shape: (share: Double, burst: Double), seed: UInt64) {
        let model = GilbertElliott(badShare: shape.share, burst: shape.burst)
        #expect(abs(model.loss - shape.share) < 1e-9)
        let link = link(.bursts(model), seed: seed)
        var bursts = 0
        var losing = false
        for number in 0..<400_000 {
            let lost = link.arrivals(of: length, at: start + .milliseconds(Int64(number))).isEmpty
            if lost, !losing { bursts += 1 }
            losing = lost
        }
        let (share, burst) = (Double(link.lost) / 400_000, Double(link.lost) / Double(bursts))
        #expect(abs(share - shape.share) < 0.1 * shape.share, "\(share)")
        #expect(abs(burst - shape.burst) < 0.1 * shape.burst, "\(burst)")
    }

    @Test("a link that is bad may let something pass, and a good one lose something")
    func mixedBursts() {
        var model = GilbertElliott(toBad: 0.01, toGood: 0.1)
        model.lossWhileGood = 0.01
        model.lossWhileBad = 0.5
        let link = link(.bursts(model))
        for number in 0..<400_000 { _ = link.arrivals(of: length, at: start + .milliseconds(Int64(number))) }
        #expect(abs(Double(link.lost) / 400_000 - model.loss) < 0.05 * model.loss)
        #expect(abs(model.loss - (0.5 / 11 + 0.01 * 10 / 11)) < 1e-9)
    }

    @Test("bursts and rates change nothing about which datagrams random loss takes")
    func independentFates() {
        func fates(_ change: (inout LinkConditions) -> Void) -> [Bool] {
            var conditions = LinkConditions(loss: 0.1, reordering: 0.1)
            change(&conditions)
            let link = link(conditions, seed: 7)
            return (0..<2_000).map { link.arrivals(of: length, at: start + .milliseconds(Int64($0) * 10)).isEmpty }
        }
        let plain = fates { _ in }
        let bursty = fates { $0.bursts = GilbertElliott(badShare: 0.05, burst: 5) }
        #expect(fates { $0.rate = 8_000_000 } == plain)
        #expect(zip(plain, bursty).allSatisfy { !$0 || $1 })
        #expect(bursty != plain)
        #expect(fates { $0.bursts = GilbertElliott(badShare: 0.05, burst: 5) } == bursty)
    }
}
