import MediaPrimitives

/// How loud somebody speaks, from the levels that their packets bear (RFC 6464): eighths from 1 to 8, or 0 for silence.
///
/// A window of 400 ms is speech if two fifths of its packets are louder than −35 dBov. Its level is that of the loudest packet on a linear scale,
/// times the share of loud ones, smoothed over windows. Packets that cease (mute, a codec that is silent in silence) are silence, too.
package struct SpeechMeter: Sendable {
    private static let window = Interval.milliseconds(400)
    /// −dBov; what is louder has a smaller number.
    private static let threshold: UInt8 = 35
    /// So few packets say little: a click in the comfort noise of a codec that is silent otherwise is no speech.
    private static let fewestPackets = 5

    /// What was told last.
    package private(set) var level: UInt8 = 0
    private var smoothed = 0.0
    private var windowStart = Instant(nanoseconds: 0)
    private var lastArrival: Instant?
    private var packets = 0
    private var loudPackets = 0
    private var loudest: UInt8 = 127

    package init() {}

    /// Notes one packet's level in −dBov (0 is the loudest, 127 silence). Returns the new level where it has changed, at most once a window.
    package mutating func note(_ audioLevel: UInt8, at now: Instant) -> UInt8? {
        var changed: UInt8?
        if let lastArrival, now - lastArrival < SpeechMeter.window {
            if now - windowStart >= SpeechMeter.window {
                changed = closeWindow()
                begin(at: now)
            }
        } else {
            // What was before the gap is over, whatever it was.
            changed = silence()
            begin(at: now)
        }
        lastArrival = now
        packets &+= 1
        if audioLevel < SpeechMeter.threshold {
            loudPackets &+= 1
            loudest = min(loudest, audioLevel)
        }
        return changed
    }

    /// When the silence of somebody who speaks will be noticed.
    package var nextDeadline: Instant {
        guard level > 0, let lastArrival else { return .distantFuture }
        return lastArrival + SpeechMeter.window
    }

    /// Returns the new level where it has changed: nothing has come for a window.
    package mutating func handleTimeout(at now: Instant) -> UInt8? { nextDeadline <= now ? silence() : nil }

    /// Nobody speaks any more. Returns the new level where it has changed.
    package mutating func silence() -> UInt8? {
        smoothed = 0
        lastArrival = nil
        return tell(0)
    }

    private mutating func begin(at now: Instant) {
        windowStart = now
        (packets, loudPackets, loudest) = (0, 0, 127)
    }

    private mutating func closeWindow() -> UInt8? {
        let counted = max(packets, SpeechMeter.fewestPackets)
        guard loudPackets &* 5 >= counted &* 2 else {
            smoothed = 0
            return tell(0)
        }
        // −1 dB is a factor of 10^(−1/20).
        var linear = Double(loudPackets) / Double(counted)
        for _ in 0..<loudest { linear *= 0.891_250_938_133_745_6 }
        smoothed += (linear - smoothed) * 2 / 3
        return tell(1 + UInt8(min(7, max(0, smoothed * 8))))
    }

    private mutating func tell(_ new: UInt8) -> UInt8? {
        guard new != level else { return nil }
        level = new
        return new
    }
}
