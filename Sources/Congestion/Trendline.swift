import MediaPrimitives

/// Whether the delay grows: the slope of a straight line through what the last 20 groups were delayed, smoothed
/// (libwebrtc's trendline filter, which took the place of draft-ietf-rmcat-gcc-02's Kalman filter, §5.4).
package struct Trendline {
    /// Groups that the line is drawn through.
    package static let count = 20
    private static let smoothing = 0.9

    /// Arrival and smoothed delay of the last groups in milliseconds, by number modulo `count`.
    private var times = InlineArray<20, Double>(repeating: 0)
    private var delays = InlineArray<20, Double>(repeating: 0)
    private var noted = 0
    private var firstArrival = Instant(nanoseconds: 0)
    /// How much later the last group arrived than it would have at the delay of the first, in milliseconds.
    package private(set) var delay = 0.0
    private var smoothed = 0.0
    /// Milliseconds of delay for each millisecond of time; 0 until there are enough groups.
    package private(set) var slope = 0.0

    package init() {}

    /// How many groups the slope may be trusted for, up to 60: few say little.
    package var weight: Double { Double(min(noted, 60)) }

    /// Notes another group, by how it lies to the one before.
    package mutating func note(_ spacing: PacketGroups.Spacing) {
        if noted == 0 { firstArrival = spacing.arrival }
        delay += spacing.arrived.milliseconds - spacing.sent.milliseconds
        smoothed = Trendline.smoothing * smoothed + (1 - Trendline.smoothing) * delay
        let place = noted % Trendline.count
        times[place] = (spacing.arrival - firstArrival).milliseconds
        delays[place] = smoothed
        noted &+= 1
        if noted >= Trendline.count { slope = fittedSlope() ?? slope }
    }

    /// Least squares; nil where all arrived at one time.
    private func fittedSlope() -> Double? {
        var timeSum = 0.0
        var delaySum = 0.0
        for i in 0..<Trendline.count {
            timeSum += times[i]
            delaySum += delays[i]
        }
        let meanTime = timeSum / Double(Trendline.count)
        let meanDelay = delaySum / Double(Trendline.count)
        var covariance = 0.0
        var variance = 0.0
        for i in 0..<Trendline.count {
            covariance += (times[i] - meanTime) * (delays[i] - meanDelay)
            variance += (times[i] - meanTime) * (times[i] - meanTime)
        }
        return variance > 0 ? covariance / variance : nil
    }
}
