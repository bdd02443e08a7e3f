import Congestion
import MediaPrimitives
import Testing

private func at(_ milliseconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64(milliseconds * 1_000_000)) }
private func kbit(_ n: Int) -> Bitrate { .kilobits(n) }

/// Groups of one packet each, sent every `interval` milliseconds, whose delay grows by `growth` of that.
private func spacings(_ count: Int, interval: Double, growth: Double) -> [PacketGroups.Spacing] {
    (0..<count).map { index in
        PacketGroups.Spacing(
            sent: Interval(nanoseconds: Int64(interval * 1e6)), arrived: Interval(nanoseconds: Int64(interval * (1 + growth) * 1e6)),
            arrival: at(Double(index + 1) * interval * (1 + growth)))
    }
}

/// The testing macros copy what they look at.
private final class Sent {
    private var packets = SentPackets()

    var bytes: Int { packets.bytes }
    var capacity: Int { packets.capacity }
    func append(_ number: UInt16, bytes: Int = 10, cluster: UInt8 = 0, at now: Instant = at(0)) {
        packets.append(number, bytes: bytes, cluster: cluster, at: now)
    }
    func note(_ fate: SentPackets.Fate, of number: UInt16, at now: Instant = at(0)) -> SentPackets.Packet? {
        packets.note(fate, of: number, at: now)
    }
}

@Suite("Packets that were sent")
struct SentPacketsTests {
    @Test("feedback whose arrival the kernel puts before the sending took no time, and not hours")
    func backwards() throws {
        let sent = Sent()
        sent.append(7, at: at(10))
        #expect(try #require(sent.note(.received, of: 7, at: at(9.5))).sentAt == at(9.5))
    }

    @Test("each is found by its number, over the wrap", arguments: [0, 1, 32_767, 32_768, 65_530])
    func wrap(first: UInt16) throws {
        let sent = Sent()
        for step: UInt16 in 0..<20 { sent.append(first &+ step, bytes: 100 + Int(step), cluster: UInt8(step), at: at(Double(step))) }
        for step: UInt16 in 0..<20 {
            let packet = try #require(sent.note(.received, of: first &+ step, at: at(50)))
            #expect(packet.bytes == 100 + Int(step) && packet.cluster == UInt8(step) && packet.fate == .unknown)
            // To 4 µs.
            #expect((packet.sentAt - at(Double(step))).magnitude < .microseconds(5))
        }
        #expect(sent.note(.received, of: first &- 1, at: at(50)) == nil)
        #expect(sent.note(.received, of: first &+ 20, at: at(50)) == nil)
        #expect(sent.bytes == (0..<20).reduce(0) { $0 + 100 + $1 })
    }

    @Test("what was received stays so; what was lost may arrive after all")
    func fates() throws {
        let sent = Sent()
        sent.append(7)
        #expect(sent.note(.lost, of: 7)?.fate == .unknown)
        #expect(sent.note(.lost, of: 7)?.fate == .lost)
        #expect(sent.note(.received, of: 7)?.fate == .lost)
        #expect(sent.note(.lost, of: 7)?.fate == .received)
        #expect(sent.note(.received, of: 7)?.fate == .received)
    }

    @Test("numbers that were left out, and those of a lap ago, are nobody's; one from before is not noted")
    func forgotten() {
        let sent = Sent()
        #expect(sent.note(.received, of: 0) == nil)
        sent.append(10)
        sent.append(14)
        sent.append(12)
        #expect(sent.note(.received, of: 12, at: at(0)) == nil && sent.note(.received, of: 14) != nil)
        for step in 0..<UInt16(sent.capacity) { sent.append(15 &+ step, at: at(Double(step))) }
        #expect(sent.note(.received, of: 14, at: at(0)) == nil && sent.note(.received, of: 15) != nil)
        // A jump over the whole ring leaves nothing behind it.
        sent.append(15 &+ 20_000)
        #expect(sent.note(.received, of: 15 &+ 19_999) == nil)
    }
}

