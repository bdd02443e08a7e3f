import MediaPrimitives

/// Whether the delay grows: the slope of a straight line through what the last 20 groups were delayed, smoothed
/// (libwebrtc's trendline filter, which took the place of draft-ietf-rmcat-gcc-02's Kalman filter, §5.4).
package struct Trendline {
    /// Groups that the line is drawn through.
    package static let count = 20
    private static let smoothing = 0.9

    /// Arrival and smoothed delay of the last groups in milliseconds, by number modulo `count`; four in a vector.
    private var times = InlineArray<5, SIMD4<Double>>(repeating: .zero)
    private var delays = InlineArray<5, SIMD4<Double>>(repeating: .zero)
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
        times[place / 4][place % 4] = (spacing.arrival - firstArrival).milliseconds
        delays[place / 4][place % 4] = smoothed
        noted &+= 1
        if noted >= Trendline.count { fit() }
    }

    /// Least squares; the slope stays where all arrived at one time. It mutates, so that nothing is copied for it.
    private mutating func fit() {
        var timeSums = SIMD4<Double>.zero
        var delaySums = SIMD4<Double>.zero
        for i in 0..<5 {
            timeSums += times[i]
            delaySums += delays[i]
        }
        let meanTime = SIMD4(repeating: timeSums.sum() / Double(Trendline.count))
        let meanDelay = SIMD4(repeating: delaySums.sum() / Double(Trendline.count))
        var covariances = SIMD4<Double>.zero
        var variances = SIMD4<Double>.zero
        for i in 0..<5 {
            let time = times[i] - meanTime
            covariances += time * (delays[i] - meanDelay)
            variances += time * time
        }
        let variance = variances.sum()
        if variance > 0 { slope = covariances.sum() / variance }
    }
}
