import MediaPrimitives

/// Whether somebody begins to speak, from the packets' levels and voice flags (RFC 6464): two loud packets within a tenth of a second. One alone is a
/// click. And how loud they were.
package struct SpeechOnset: Sendable {
    private static let window = Interval.milliseconds(100)
    /// −dBov, as `SpeechMeter` has it; a sender that believes it to be speech is believed down to the second.
    private static let threshold: UInt8 = 35
    private static let voiceThreshold: UInt8 = 50

    private var lastLoud: Instant?
    private var loudness = 0
    private var count = 0

    package init() {}

    /// Notes one packet's level in −dBov. True where somebody speaks.
    package mutating func note(_ level: UInt8, isVoice: Bool, at now: Instant) -> Bool {
        guard level < (isVoice ? SpeechOnset.voiceThreshold : SpeechOnset.threshold) else { return false }
        defer { lastLoud = now }
        guard let lastLoud, now - lastLoud <= SpeechOnset.window else { return false }
        loudness &+= Int(127 &- level)
        count &+= 1
        return true
    }

    /// How loud speech was since this was last asked, at a mean, from 1 to 127; 0 where there was none.
    package mutating func takeLoudness() -> UInt8 {
        defer { (loudness, count) = (0, 0) }
        return count == 0 ? 0 : UInt8(truncatingIfNeeded: loudness / count)
    }
}
