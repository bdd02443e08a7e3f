import MediaPrimitives

/// What the delay says of the link.
package enum LinkUsage: UInt8, Sendable {
    /// The queue neither grows nor shrinks.
    case normal
    /// It grows: more is sent than passes.
    case overused
    /// It shrinks: wait until it is empty.
    case underused
}

/// Compares the trend of the delay with a threshold that follows it slowly, so that a flow among greedier ones is not starved
/// (draft-ietf-rmcat-gcc-02 §5.5; constants of libwebrtc where they differ: the trend is scaled by 4, and so is the threshold's clamp).
package struct OveruseDetector {
    private static let gain = 4.0
    private static let thresholdRange = 6.0...600.0
    private static let risingRate = 0.0087
    private static let fallingRate = 0.039
    /// A trend that lies further than this above is a spike, and does not move the threshold.
    private static let spike = 15.0
    /// For how long a trend has to lie above.
    private static let patience = Interval.milliseconds(10)

    /// What the last groups say.
    package private(set) var usage = LinkUsage.normal
    /// What the scaled trend is compared with; 6 to 600.
    package private(set) var threshold = 12.5
    private var adaptedAt: Instant?
    private var above = Interval.zero
    private var countAbove = 0
    private var previousTrend = 0.0

    package init() {}

    /// Notes the trend after another group: what `Trendline` says of it.
    package mutating func note(slope: Double, weight: Double, _ spacing: PacketGroups.Spacing) {
        let trend = slope * weight * OveruseDetector.gain
        if trend > threshold {
            // Of the first one, half a group is assumed to have lain above.
            above = countAbove == 0 ? spacing.sent / 2 : above + spacing.sent
            countAbove &+= 1
            if above > OveruseDetector.patience, countAbove > 1, slope >= previousTrend {
                above = .zero
                countAbove = 0
                usage = .overused
            }
        } else {
            above = .zero
            countAbove = 0
            usage = trend < -threshold ? .underused : .normal
        }
        previousTrend = slope
        adapt(to: trend.magnitude, at: spacing.arrival)
    }

    private mutating func adapt(to trend: Double, at arrival: Instant) {
        let elapsed = min(max((arrival - (adaptedAt ?? arrival)).milliseconds, 0), 100)
        adaptedAt = arrival
        guard trend <= threshold + OveruseDetector.spike else { return }
        let rate = trend < threshold ? OveruseDetector.fallingRate : OveruseDetector.risingRate
        threshold = min(
            max(threshold + rate * (trend - threshold) * elapsed, OveruseDetector.thresholdRange.lowerBound),
            OveruseDetector.thresholdRange.upperBound)
    }
}
