import MediaPrimitives

/// How much somebody speaks, on three time scales, from the levels that their packets bear (RFC 6464): what the choice of a dominant speaker rests on
/// (Volfin and Cohen, "Dominant speaker identification for multipoint videoconferencing", 2013, §3; the constants are those of Jitsi's videobridge).
///
/// Time is cut into samples of 20 ms by the packets' own timestamps, so that neither jitter nor longer packets distort it. Five samples are a block of
/// the medium scale, and ten blocks make up the long one. All of it is one word of bits and one number, written without a branch that allocates.
package struct SpeechActivity: Sendable {
    /// So many parts of each scale were active. From them alone follows how likely it is that somebody speaks.
    package struct Scores: Hashable, Sendable {
        /// Of the 13 tenths of the newest sample's level.
        package var immediate: UInt8
        /// Of the five samples of the newest block: loud ones.
        package var medium: UInt8
        /// Of the last ten blocks: those all of whose samples were loud.
        package var long: UInt8

        package init(immediate: UInt8 = 0, medium: UInt8 = 0, long: UInt8 = 0) {
            self.immediate = immediate
            self.medium = medium
            self.long = long
        }

        package static let silence = Scores()
    }

    /// In timestamp units at 48 kHz.
    private static let sample = 960
    private static let samplesInBlock = 5
    private static let blocks = 10
    /// A packet holds no more; what is longer is a gap.
    private static let longestPacket = 6
    /// Tenths of the range of levels, 127 dB.
    private static let tenth: UInt8 = 10
    /// A sample is loud above so many of them.
    private static let loudThreshold: UInt8 = 7
    /// Nothing has come for so long: silence, whether muted or a codec that sends none.
    private static let idle = Interval.milliseconds(60)
    /// Samples of 15 s, from which the noise of somebody's room is learned.
    private static let floorWindow: UInt16 = 750

    /// The loud samples, a bit each, the newest lowest.
    private var loud: UInt64 = 0
    /// The newest sample, in tenths.
    private var newest: UInt8 = 0
    private var lastTimestamp: UInt32?
    /// What the last packet went beyond whole samples.
    private var rest = 0
    private var lastArrival = Instant(nanoseconds: 0)
    /// Samples of silence that were assumed since then.
    private var assumed = 0
    /// The least loudness of a while, and of the while that is not over; 0 before the first.
    private var floor: UInt8 = 0
    private var nextFloor: UInt8 = 0
    private var inWindow: UInt16 = 0

    package init() {}

    /// Whether the last second had anything loud in it.
    package var isActive: Bool { loud & SpeechActivity.mask != 0 }

    private static let mask: UInt64 = 1 << UInt64(samplesInBlock * blocks) - 1

    // MARK: Packets

    /// Notes one packet: its level in −dBov (0 is the loudest, 127 silence) and its timestamp at 48 kHz.
    package mutating func note(_ level: UInt8, timestamp: UInt32, at now: Instant) {
        let loudness = 127 &- min(level, 127)
        var samples = 1
        if let lastTimestamp {
            let elapsed = Int(Int32(truncatingIfNeeded: timestamp &- lastTimestamp))
            // One that comes late has nothing to say; further back is another source.
            if elapsed <= 0, elapsed > -48_000 { return }
            if elapsed > 0, elapsed < 64 &* SpeechActivity.sample {
                samples = (elapsed &+ rest) / SpeechActivity.sample
                rest = (elapsed &+ rest) % SpeechActivity.sample
            } else {
                (samples, rest) = (64, 0)
            }
        }
        lastTimestamp = timestamp
        lastArrival = now
        learn(loudness)
        let tenths = loudness < floor &+ SpeechActivity.tenth ? 0 : loudness / SpeechActivity.tenth
        let isLoud = tenths > SpeechActivity.loudThreshold
        // It was late, and not silent.
        if assumed > 0, assumed < samples &+ SpeechActivity.longestPacket {
            loud >>= UInt64(assumed)
        } else {
            samples = max(1, samples &- assumed)
        }
        assumed = 0
        if samples == 0 {
            newest = max(newest, tenths)
            loud |= isLoud ? 1 : 0
            return
        }
        newest = tenths
        if samples > SpeechActivity.longestPacket {
            append(samples &- 1, isLoud: false)
            samples = 1
        }
        append(samples, isLoud: isLoud)
    }

    /// A shift by the width of a word or more leaves nothing.
    private mutating func append(_ samples: Int, isLoud: Bool) {
        loud <<= samples
        if isLoud { loud |= 1 << UInt64(samples) &- 1 }
    }

    /// What is always there is no speech: the least loudness of about 15 s, which rises slowly and falls at once.
    private mutating func learn(_ loudness: UInt8) {
        guard loudness > 0 else { return }
        if floor == 0 || loudness < floor {
            (floor, nextFloor, inWindow) = (loudness, 0, 0)
            return
        }
        nextFloor = nextFloor == 0 ? loudness : min(nextFloor, loudness)
        inWindow &+= 1
        guard inWindow >= SpeechActivity.floorWindow else { return }
        floor = UInt8((Double(floor) * Double(nextFloor)).squareRoot())
        (nextFloor, inWindow) = (0, 0)
    }

    // MARK: Decisions

    /// How it stands at `now`.
    package mutating func scores(at now: Instant) -> Scores {
        if lastTimestamp != nil, now - lastArrival > SpeechActivity.idle {
            let silent = Int(min((now - lastArrival - SpeechActivity.idle).nanoseconds / 20_000_000 &+ 1, 64))
            if silent > assumed {
                append(silent &- assumed, isLoud: false)
                assumed = silent
                newest = 0
            }
        }
        var scores = Scores(immediate: newest)
        let block: UInt64 = 1 << UInt64(SpeechActivity.samplesInBlock) - 1
        scores.medium = UInt8(truncatingIfNeeded: (loud & block).nonzeroBitCount)
        for number in 0..<SpeechActivity.blocks
        where loud >> UInt64(number &* SpeechActivity.samplesInBlock) & block == block { scores.long &+= 1 }
        return scores
    }
}

extension SpeechActivity.Scores {
    /// What a score may not fall below, so that two of them have a ratio.
    package static let least = 1e-10
    // ln C(N, v) + v ln p + (N − v) ln (1 − p) − ln λ + λ v, for v active ones of N, with p = 0.5 (equation 6 of the paper).
    /// N = 13, λ = 0.78.
    private static let ofImmediate: [Double] = [
        least, least, least, least, 0.929_831, 2.297_617, 3.365_299, 4.145_299, 4.637_617, 4.829_831, 4.693_540, 4.174_257, 3.162_497,
    ]
    /// N = 5, λ = 24.
    private static let ofMedium: [Double] = [least, 18.965_648, 43.658_795, 67.658_795, 90.965_648, 113.356_210]
    /// N = 10, λ = 47.
    private static let ofLong: [Double] = [
        least, 38.520_966, 87.025_043, 135.005_872, 182.565_488, 229.747_810, 276.565_488, 323.005_872, 369.025_043, 414.520_966,
        459.218_381,
    ]

    /// The three scores: the logarithm of how much likelier speech is than none.
    package var likelihoods: (immediate: Double, medium: Double, long: Double) {
        (
            Self.ofImmediate[min(Int(immediate), Self.ofImmediate.count - 1)], Self.ofMedium[min(Int(medium), Self.ofMedium.count - 1)],
            Self.ofLong[min(Int(long), Self.ofLong.count - 1)]
        )
    }
}
