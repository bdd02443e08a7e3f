import MediaPrimitives

/// How large the frames of an encoder with rate control are: they vary from one to the next, a keyframe has several times as much, and what was
/// too much is saved on those that follow.
package struct EncoderModel {
    /// Bits of payload in a second.
    package var bitrate: Int
    private let frameInterval: Interval
    private let entropy: Entropy
    /// Bytes sent beyond what the rate has paid for.
    private var debt = 0.0

    /// How much larger a keyframe is than a mean frame.
    private static let keyframeFactor = 3.0...6.0
    /// Of a frame's size, so much of it is its deviation from frame to frame.
    private static let deviation = 0.25
    /// Frames over which a debt is paid back; none becomes smaller than so much of the mean.
    private static let payback = 20.0
    private static let smallest = 0.4

    package init(bitrate: Int, frameInterval: Interval, seed: UInt64) {
        self.bitrate = bitrate
        self.frameInterval = frameInterval
        entropy = .seeded(seed)
    }

    /// Bytes of the next frame. `weight` is its temporal layer's, 1 where there is only one.
    package mutating func next(isKeyframe: Bool, weight: Double = 1) -> Int {
        let mean = Double(bitrate) / 8 * frameInterval.seconds
        // Four draws together are nearly normal.
        let draws = (0..<4).reduce(0.0) { sum, _ in sum + Double(entropy.next() >> 11) / Double(1 << 53) }
        let deviation = (draws - 2) * 1.73 * EncoderModel.deviation
        let bytes: Double
        if isKeyframe {
            let range = EncoderModel.keyframeFactor
            bytes = mean * (range.lowerBound + (range.upperBound - range.lowerBound) * draws / 4)
        } else {
            bytes = max(mean * weight * (1 + deviation) - debt / EncoderModel.payback, mean * weight * EncoderModel.smallest)
        }
        // A scene that needed little for long does not save up for a storm.
        debt = max(debt + bytes - mean, -mean * 10)
        return max(1, Int(bytes))
    }
}

extension VideoShape {
    /// The most payload in a packet of a frame whose size varies.
    private static let longestPacket = 1_100
    /// What a packet's descriptor and stamp take.
    private static let shortestPacket = 60

    /// How large frames of a temporal layer are, by the usual patterns: 60 and 40 % of the rate, or 40, 20 and 40 %.
    func weight(of temporalID: UInt8) -> Double {
        switch temporalLayers {
        case 2: temporalID == 0 ? 1.2 : 0.8
        case 3: temporalID == 0 ? 1.6 : 0.8
        default: 1
        }
    }

    /// Between two packets of a frame, as a browser's pacer sends them; the frame is gone before the next one comes.
    private static let pacing = Interval.milliseconds(2)

    /// One frame of so many bytes, in packets of nearly the same length.
    mutating func resize(to bytes: Int) {
        let count = max(1, (bytes + VideoShape.longestPacket - 1) / VideoShape.longestPacket)
        packetsPerFrame = count
        packetsPerKeyframe = count
        packetLength = max(VideoShape.shortestPacket, bytes / count)
        spread = min(VideoShape.pacing * Int64(count), frameInterval * 9 / 10)
    }
}
