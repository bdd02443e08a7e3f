/// What passed the link each time it was overused: a mean, and how far from it measurements lie
/// (draft-ietf-rmcat-gcc-02 §5.5's average of the maximum bitrate; variance normalised as libwebrtc does).
package struct LinkCapacity {
    private static let smoothing = 0.05
    private static let smoothingOfProbes = 0.5

    /// In kbit/s.
    private var mean: Double?
    /// Variance over mean.
    private var spread = 0.4

    package init() {}

    /// nil while nothing is known.
    package var estimate: Bitrate? { mean.map { Bitrate($0 * 1_000) } }
    /// Three standard deviations above: more than that, and the link has become wider.
    package var upperBound: Bitrate? { mean.map { Bitrate(($0 + 3 * deviation($0)) * 1_000) } }
    /// Three below: less than that, and it has become narrower.
    package var lowerBound: Bitrate? { mean.map { Bitrate(($0 - 3 * deviation($0)) * 1_000) } }

    /// So much arrived while the link was overused.
    package mutating func noteOveruse(at rate: Bitrate) { note(rate, weight: LinkCapacity.smoothing) }
    /// So much of a probe arrived, which did not pass in full.
    package mutating func noteProbe(_ rate: Bitrate) { note(rate, weight: LinkCapacity.smoothingOfProbes) }
    /// The link is another.
    package mutating func forget() { mean = nil }

    private mutating func note(_ rate: Bitrate, weight: Double) {
        let sample = Double(rate.bitsPerSecond) / 1_000
        let mean = (1 - weight) * (self.mean ?? sample) + weight * sample
        self.mean = mean
        let error = mean - sample
        spread = min(max((1 - weight) * spread + weight * error * error / max(mean, 1), 0.4), 2.5)
    }

    private func deviation(_ mean: Double) -> Double { (spread * mean).squareRoot() }
}
