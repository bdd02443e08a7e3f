import MediaPrimitives

/// Whether an encoding is alive and how good it is, judged by what arrives and not by what was announced:
/// browsers pause layers, list them in any order, and send fewer than they offered.
package struct EncodingActivity: Sendable {
    /// Silence after which another layer is preferred. Longer than the frame interval of a slow camera.
    private static let silence = Interval.milliseconds(1_500)
    private static let window = Interval.milliseconds(500)

    /// Without a packet for so many frames, and so long at least, an encoding has ended if others go on.
    private static let missingFrames: Int64 = 8
    private static let shortestSilence = Interval.milliseconds(400)
    /// What has no longer gaps than this flows.
    private static let gap = Interval.milliseconds(200)

    package private(set) var lastArrival: Instant?
    /// The last packet was the first of all, or the first after a silence.
    package private(set) var hasBegun = false
    /// Since when there has been no gap.
    private var flowsSince = Instant(nanoseconds: 0)
    private var windowFrames: Int64 = 0
    /// From frame to frame, over the last windows; nil before the first whole one.
    private var frameInterval: Interval?
    private var windowStart = Instant(nanoseconds: 0)
    private var windowBytes = 0
    private var windowPackets = 0
    /// Payload in a packet, over the last windows; nil before the first whole one.
    private var meanPayload: Double?
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
        if let lastArrival {
            windowStart = lastArrival
            flowsSince = lastArrival
        }
    }

    /// A packet has come with so many `bytes` of payload. One that `isLate` fills a gap, and says nothing of whether frames come.
    package mutating func note(bytes: Int, endsFrame: Bool = false, isLate: Bool = false, at now: Instant) {
        hasBegun = false
        windowBytes += bytes
        windowPackets += 1
        guard !isLate else { return }
        if let lastArrival {
            if now - lastArrival > EncodingActivity.gap {
                flowsSince = now
                hasBegun = now - lastArrival >= EncodingActivity.silence
            }
        } else {
            windowStart = now
            flowsSince = now
            hasBegun = true
            (windowBytes, windowPackets) = (bytes, 1)
        }
        lastArrival = now
        if endsFrame { windowFrames += 1 }
        let elapsed = now - windowStart
        guard elapsed >= EncodingActivity.window else { return }
        let rate = Int(Double(windowBytes * 8) / elapsed.seconds)
        bitsPerSecond = bitsPerSecond == 0 ? rate : (3 * bitsPerSecond + rate) / 4
        // Of several, the longest counts, and is forgotten by and by.
        let interval = elapsed / max(windowFrames, 1)
        frameInterval = frameInterval.map { max(interval, ($0 * 3 + interval) / 4) } ?? interval
        let payload = Double(windowBytes) / Double(max(windowPackets, 1))
        meanPayload = meanPayload.map { ($0 * 3 + payload) / 4 } ?? payload
        windowStart = now
        windowBytes = 0
        windowPackets = 0
        windowFrames = 0
    }

    /// Since when nothing has come, where that is several frames ago.
    package func silence(at now: Instant) -> Instant? {
        guard let begin = silenceBegin, begin <= now else { return nil }
        return lastArrival
    }

    /// When that will be told if nothing comes any more; nil before anything is known.
    package var silenceBegin: Instant? {
        guard let lastArrival, let frameInterval else { return nil }
        return lastArrival + max(EncodingActivity.shortestSilence, frameInterval * EncodingActivity.missingFrames)
    }

    /// Whether packets have come all the time since `begin`.
    package func hasFlowed(since begin: Instant, at now: Instant) -> Bool {
        lastArrival.map { flowsSince <= begin && now - $0 <= EncodingActivity.gap } ?? false
    }

    /// What comes next comes after a pause, which says nothing of the rate.
    mutating func beginAnew() { (lastArrival, windowBytes) = (nil, 0) }

    package func isLive(at now: Instant) -> Bool { lastArrival.map { now - $0 < EncodingActivity.silence } ?? false }

    /// What its packets take on the wire beside their payloads, as a share of these: header, extensions and tag, 40 bytes each.
    package var overhead: Double {
        meanPayload.map { EncodingActivity.headers / max($0, EncodingActivity.headers) } ?? EncodingActivity.usualOverhead
    }
    private static let headers = 40.0
    private static let usualOverhead = 0.05

    /// Size first, as it does not waver; rate (in steps, against wavering) where the size is unknown.
    package var quality: Int { height > 0 ? height << 16 : qualityByRate }
    /// To be compared with one whose size is not known.
    package var qualityByRate: Int { bitsPerSecond / 50_000 }
}
