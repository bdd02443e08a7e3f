import MediaPrimitives

/// Freezes as a browser counts them, from the instants at which frames are shown.
///
/// The statistics' definition (W3C webrtc-stats, `freezeCount`): an interval between two frames is a freeze when it is at least the greater of
/// three times the average and the average plus 150 ms; the average is that of the last 30 intervals. What the text leaves open is taken from
/// libwebrtc's `VideoQualityObserver`: the interval that is judged is already part of the average, and four intervals are too few for a judgement.
/// A freeze that no frame has ended is not counted. Not here: pauses, which libwebrtc tells from freezes by packets that do not come for 5 s.
package struct FreezeMeter: Sendable {
    private static let window = 30
    private static let fewest = 5
    private static let increase = Interval.milliseconds(150)

    package struct Freeze: Equatable, Sendable {
        /// When the frame was shown on which the picture stood still.
        package var from: Instant
        package var length: Interval
    }

    package private(set) var freezes: [Freeze] = []
    /// The last intervals; a ring once it is full.
    private var intervals: [Interval] = []
    private var oldest = 0
    private var sum = Interval.zero
    private var last: Instant?

    package init() {}

    /// `freezeCount`.
    package var count: Int { freezes.count }
    /// `totalFreezesDuration`.
    package var duration: Interval { freezes.reduce(.zero) { $0 + $1.length } }

    /// The time until the next frame is not counted.
    package mutating func pause() { last = nil }

    package mutating func noteFrame(at now: Instant) {
        defer { last = now }
        guard let last else { return }
        let interval = now - last
        append(interval)
        let average = sum / Int64(intervals.count)
        if intervals.count >= FreezeMeter.fewest, interval >= max(average * 3, average + FreezeMeter.increase) {
            freezes.append(Freeze(from: last, length: interval))
        }
    }

    private mutating func append(_ interval: Interval) {
        sum = sum + interval
        if intervals.count < FreezeMeter.window {
            intervals.append(interval)
        } else {
            sum = sum - intervals[oldest]
            intervals[oldest] = interval
            oldest = (oldest + 1) % FreezeMeter.window
        }
    }
}
