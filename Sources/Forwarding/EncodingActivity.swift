import MediaPrimitives

/// Whether an encoding is alive and how good it is, judged by what arrives and not by what was announced:
/// browsers pause layers, list them in any order, and send fewer than they offered.
package struct EncodingActivity: Sendable {
    /// Silence after which another layer is preferred. Longer than the frame interval of a slow camera.
    private static let silence = Interval.milliseconds(1_500)
    private static let window = Interval.milliseconds(500)

    package private(set) var lastArrival: Instant?
    private var windowStart = Instant(nanoseconds: 0)
    private var windowBytes = 0
    /// Smoothed over a few windows.
    package private(set) var bitsPerSecond = 0
    /// Lines of the last keyframe, where the codec tells; 0 otherwise.
    package var height = 0

    package init() {}

    /// As another worker has seen it.
    package init(lastArrival: Instant?, bitsPerSecond: Int, height: Int) {
        self.lastArrival = lastArrival
        self.bitsPerSecond = bitsPerSecond
        self.height = height
        if let lastArrival { windowStart = lastArrival }
    }

    package mutating func note(bytes: Int, at now: Instant) {
        if lastArrival == nil { windowStart = now }
        lastArrival = now
        windowBytes += bytes
        let elapsed = now - windowStart
        guard elapsed >= EncodingActivity.window else { return }
        let rate = Int(Double(windowBytes * 8) / elapsed.seconds)
        bitsPerSecond = bitsPerSecond == 0 ? rate : (3 * bitsPerSecond + rate) / 4
        windowStart = now
        windowBytes = 0
    }

    /// What comes next comes after a pause, which says nothing of the rate.
    mutating func beginAnew() { (lastArrival, windowBytes) = (nil, 0) }

    package func isLive(at now: Instant) -> Bool { lastArrival.map { now - $0 < EncodingActivity.silence } ?? false }

    /// Size first, as it does not waver; rate (in steps, against wavering) where the size is unknown.
    package var quality: Int { height > 0 ? height << 16 : bitsPerSecond / 50_000 }
}
