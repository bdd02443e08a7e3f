/// What a scenario showed: the worst viewer's figure counts.
package struct Figures: Sendable {
    package enum Name: String, CaseIterable, Sendable {
        /// Seconds of a minute in which the picture stood still, by the rule of a browser's statistics.
        case frozen
        /// Seconds of a minute without any picture, or with one older than five seconds, though an oracle would have given one.
        case stopped
        /// Lines of the picture, in the mean over time.
        case height
        /// Frames shown in a second.
        case frameRate = "frame-rate"
        /// Payload of decoded frames, as a share of what the narrow place passes.
        case link
        /// The same, as a share of what the encodings of an oracle's choice sent.
        case useful
        /// The part of the narrow place's queue that our packets make, in milliseconds: 95 of 100 instants have less.
        case queue
        /// The same from a step down until the next change, and the seconds from a step down until it is below 100 ms.
        case stepQueue = "step-queue"
        case queueOver = "queue-over"
        /// Seconds from joining, and from a change for the better, until nine tenths of the oracle's choice are there.
        case start, recovery
        /// Seconds from joining until the first picture.
        case firstFrame = "first-frame"
        /// Keyframes that publishers were asked for, and that they sent.
        case requests, keyframes
        /// Bytes sent again because they were missing, as a share of media.
        case repair
        /// Bytes that say nothing new, as a share of all in the worst minute.
        case padding
        /// Whole frames that a decoder could not use after a switch.
        case discarded
        /// Whatever else would disturb a decoder: numbers, references, times that go wrong.
        case faults
        /// Of the encoding, in a minute.
        case switches
        /// Between equals behind one narrow place: what the last lacks of what the first has.
        case unfairness
        /// Milliseconds from capture to display: 95 of 100 frames have less.
        case delay
        /// The share of sound that never came.
        case soundLost = "sound-lost"
    }

    private var values: [Name: Double] = [:]
    /// By the picture's lines, 0 for none: the share of time, over all viewers and screens.
    package internal(set) var timeAtHeight: [Int: Double] = [:]

    package init() {}

    /// nil where a figure says nothing about a scenario.
    package subscript(name: Name) -> Double? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// Takes the worse of what is known and `value`.
    mutating func note(_ name: Name, _ value: Double?, isWorseIfLower: Bool = false) {
        guard let value else { return }
        guard let known = values[name] else { return values[name] = value }
        values[name] = isWorseIfLower ? min(known, value) : max(known, value)
    }

    /// Of several runs the worst figure; but what is counted by the minute is counted over all their minutes, as it comes by chance.
    package init(of runs: [Figures]) {
        for run in runs {
            for name in Name.allCases { note(name, run[name], isWorseIfLower: Figures.betterIfMore.contains(name)) }
        }
        for name in Figures.byTheMinute {
            let values = runs.compactMap { $0[name] }
            if !values.isEmpty { self[name] = values.reduce(0, +) / Double(values.count) }
        }
        for run in runs { timeAtHeight.merge(run.timeAtHeight.mapValues { $0 / Double(runs.count) }, uniquingKeysWith: +) }
    }

    /// Of all others more is worse.
    private static let betterIfMore: Set<Name> = [.height, .frameRate, .link, .useful]
    private static let byTheMinute: [Name] = [.frozen, .stopped, .switches]
}
