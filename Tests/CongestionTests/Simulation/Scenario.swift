import Congestion
import MediaPrimitives

/// A run of some flows over one link in virtual time, and what was seen of it every 20 ms.
struct Scenario {
    struct Sample {
        var at: Double
        /// Bits a second, of the first flow and the second.
        var target: Int
        var secondTarget = 0
        /// Milliseconds that a packet would wait now.
        var queue: Double
        /// Bytes of media that have arrived by now, of each flow.
        var media: [Int]
        var padding: Int
        var estimates: [BandwidthEstimate]
    }

    let name: String
    var link: LinkPlan
    var sources: [MediaSource] = [.smooth(upTo: 50_000_000)]
    var starts: [Double] = [0]
    var hasCompetitor = false
    var seconds = 30.0
    var seed: UInt64 = 1
    /// How often packets are released.
    var tick = Interval.milliseconds(1)
    var framesPerSecond = 30
    var limits = BandwidthEstimator.Limits()

    init(_ name: String, _ link: LinkPlan, seconds: Double = 30) {
        self.name = name
        self.link = link
        self.seconds = seconds
    }

    func run() -> Outcome {
        let entropy = Entropy.seeded(seed)
        let bottleneck = Bottleneck(link, entropy: entropy)
        let flows = sources.indices.map { index in
            SimulatedFlow(
                index, sources[index], framesPerSecond: framesPerSecond,
                startsAt: Instant(nanoseconds: Int64(starts[min(index, starts.count - 1)] * 1e9)), limits: limits, entropy: entropy)
        }
        let competitor = hasCompetitor ? RenoFlow(flows.count, startsAt: Instant(nanoseconds: 10_000_000_000)) : nil
        var samples: [Sample] = []
        var now = Instant(nanoseconds: 0)
        let end = Instant(nanoseconds: Int64(seconds * 1e9))
        var nextSample = now
        while now < end {
            bottleneck.advance(to: now) { packet, arrival in
                if packet.flow < flows.count {
                    flows[packet.flow].arrive(packet, at: arrival)
                } else {
                    competitor?.arrive(packet, at: arrival, back: link.delay)
                }
            }
            for flow in flows { flow.advance(to: now, bottleneck) }
            competitor?.advance(to: now, bottleneck)
            if now >= nextSample {
                nextSample = now + .milliseconds(20)
                samples.append(
                    Sample(
                        at: Double(now.nanoseconds) / 1e9, target: flows[0].estimator.target.bitsPerSecond,
                        secondTarget: flows.count > 1 ? flows[1].estimator.target.bitsPerSecond : 0,
                        queue: bottleneck.wait(at: now).milliseconds,
                        media: flows.map(\.mediaBytes) + (competitor.map { [$0.bytes] } ?? []), padding: flows[0].paddingBytes,
                        estimates: flows.map { $0.estimator.estimate }))
            }
            now = now + tick
        }
        return Outcome(scenario: self, samples: samples)
    }
}

/// What a scenario showed.
struct Outcome {
    let scenario: Scenario
    let samples: [Scenario.Sample]

    private func during(_ from: Double, _ to: Double) -> [Scenario.Sample] { samples.filter { $0.at >= from && $0.at < to } }

    /// Seconds from `from` until the target is at least `share` of `rate` for the first time; infinity if it never is.
    func time(toReach share: Double, of rate: Int, from: Double) -> Double {
        samples.first { $0.at >= from && Double($0.target) >= share * Double(rate) }.map { $0.at - from } ?? .infinity
    }

    /// Of what packets wait, in milliseconds.
    func queue(percentile: Double, _ from: Double, _ to: Double) -> Double {
        let sorted = during(from, to).map(\.queue).sorted()
        return sorted.isEmpty ? 0 : sorted[min(Int(percentile * Double(sorted.count)), sorted.count - 1)]
    }

    /// Seconds from `from` until packets wait less than `limit` milliseconds and go on to, at nine of ten samples of the next second.
    func timeUntilQueue(isBelow limit: Double, from: Double) -> Double {
        let rest = samples.filter { $0.at >= from }
        for index in rest.indices where rest[index].queue < limit {
            let next = rest[index..<min(index + 50, rest.count)]
            if next.count(where: { $0.queue < limit }) * 10 >= next.count * 9 { return rest[index].at - from }
        }
        return .infinity
    }

    /// Media that arrived, in bits a second.
    func media(_ flow: Int = 0, _ from: Double, _ to: Double) -> Double {
        guard let first = samples.first(where: { $0.at >= from }), let last = samples.last(where: { $0.at < to }), last.at > first.at else {
            return 0
        }
        return Double(last.media[flow] - first.media[flow]) * 8 / (last.at - first.at)
    }

    func padding(_ from: Double, _ to: Double) -> Double {
        guard let first = samples.first(where: { $0.at >= from }), let last = samples.last(where: { $0.at < to }), last.at > first.at else {
            return 0
        }
        return Double(last.padding - first.padding) * 8 / (last.at - first.at)
    }

    /// The mean target in bits a second, and its least.
    func meanTarget(_ from: Double, _ to: Double) -> Double {
        let part = during(from, to)
        return part.isEmpty ? 0 : Double(part.reduce(0) { $0 + $1.target }) / Double(part.count)
    }
    func leastTarget(_ from: Double, _ to: Double) -> Int { during(from, to).map(\.target).min() ?? 0 }
    func greatestTarget(_ from: Double, _ to: Double) -> Int { during(from, to).map(\.target).max() ?? 0 }
}