extension SentPacketsTests {
    @Test("half a second is remembered, however many packets that are", arguments: [1_000.0, 5_000, 20_000])
    func memory(rate: Double) throws {
        let sent = Sent()
        for step in 0..<60_000 {
            sent.append(UInt16(truncatingIfNeeded: step), bytes: 1 + step % 1_000, at: at(Double(step) * 1_000 / rate))
        }
        let now = 60_000 * 1_000 / rate
        for step in stride(from: 59_999, to: 60_000 - Int(rate * 0.5), by: -1) {
            let packet = try #require(sent.note(.received, of: UInt16(truncatingIfNeeded: step), at: at(now)))
            #expect(packet.fate == .unknown && packet.bytes == 1 + step % 1_000)
            guard (packet.sentAt - at(Double(step) * 1_000 / rate)).magnitude < .microseconds(5) else { throw Wrong() }
        }
        #expect(sent.capacity == (rate < 3_000 ? 2_048 : rate < 6_000 ? 4_096 : 16_384))
    }

    private struct Wrong: Error {}
}

@Suite("Groups, trend and detector")
struct DelayTests {
    @Test("packets within 5 ms are one group, and two groups in a row have a spacing")
    func groups() {
        var groups = PacketGroups()
        #expect(groups.note(sent: at(0), arrived: at(100)) == nil)
        #expect(groups.note(sent: at(4), arrived: at(106)) == nil)
        #expect(groups.note(sent: at(20), arrived: at(120)) == nil, "the first group has none before it")
        #expect(groups.note(sent: at(22), arrived: at(125)) == nil)
        let spacing = groups.note(sent: at(40), arrived: at(150))
        // From the last of one to the last of the next: sent 22 - 4, arrived 125 - 106.
        #expect(spacing?.sent == .milliseconds(18) && spacing?.arrived == .milliseconds(19) && spacing?.arrival == at(125))
    }

