import MediaPrimitives
import RTP

/// How much a publisher sends, from what the server tells of the arrival of each packet: a plain rule by delay, as the model of a browser whose
/// uplink is narrow now and then. While the way delays by 80 ms what it did not delay before, less is sent than arrives; otherwise more, by and by, up
/// to half as much again as arrives. What lies beyond is found by a few packets that are sent at once, now and then, and how far apart they arrive.
package struct UplinkControl {
    private struct Sent {
        var at = Instant(nanoseconds: 0)
        var bytes = 0
        var isTold = true
    }

    private static let longQueue = 80.0
    private static let decrease = 0.85
    /// In a second.
    private static let increase = 0.08
    private static let shortest = Interval.milliseconds(300)
    /// Of what arrives: more is not believed without a probe.
    private static let unproved = 1.5
    private static let probeInterval = Interval.seconds(3)
    package static let probePackets = 10
    /// Of the least delay: how far back it is looked for.
    private static let memory = Interval.seconds(20)

    /// Bits a second, headers of RTP included.
    package private(set) var rate: Double
    private let ceiling: Double
    private var sent = [Sent](repeating: Sent(), count: 1 << 16)
    private var leastDelay: (value: Double, at: Instant)?
    private var lastDecrease: Instant?
    private var lastFeedback: Instant?
    /// What the last feedback told of, for the rate of arrival.
    private var arrived: [(at: Instant, bytes: Int)] = []
    private var probe: (first: UInt16, count: Int, bytes: Int, ticks: [Int64])?
    private var nextProbe: Instant?

    package init(ceiling: Int) {
        rate = Double(ceiling)
        self.ceiling = Double(ceiling)
    }

    /// Bits a second that arrived of late.
    private var delivered: Double { Double(arrived.reduce(0) { $0 + $1.bytes } * 8) / 0.5 }

    package mutating func noteSent(_ number: UInt16, bytes: Int, at now: Instant) {
        sent[Int(number)] = Sent(at: now, bytes: bytes, isTold: false)
    }

    /// Whether packets shall be sent to probe with; they are then taken as sent from `number` on.
    package mutating func takeProbe(beginningWith number: UInt16, at now: Instant) -> Bool {
        let due = nextProbe ?? now + UplinkControl.probeInterval
        nextProbe = due
        guard rate < ceiling, due <= now, lastDecrease.map({ now - $0 >= UplinkControl.probeInterval }) ?? true else { return false }
        nextProbe = now + UplinkControl.probeInterval
        probe = (number, UplinkControl.probePackets, 0, [])
        return true
    }

    private mutating func noteProbe(_ number: UInt16, _ bytes: Int, ticks: Int64) {
        guard var probe = self.probe, Int(number &- probe.first) < probe.count else { return }
        // What lies before the first arrival took no time between the two.
        if !probe.ticks.isEmpty { probe.bytes += bytes }
        probe.ticks.append(ticks)
        self.probe = probe
        guard probe.ticks.count == probe.count, let first = probe.ticks.min(), let last = probe.ticks.max() else { return }
        self.probe = nil
        let seconds = Double(max(1, last - first)) * 0.000_25
        rate = max(rate, min(ceiling, Double(probe.bytes * 8) / seconds * UplinkControl.decrease))
    }

    package mutating func receive(_ feedback: TransportFeedback, in bytes: RawSpan, at now: Instant) {
        var delay: Double?
        var statuses = feedback.makeIterator()
        while let status = statuses.next(in: bytes) {
            let entry = sent[Int(status.sequence.rawValue)]
            guard let ticks = status.arrivalTicks, !entry.isTold else { continue }
            sent[Int(status.sequence.rawValue)].isTold = true
            // The two clocks have no zero in common: only differences count.
            delay = Double(ticks) * 0.25 - Double(entry.at.nanoseconds) / 1e6
            arrived.append((now, entry.bytes))
            noteProbe(status.sequence.rawValue, entry.bytes, ticks: ticks)
        }
        arrived.removeAll { now - $0.at > .milliseconds(500) }
        defer { lastFeedback = now }
        guard let delay else { return }
        if leastDelay.map({ delay < $0.value || now - $0.at > UplinkControl.memory }) ?? true { leastDelay = (delay, now) }
        if delay - (leastDelay?.value ?? delay) > UplinkControl.longQueue {
            guard lastDecrease.map({ now - $0 >= UplinkControl.shortest }) ?? true else { return }
            lastDecrease = now
            rate = max(50_000, min(rate, delivered * UplinkControl.decrease))
        } else if let lastFeedback, rate < delivered * UplinkControl.unproved {
            rate = min(ceiling, rate * (1 + UplinkControl.increase * min((now - lastFeedback).seconds, 1)))
        }
    }
}
