import MediaPrimitives

/// How good a participant's connection is, in the words that people are shown.
package enum LinkQuality: Sendable, Hashable, CaseIterable, Comparable {
    case lost, poor, good, excellent
}

/// Judges a connection every few seconds by what it loses, in either direction, and by whether anything comes at all.
package struct LinkQualityMeter: Sendable {
    /// How often it is judged.
    package static let interval = Interval.seconds(5)
    /// Connected, and nothing authentic for so long: lost.
    package static let silence = Interval.seconds(10)

    /// Packets expected and lost since the last judgement.
    private struct Loss: Sendable {
        var expected: Int64 = 0
        var lost: Int64 = 0
    }

    private var up = Loss()
    private var down = Loss()
    /// What was told last.
    package private(set) var quality: LinkQuality?
    package private(set) var nextDeadline = Instant.distantFuture

    package init() {}

    /// The connection is up.
    package mutating func start(at now: Instant) { nextDeadline = now + LinkQualityMeter.interval }

    /// Of `expected` packets from the participant, `lost` never came, or only when they were sent again.
    package mutating func noteUp(expected: Int64, lost: Int64) {
        up.expected &+= max(0, expected)
        up.lost &+= max(0, lost)
    }

    /// The participant reports `fractionLost` (of 256) of about `expected` packets that it was sent.
    package mutating func noteDown(expected: Int64, fractionLost: UInt8) {
        down.expected &+= max(0, expected) &* 256
        down.lost &+= max(0, expected) &* Int64(fractionLost)
    }

    /// Judges what has come together. Returns the quality where it has changed; nil, too, when no judgement is due.
    package mutating func handleTimeout(lastArrival: Instant, at now: Instant) -> LinkQuality? {
        guard nextDeadline <= now else { return nil }
        nextDeadline = now + LinkQualityMeter.interval
        let judged =
            now - lastArrival >= LinkQualityMeter.silence
            ? .lost : min(LinkQualityMeter.quality(up.expected, up.lost), LinkQualityMeter.quality(down.expected, down.lost))
        (up, down) = (Loss(), Loss())
        guard judged != quality else { return nil }
        quality = judged
        return judged
    }

    /// Below 2 % excellent, below 10 % good. Where nothing was to come nothing was lost.
    private static func quality(_ expected: Int64, _ lost: Int64) -> LinkQuality {
        if lost &* 50 < expected || expected <= 0 { return .excellent }
        return lost &* 10 < expected ? .good : .poor
    }
}