    @Test("what arrives in a burst was held up together, and is one group")
    func bursts() {
        var groups = PacketGroups()
        _ = groups.note(sent: at(0), arrived: at(100))
        _ = groups.note(sent: at(20), arrived: at(150))
        for step in 1...4 { #expect(groups.note(sent: at(20 + Double(step) * 10), arrived: at(150 + Double(step))) == nil) }
        #expect(groups.note(sent: at(80), arrived: at(180))?.sent == .milliseconds(60))
    }

    @Test("a packet of a group that is over, and a gap of seconds, give no spacing")
    func outOfOrder() {
        var groups = PacketGroups()
        _ = groups.note(sent: at(0), arrived: at(100))
        _ = groups.note(sent: at(20), arrived: at(120))
        #expect(groups.note(sent: at(10), arrived: at(121)) == nil)
        #expect(groups.note(sent: at(40), arrived: at(140))?.arrived == .milliseconds(20))
        #expect(groups.note(sent: at(5_000), arrived: at(5_100))?.sent == .milliseconds(20))
        #expect(groups.note(sent: at(5_020), arrived: at(5_120)) == nil, "five seconds lie between these two")
        for step in 1...2 { #expect(groups.note(sent: at(5_020 + Double(step) * 20), arrived: at(5_120 + Double(step) * 20)) == nil) }
        #expect(groups.note(sent: at(5_080), arrived: at(5_180))?.sent == .milliseconds(20), "it has begun anew")
    }

    @Test("the slope is that of the delay", arguments: [-0.2, 0, 0.1, 0.5])
    func slope(growth: Double) {
        var trendline = Trendline()
        for spacing in spacings(19, interval: 20, growth: growth) { trendline.note(spacing) }
        #expect(trendline.slope == 0, "too few groups say nothing")
        trendline = Trendline()
        for spacing in spacings(200, interval: 20, growth: growth) { trendline.note(spacing) }
        #expect((trendline.slope - growth / (1 + growth)).magnitude < 0.01)
    }

    @Test("a growing delay is an overuse, a shrinking one an underuse, a constant one neither")
    func usage() {
        for (growth, expected) in [(0.0, LinkUsage.normal), (0.3, .overused), (-0.3, .underused)] {
            var trendline = Trendline()
            var detector = OveruseDetector()
            var seen: Set<LinkUsage> = []
            for spacing in spacings(60, interval: 20, growth: growth) {
                trendline.note(spacing)
                detector.note(slope: trendline.slope, weight: trendline.weight, spacing)
                seen.insert(detector.usage)
            }
            #expect(seen.contains(expected), "\(growth)")
            #expect(expected == .normal || !seen.contains(expected == .overused ? .underused : .overused))
        }
    }

    @Test("one late group is no overuse, and the threshold follows a delay that always varies, within its bounds")
    func threshold() {
        var trendline = Trendline()
        var detector = OveruseDetector()
        for (index, spacing) in spacings(40, interval: 20, growth: 0).enumerated() {
            var spacing = spacing
            if index == 30 { spacing.arrived = .milliseconds(25) }
            if index == 31 { spacing.arrived = .milliseconds(15) }
            trendline.note(spacing)
            detector.note(slope: trendline.slope, weight: trendline.weight, spacing)
            #expect(detector.usage == .normal)
        }
        let calm = detector.threshold
        #expect(calm >= 6 && calm < 12.5, "it falls while nothing happens")
        for (index, spacing) in spacings(400, interval: 20, growth: 0).enumerated() {
            var spacing = spacing
            spacing.arrived = .milliseconds(index / 30 % 2 == 0 ? 21 : 19)
            spacing.arrival = at(2_000 + Double(index) * 20)
            trendline.note(spacing)
            detector.note(slope: trendline.slope, weight: trendline.weight, spacing)
        }
        #expect(detector.threshold > calm && detector.threshold <= 600)
    }
}

@Suite("What arrives")
struct AcknowledgedRateTests {
    @Test("a steady stream is measured by both windows; a fall shows in the short one first")
    func windows() throws {
        var rate = AcknowledgedRate()
        for step in 0..<200 { rate.note(1_250, arrived: at(Double(step) * 10)) }
        for window in [AcknowledgedRate.short, AcknowledgedRate.long] {
            let over = rate.rate(over: window)
            let measured = try #require(over)
            #expect((measured / kbit(1_000) - 1).magnitude < 0.06)
        }
        for step in 0..<30 { rate.note(250, arrived: at(2_000 + Double(step) * 10)) }
        let (short, long) = (rate.rate(over: AcknowledgedRate.short), rate.rate(over: AcknowledgedRate.long))
        #expect(try #require(short) < kbit(230))
        #expect(try #require(long) > kbit(600))
    }

    @Test("nothing is known at first, after a silence, and after the clock was set")
    func unknown() {
        var rate = AcknowledgedRate()
        func short() -> Bitrate? { rate.rate(over: AcknowledgedRate.short) }
        #expect(short() == nil)
        rate.note(1_000, arrived: at(0))
        rate.note(1_000, arrived: at(50))
        #expect(short() == nil)
        for step in 0..<100 { rate.note(1_250, arrived: at(Double(step) * 10)) }
        rate.note(1_250, arrived: at(60_000))
        #expect(short() == nil)
        rate.note(1_250, arrived: at(10))
        #expect(short() == nil, "what is older than the window is left out")
    }
}

@Suite("Rate control")
struct RateControlTests {
    private func input(
        _ usage: LinkUsage, throughput: Bitrate?, recent: Bitrate? = nil, queue: Interval = .milliseconds(40), isLimited: Bool = false,
        isSaturated: Bool = false, isOwnQueue: Bool = false, isOverflowing: Bool = false, noise: Interval = .zero
    ) -> RateControl.Input {
        RateControl.Input(
            usage: usage, recent: recent ?? throughput, throughput: throughput, isApplicationLimited: isLimited, isSaturated: isSaturated,
            isOwnQueue: isOwnQueue, roundTrip: .milliseconds(100), queue: queue, isOverflowing: isOverflowing, noise: noise)
    }

    @Test("A trend in no more of a queue than the delay's own wavering makes is none")
    func noise() {
        var control = RateControl(start: kbit(1_000))
        let noisy = input(.overused, throughput: kbit(900), queue: .milliseconds(30), noise: .milliseconds(10))
        control.followsRate = false
        #expect(control.update(noisy, at: at(0)) == .none && control.rate == kbit(1_000))
        let queued = input(.overused, throughput: kbit(900), queue: .milliseconds(31), noise: .milliseconds(10))
        #expect(control.update(queued, at: at(100)) == .decreased && control.rate < kbit(900))
    }

    @Test("8 % a second where nothing is known of the link, and never far above what arrives")
    func growth() {
        var control = RateControl(start: kbit(1_000))
        for step in 0...10 { _ = control.update(input(.normal, throughput: kbit(1_000)), at: at(Double(step) * 100)) }
        #expect(control.rate > kbit(1_075) && control.rate < kbit(1_085))
        for step in 11...200 { _ = control.update(input(.normal, throughput: kbit(1_000)), at: at(Double(step) * 100)) }
        #expect(control.rate == kbit(1_510))
        _ = control.update(input(.normal, throughput: nil), at: at(30_000))
        #expect(control.rate == kbit(1_510))
    }

    @Test("an overuse falls to 85 % of what arrives, comes back to 92 % or what passed before when the queue is gone, and goes on slowly")
    func overuse() {
        var control = RateControl(start: kbit(1_300))
        #expect(control.update(input(.overused, throughput: kbit(900), recent: kbit(1_000)), at: at(0)) == .decreased)
        #expect(control.rate == kbit(850) && control.capacity.estimate == kbit(1_000) && control.settled == kbit(920))
        #expect(control.update(input(.overused, throughput: kbit(1_000)), at: at(150)) == .none, "too early to see what it did")
        #expect(control.update(input(.underused, throughput: kbit(1_000), queue: .milliseconds(25)), at: at(300)) == .none)
        #expect(control.rate == kbit(850))
        #expect(control.update(input(.normal, throughput: kbit(1_000), queue: .milliseconds(5)), at: at(400)) == .increased)
        #expect(control.rate == kbit(920))
        _ = control.update(input(.normal, throughput: kbit(920), queue: .milliseconds(5)), at: at(1_400))
        #expect(control.rate > kbit(925) && control.rate < kbit(955), "near the capacity: at most 3 % a second")
        // Much more arrives than ever before: the link is another.
        _ = control.update(input(.normal, throughput: kbit(1_400), queue: .milliseconds(5)), at: at(2_400))
        #expect(control.capacity.estimate == nil)
    }

    @Test("a trend without a queue is noise; a full queue is an overuse without a trend")
    func queues() {
        var control = RateControl(start: kbit(1_000))
        #expect(control.update(input(.overused, throughput: kbit(900), queue: .milliseconds(5)), at: at(0)) == .none)
        #expect(
            control.update(input(.normal, throughput: kbit(900), queue: .milliseconds(300), isOverflowing: true), at: at(0)) == .decreased)
        // Long queues take more than the usual 15 %.
        #expect(control.rate < kbit(650))
    }

    @Test("a long queue that does not go away is somebody else's, and nothing more is given up for it")
    func others() {
        var control = RateControl(start: kbit(1_000))
        _ = control.update(input(.overused, throughput: kbit(1_000), queue: .milliseconds(300)), at: at(0))
        #expect(control.rate == kbit(700))
        _ = control.update(input(.normal, throughput: kbit(1_000), queue: .milliseconds(300)), at: at(3_100))
        #expect(control.rate >= kbit(850))
        _ = control.update(input(.overused, throughput: kbit(1_000), queue: .milliseconds(300)), at: at(3_300))
        #expect(control.rate == kbit(850))
    }

    @Test("while little is sent, one overuse takes a step, and not the way down to the little that arrives")
    func applicationLimited() {
        var control = RateControl(start: kbit(2_000))
        _ = control.update(input(.overused, throughput: kbit(100), isLimited: true), at: at(0))
        #expect(control.rate == kbit(1_700) && control.capacity.estimate == nil)
    }

    @Test("what passed for a second may go on when a first queue is gone, and not when another follows")
    func proven() {
        var control = RateControl(start: kbit(1_300))
        control.followsRate = false
        _ = control.update(input(.overused, throughput: kbit(980), recent: kbit(1_000)), at: at(0))
        #expect(control.settled == kbit(980))
        _ = control.update(input(.overused, throughput: kbit(980), recent: kbit(1_000)), at: at(2_000))
        #expect(control.settled == kbit(920))
    }

    @Test(
        "a queue that a probe of ours has left leaves the rate when it is gone, once, and not where what is sent follows the rate",
        arguments: [(false, 1_300), (true, 920)])
    func ownQueue(followsRate: Bool, settled: Int) {
        var control = RateControl(start: kbit(1_300))
        control.followsRate = followsRate
        let overused = input(.overused, throughput: kbit(900), recent: kbit(1_000), isOwnQueue: true)
        #expect(control.update(overused, at: at(0)) == .decreased)
        #expect(control.rate == kbit(850) && control.settled == kbit(settled))
        _ = control.update(overused, at: at(2_000))
        #expect(control.settled == kbit(920))
    }

    @Test("a second that reaches back to when the link was wider does not make forget what it passes now")
    func narrowed() {
        var control = RateControl(start: kbit(1_000))
        control.followsRate = false
        control.raise(to: kbit(1_000), isCapacity: true, at: at(0))
        _ = control.update(input(.normal, throughput: kbit(1_400), recent: kbit(900), queue: .zero), at: at(100))
        #expect(control.capacity.estimate == kbit(1_000))
        _ = control.update(input(.normal, throughput: kbit(1_400), recent: kbit(1_400), queue: .zero), at: at(200))
        #expect(control.capacity.estimate == nil)
    }

    @Test("while little is sent, one burst's queue leaves the rate when it is gone, a second one does not, and one that stands is believed")
    func bursts() {
        var control = RateControl(start: kbit(2_000))
        _ = control.update(input(.overused, throughput: kbit(100), isLimited: true), at: at(0))
        #expect(control.rate == kbit(1_700) && control.settled == kbit(2_000))
        _ = control.update(input(.normal, throughput: kbit(1_900), queue: .milliseconds(5), isLimited: true), at: at(300))
        #expect(control.rate == kbit(2_000))
        _ = control.update(input(.overused, throughput: kbit(100), isLimited: true), at: at(2_000))
        #expect(control.settled == control.rate && control.rate == kbit(1_700))
        _ = control.update(
            input(.overused, throughput: kbit(1_200), recent: kbit(1_000), isLimited: true, isSaturated: true), at: at(4_000))
        #expect(control.rate == kbit(850) && control.capacity.estimate == kbit(1_000))
    }

    @Test("past what is known of the link the rate does not grow while less is sent")
    func unused() {
        var control = RateControl(start: kbit(1_000))
        control.followsRate = false
        control.raise(to: kbit(1_000), isCapacity: true, at: at(0))
        for step in 1...300 { _ = control.update(input(.normal, throughput: kbit(800), queue: .zero), at: at(Double(step) * 100)) }
        #expect(control.rate > kbit(1_000) && control.rate < kbit(1_050))
        // Who uses it looks for more.
        for step in 301...400 { _ = control.update(input(.normal, throughput: kbit(990), queue: .zero), at: at(Double(step) * 100)) }
        #expect(control.rate > kbit(1_030))
    }

    @Test("what is not known is halved")
    func unknown() {
        var control = RateControl(start: kbit(1_000))
        _ = control.update(input(.overused, throughput: nil), at: at(0))
        #expect(control.rate == kbit(500))
    }
}

@Suite("Application limit")
struct ApplicationLimitTests {
    @Test("it begins when much less is sent than may be, and ends when enough is", arguments: [(0.1, true), (0.5, true), (0.9, false)])
    func share(share: Double, isLimited: Bool) {
        var limit = ApplicationLimit()
        let bytes = Int(1_000_000 * share / 8 / 20)
        for step in 0...60 { limit.update(sent: bytes, target: kbit(1_000), at: at(Double(step) * 50)) }
        #expect(limit.isLimited == isLimited)
        for step in 61...120 { limit.update(sent: 6_250, target: kbit(1_000), at: at(Double(step) * 50)) }
        #expect(!limit.isLimited)
    }
}
