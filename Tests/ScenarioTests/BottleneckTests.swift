import MediaPrimitives
import Simulation
import Testing

@Suite("A narrow place, and what is measured of its queue") struct BottleneckTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func at(_ milliseconds: Int64) -> Instant { start + .milliseconds(milliseconds) }

    private func bottleneck(_ rate: Int, others: [CrossTraffic] = []) -> Bottleneck {
        Bottleneck(RatePlan(rate), queue: .time(.seconds(2)), others: others, at: start)
    }

    @Test("a queue of known length is measured over its whole time, whether or not packets come")
    func knownQueue() {
        let bottleneck = bottleneck(8_000_000)
        // A hundred milliseconds' worth at once, and nothing afterwards.
        for _ in 0..<100 { _ = bottleneck.pass(1_000, at: start) }
        bottleneck.advance(to: at(1_000))
        let values = bottleneck.meter.values(from: start, until: at(1_000))
        #expect(values.count == 200)
        // The grid's first instant is before the packets.
        #expect(values[0] == 0 && abs(values[1] - 95) < 0.01 && abs(values[10] - 50) < 0.01 && values[20] == 0 && values[199] == 0)
        // Over the first hundred milliseconds it falls evenly.
        #expect(abs(bottleneck.meter.percentile(95, from: at(5), until: at(105)) - 95) < 0.01)
        #expect(abs(bottleneck.meter.percentile(50, from: at(5), until: at(105)) - 50) < 0.01)
        // For a tenth of the second.
        #expect(bottleneck.meter.percentile(89, from: start, until: at(1_000)) == 0)
        #expect(bottleneck.meter.percentile(95, from: start, until: at(1_000)) > 40)
    }

    @Test("a queue is over when it stays short, not when it is short for a moment")
    func overAfter() {
        let bottleneck = bottleneck(8_000_000)
        // 300 ms, and as much again as soon as it is empty.
        for _ in 0..<300 { _ = bottleneck.pass(1_000, at: start) }
        for _ in 0..<300 { _ = bottleneck.pass(1_000, at: at(310)) }
        bottleneck.advance(to: at(3_000))
        // From 510 ms on it is below 100; before, from 200 to 310 ms, too, but not for a second.
        let over = bottleneck.meter.timeUntil(below: 100, from: start, until: at(3_000))
        #expect(over.map { $0 >= .milliseconds(500) && $0 <= .milliseconds(520) } == true, "\(String(describing: over))")
        #expect(bottleneck.meter.timeUntil(below: 0, from: start, until: at(3_000)) == nil)
    }

    @Test("what others make of the queue is not ours, and what we add to it is")
    func selfMade() {
        // Others alone would have no queue: 4 of 8 Mbit/s.
        let light = bottleneck(8_000_000, others: [CrossTraffic(rate: 4_000_000, from: start, length: 1_000)])
        light.advance(to: at(1_000))
        #expect(light.meter.percentile(100, from: start, until: at(1_000)) == 0)
        // Ours of as much again leave no room: it does not grow yet. With half as much more it does, by a quarter of the time.
        for number in 0..<1_500 { _ = light.pass(1_000, at: at(1_000) + .microseconds(Int64(number) * 1_333)) }
        let queue = light.meter.percentile(100, from: at(1_000), until: at(3_000))
        #expect((400...600).contains(queue), "\(queue)")
        // Others who send twice what passes fill it by themselves, and we are not to blame.
        let heavy = bottleneck(8_000_000, others: [CrossTraffic(rate: 16_000_000, from: start, length: 1_000)])
        for number in 0..<100 { _ = heavy.pass(100, at: at(3_000 + Int64(number) * 10)) }
        #expect(heavy.meter.percentile(100, from: start, until: at(4_000)) < 10)
    }

    @Test("a rate that changes under a datagram carries the rest of it at the new rate")
    func changedRate() {
        var plan = RatePlan(8_000_000)
        plan.change(to: 800_000, at: at(10))
        plan.change(to: 80_000_000, at: at(50))
        #expect(plan.end(of: 80_000, from: start) == at(10))
        // 80,000 bits until the change, 32,000 in the 40 ms of the slow time, the rest in a tenth of a millisecond for 8,000.
        #expect(plan.end(of: 120_000, from: start) == at(50) + .microseconds(100))
        #expect(abs(plan.bits(from: start, until: at(51)) - (80_000 + 32_000 + 80_000)) < 0.5)
        let bottleneck = Bottleneck(plan, queue: .time(.seconds(1)), at: start)
        #expect(bottleneck.pass(15_000, at: start)?.end == at(50) + .microseconds(100))
    }

    @Test("a ramp changes the rate evenly, and what is behind it is planned anew")
    func ramp() {
        var plan = RatePlan(3_000_000)
        plan.ramp(to: 1_000_000, from: at(1_000), until: at(3_000))
        #expect(plan.rate(at: start) == 3_000_000 && plan.rate(at: at(3_000)) == 1_000_000 && plan.rate(at: at(90_000)) == 1_000_000)
        #expect(abs(plan.rate(at: at(2_000)) - 2_000_000) <= 100_000)
        #expect(abs(plan.bits(from: at(1_000), until: at(3_000)) - 4_000_000) < 200_000)
        plan.change(to: 500_000, at: at(2_000))
        #expect(plan.rate(at: at(2_500)) == 500_000)
    }

    @Test("links that share it wait for each other, in the order in which their datagrams come")
    func shared() {
        let bottleneck = bottleneck(8_000_000)
        let links = [1, 2].map { (seed: UInt64) in
            let link = SimulatedLink(LinkConditions(delay: .milliseconds(5)), seed: seed)
            link.bottleneck = bottleneck
            return link
        }
        let length = 1_000 - SimulatedLink.headerLength
        #expect(links[0].arrivals(of: length, at: start) == [at(1 + 5)])
        #expect(links[1].arrivals(of: length, at: start) == [at(2 + 5)])
        #expect(links[0].arrivals(of: length, at: start) == [at(3 + 5)])
        #expect(links[1].longestWait == .milliseconds(1) && bottleneck.passed == 3_000 && bottleneck.refused == 0)
    }

    @Test("a full queue refuses, and says so")
    func refusal() {
        let bottleneck = Bottleneck(RatePlan(8_000_000), queue: .bytes(10_000), at: start)
        #expect((0..<15).count { _ in bottleneck.pass(1_000, at: start) == nil } == 5)
        #expect(bottleneck.refused == 5 && bottleneck.passed == 10_000)
    }
}
