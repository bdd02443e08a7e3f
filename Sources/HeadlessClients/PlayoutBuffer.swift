import MediaPrimitives

/// When a browser would show the frames that it has put together: its jitter buffer, and the freezes that are left in spite of it.
///
/// After libwebrtc's timing, in outline. A frame is due when it usually takes to arrive has passed, and a delay behind that: 2.33 deviations of the
/// arrival and 10 ms, nine tenths of a round trip (200 ms at most) once frames need repair, and 15 ms for decoding and the screen. The delay moves by
/// at most 100 ms a second, except that a frame which comes late takes it up at once. A late frame is shown as soon as it can be.
package struct PlayoutBuffer: Sendable {
    package struct Shown: Sendable {
        package var at: Instant
        package var source: UInt16
        package var layer: UInt8
        package var captured: Instant
    }

    /// One frame that can be decoded.
    package struct Frame {
        var timestamp: UInt32
        /// When its last packet came, and when all before it had been decoded, too.
        var arrived: Instant
        var ready: Instant
        /// Some of it had to be sent again.
        var isRepaired: Bool
        var stamp: PayloadStamp

        package init(timestamp: UInt32, arrived: Instant, ready: Instant, isRepaired: Bool, stamp: PayloadStamp) {
            self.timestamp = timestamp
            self.arrived = arrived
            self.ready = ready
            self.isRepaired = isRepaired
            self.stamp = stamp
        }
    }

    private static let deviations = 2.33
    private static let leastJitter = 10.0
    private static let outlier = 3.0
    private static let decoding = 5.0
    private static let rendering = 10.0
    private static let slope = 0.1
    private static let repairMemory = Interval.seconds(60)
    private static let repairsThatCount = 3
    private static let roundTrips = 0.9
    private static let longestForRepair = 200.0
    private static let clockJump = 1_000.0

    package private(set) var shown: [Shown] = []
    package private(set) var freezes = FreezeMeter()
    /// Milliseconds from a request for a packet to its arrival, as the receiver knows it.
    package var roundTrip = 100.0

    private var lastTimestamp: UInt32?
    /// Milliseconds of media time since the first frame.
    private var mediaTime = 0.0
    /// What arrival is behind media time, and how much that varies, in milliseconds and their square.
    private var offset = 0.0
    private var variance = 0.0
    private var samples = 0
    private var delay = 0.0
    /// The last frames that needed repair.
    private var repairs: [Instant] = []

    package init() {}

    /// Nothing came for so long that what comes next ends a pause, and no freeze.
    package mutating func pause() { freezes.pause() }

    package mutating func add(_ frame: Frame) {
        let step = lastTimestamp.map { Double(Int32(bitPattern: frame.timestamp &- $0)) / 90 } ?? 0
        lastTimestamp = frame.timestamp
        mediaTime += step
        learn(frame)
        move(by: step, towards: target(at: frame.ready))
        let due = mediaTime + offset + delay
        let ready = frame.ready.sinceZero
        let lateness = ready + PlayoutBuffer.decoding + PlayoutBuffer.rendering - due
        if lateness > 0 { delay = max(delay, min(delay + lateness, target(at: frame.ready))) }
        var at = Instant(nanoseconds: Int64(max(due, ready + PlayoutBuffer.decoding) * 1e6))
        if let last = shown.last { at = max(at, last.at) }
        shown.append(Shown(at: at, source: frame.stamp.source, layer: frame.stamp.layer, captured: frame.stamp.captured))
        freezes.noteFrame(at: at)
    }

    private mutating func learn(_ frame: Frame) {
        if frame.isRepaired {
            repairs.append(frame.ready)
            if repairs.count > PlayoutBuffer.repairsThatCount { repairs.removeFirst() }
        }
        let sample = frame.arrived.sinceZero - mediaTime
        let deviation = sample - offset
        if samples == 0 || deviation.magnitude > PlayoutBuffer.clockJump {
            offset = sample
            variance = 0
            samples = 1
            delay = max(delay, target(at: frame.ready))
            return
        }
        // What had to be sent again says nothing of how long the way takes.
        guard !frame.isRepaired else { return }
        samples = min(samples + 1, 64)
        // One that is far out is a rare event, not a measure of all others.
        let most = PlayoutBuffer.outlier * max(variance.squareRoot(), 2)
        let clipped = min(max(deviation, -most), most)
        offset += clipped / Double(min(samples, 16))
        variance += (clipped * clipped - variance) / Double(samples)
    }

    private func target(at now: Instant) -> Double {
        var jitter = PlayoutBuffer.deviations * variance.squareRoot() + PlayoutBuffer.leastJitter
        if repairs.count == PlayoutBuffer.repairsThatCount, now - repairs[0] < PlayoutBuffer.repairMemory {
            jitter += min(PlayoutBuffer.roundTrips * roundTrip, PlayoutBuffer.longestForRepair)
        }
        return jitter + PlayoutBuffer.decoding + PlayoutBuffer.rendering
    }

    private mutating func move(by step: Double, towards target: Double) {
        let most = max(step, 0) * PlayoutBuffer.slope
        delay += min(max(target - delay, -most), most)
    }
}

extension Instant {
    /// In milliseconds.
    fileprivate var sinceZero: Double { Double(nanoseconds) / 1e6 }
}
