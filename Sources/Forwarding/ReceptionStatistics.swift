import MediaPrimitives
import RTP

/// What a receiver report says about one SSRC (RFC 3550 §6.4.1, Appendix A.3 and A.8).
package struct ReceptionStatistics: Sendable {
    private let clockRate: UInt32
    private var firstSequence: Int64?
    private var highestSequence: Int64 = 0
    private var received: Int64 = 0
    private var expectedAtLastReport: Int64 = 0
    private var receivedAtLastReport: Int64 = 0
    /// Without those that came only when they were sent again.
    private var receivedAtOnce: Int64 = 0
    private var expectedAtLastLoss: Int64 = 0
    private var receivedAtLastLoss: Int64 = 0
    private var lastTransit: Int64?
    /// The least transit in the stretch before and since, in timestamp units less the first packet's; `max` for none.
    private var leastTransits = (former: Int64.max, current: Int64.max)
    private var transitSinceFirst: Int64 = 0
    /// The last that began a frame: what follows it may have been paced.
    private var frame: (timestamp: UInt32, transit: Int64) = (0, 0)
    private var leastSince = Instant(nanoseconds: 0)
    /// How far back the least is looked for.
    private static let memory = Interval.seconds(10)
    /// Interarrival jitter in timestamp units, times 16 (Appendix A.8's integer form).
    private var scaledJitter: Int64 = 0

    package init(clockRate: UInt32) { self.clockRate = clockRate }

    /// Notes one packet that arrived for the first time. A retransmitted one counts as received but not for jitter.
    package mutating func note(sequence: Int64, timestamp: UInt32, arrival: Instant, retransmitted: Bool) {
        if firstSequence == nil { firstSequence = sequence }
        highestSequence = max(highestSequence, sequence)
        received &+= 1
        guard !retransmitted else { return }
        receivedAtOnce &+= 1
        // Multiply after splitting off whole seconds: nanoseconds times a clock rate would overflow within hours.
        let seconds = arrival.nanoseconds / 1_000_000_000
        let rest = arrival.nanoseconds % 1_000_000_000
        let arrivalUnits = seconds &* Int64(clockRate) &+ rest &* Int64(clockRate) / 1_000_000_000
        let transit = Int64(Int32(truncatingIfNeeded: arrivalUnits &- Int64(timestamp)))
        if let lastTransit {
            let difference = abs(Int64(Int32(truncatingIfNeeded: transit &- lastTransit)))
            // A jump of over ten seconds is a new timeline, not jitter.
            if difference < Int64(clockRate) &* 10 {
                scaledJitter &+= difference &- ((scaledJitter &+ 8) >> 4)
                transitSinceFirst &+= Int64(Int32(truncatingIfNeeded: transit &- lastTransit))
            } else {
                leastTransits = (.max, .max)
            }
        }
        lastTransit = transit
        guard timestamp != frame.timestamp else { return }
        frame = (timestamp, transitSinceFirst)
        if arrival - leastSince >= ReceptionStatistics.memory {
            leastTransits = (leastTransits.current, transitSinceFirst)
            leastSince = arrival
        }
        leastTransits.current = min(leastTransits.current, transitSinceFirst)
    }

    /// How much longer than the quickest of the last ten to twenty seconds the last frame's first packet was under way.
    package var wait: Interval {
        let least = min(leastTransits.former, leastTransits.current)
        guard least < .max else { return .zero }
        return Interval(nanoseconds: (frame.transit &- least) &* 1_000_000 / Int64(max(clockRate, 1_000) / 1_000))
    }

    package var hasPackets: Bool { firstSequence != nil }

    /// What the way here has lost since this was last asked, whether or not it was sent again later; an interval of its own.
    package mutating func takeLoss() -> (expected: Int64, lost: Int64) {
        let expected = firstSequence.map { highestSequence &- $0 &+ 1 } ?? 0
        defer { (expectedAtLastLoss, receivedAtLastLoss) = (expected, receivedAtOnce) }
        let interval = expected &- expectedAtLastLoss
        return (max(0, interval), min(max(0, interval &- (receivedAtOnce &- receivedAtLastLoss)), max(0, interval)))
    }

    /// The numbers of one report block; resets the interval that the fraction lost is about.
    package mutating func takeReport() -> (fractionLost: UInt8, cumulativeLost: Int32, highestSequence: UInt32, jitter: UInt32) {
        let expected = firstSequence.map { highestSequence &- $0 &+ 1 } ?? 0
        let expectedInterval = expected &- expectedAtLastReport
        let lostInterval = expectedInterval &- (received &- receivedAtLastReport)
        expectedAtLastReport = expected
        receivedAtLastReport = received
        let fraction = expectedInterval > 0 && lostInterval > 0 ? min(255, (lostInterval << 8) / expectedInterval) : 0
        let cumulative = max(-0x80_0000, min(0x7f_ffff, expected &- received))
        // The unwrapper lifts the first number by one cycle; the report counts cycles from zero.
        let extended = firstSequence == nil ? 0 : highestSequence &- 0x1_0000
        return (
            UInt8(truncatingIfNeeded: fraction), Int32(truncatingIfNeeded: cumulative), UInt32(truncatingIfNeeded: extended),
            UInt32(truncatingIfNeeded: scaledJitter >> 4)
        )
    }
}
