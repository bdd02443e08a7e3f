import HeadlessClients
import MediaPrimitives

/// What a person saw on one screen.
struct Sight {
    var frozen = 0.0
    var stopped = 0.0
    /// Seconds, by lines of the picture.
    var timeAtHeight: [Int: Double] = [:]
    var frames = 0
    var switches = 0
    var firstFrame = Double.infinity
    /// Milliseconds.
    var delay: Double?
}

extension Viewer {
    /// A picture as old as this is none any more.
    private static let longestStill = Interval.seconds(5)
    /// A stall that no frame has ended counts from here on.
    private static let ongoing = Interval.seconds(1)

    func sight(_ index: Int, until end: Instant) -> Sight {
        let (screen, shown) = (screens[index], screens[index].video.playout?.shown ?? [])
        var sight = Sight()
        let freezes = screen.video.playout?.freezes.freezes ?? []
        let stops = stops(index, shown)
        sight.stopped = Double(stops.count) * Stage.sampling.seconds
        sight.frozen = freezes.reduce(0) { $0 + $1.length.seconds }
        // A browser counts neither what no frame has ended nor what it takes for a pause; whoever looks at it does.
        sight.frozen +=
            Double(stops.count { at in !freezes.contains { $0.from <= at && at <= $0.from + $0.length } }) * Stage.sampling.seconds
        guard let first = shown.first, let last = shown.last else { return sight }
        if isOffered(index, at: end), end - last.at > Viewer.ongoing { sight.frozen += min(end - last.at, Viewer.longestStill).seconds }
        sight.firstFrame = (first.at - joined).seconds
        sight.frames = shown.count
        let still = max(Viewer.ongoing, screen.publisher.shapes.reduce(.zero) { max($0, $1.frameInterval) } * 3)
        for (number, frame) in shown.enumerated() {
            let next = number + 1 < shown.count ? shown[number + 1] : nil
            let height = Int(frame.layer) < screen.publisher.shapes.count ? screen.publisher.shapes[Int(frame.layer)].height : 0
            var time = max(.zero, min(next?.at ?? end, end) - frame.at)
            // A still is no picture for long, unless there is nothing else to be shown.
            if time > still, isOffered(index, at: frame.at + time) { time = still }
            sight.timeAtHeight[Int(height), default: 0] += time.seconds
            if let next, next.source == frame.source, next.layer != frame.layer { sight.switches += 1 }
        }
        let delays = shown.map { ($0.at - $0.captured).milliseconds }.sorted()
        sight.delay = delays[delays.count * 95 / 100]
        return sight
    }

    /// The samples at which a screen showed nothing, or something old, though there was something to show.
    private func stops(_ index: Int, _ shown: [PlayoutBuffer.Shown]) -> [Instant] {
        var next = 0
        var stops: [Instant] = []
        for sample in samples where sample.at >= joined + Viewer.longestStill {
            while next < shown.count, shown[next].at <= sample.at { next += 1 }
            let isOld = next == 0 || sample.at - shown[next - 1].at >= Viewer.longestStill
            if isOld, isOffered(index, at: sample.at) { stops.append(sample.at) }
        }
        return stops
    }

    /// An oracle has given this screen something in the last seconds.
    private func isOffered(_ index: Int, at instant: Instant) -> Bool {
        let (from, to) = (place(of: instant - Viewer.longestStill), place(of: instant))
        return from < to && samples[to].oracle[index] > samples[from].oracle[index] && samples[to].at - samples[from].at >= .seconds(4)
    }

    // MARK: Rates

    /// Bytes of payload of frames that were decoded meanwhile.
    func useful(_ window: Range<Instant>) -> Int { bytes(\.useful, window) }
    /// Bytes that an oracle would have had sent.
    func oracle(_ window: Range<Instant>) -> Int { bytes(\.oracle, window) }

    private func bytes(_ path: KeyPath<Sample, [Int]>, _ window: Range<Instant>) -> Int {
        let (from, to) = (place(of: window.lowerBound), place(of: window.upperBound))
        guard from < to else { return 0 }
        return samples[to][keyPath: path].reduce(0, +) - samples[from][keyPath: path].reduce(0, +)
    }

    /// The sample at `instant`, or the nearest.
    private func place(of instant: Instant) -> Int {
        guard let first = samples.first else { return 0 }
        let count = (instant - first.at).nanoseconds / Stage.sampling.nanoseconds
        return Int(max(0, min(Int64(samples.count - 1), count)))
    }

    /// What is decoded was sent this much earlier.
    private static let lag = Interval.milliseconds(200)

    /// Seconds until nine tenths of what an oracle would have sent are decoded for the first time, over a second or a few frames.
    func timeToOracle(from begin: Instant, until end: Instant) -> Double? {
        let slowest = screens.reduce(Interval.milliseconds(1)) { slowest, screen in
            screen.publisher.shapes.reduce(slowest) { max($0, $1.frameInterval) }
        }
        let length = max(Interval.seconds(1), slowest * 5)
        var at = begin
        var isOffered = false
        while at + length <= end {
            let oracle = oracle((at - Viewer.lag)..<(at + length - Viewer.lag))
            isOffered = isOffered || oracle > 0
            if oracle > 0, Double(useful(at..<(at + length))) >= Stage.enough * Double(oracle) { return (at - begin).seconds }
            at = at + Stage.sampling
        }
        return isOffered ? .infinity : nil
    }

    /// Of all bytes in the worst stretch of so many samples, the share that was padding.
    func worstPadding(over count: Int, atLeast least: Int) -> Double {
        var worst = 0.0
        guard samples.count > 1 else { return 0 }
        for end in stride(from: min(count, samples.count - 1), to: samples.count, by: 10) {
            let (last, first) = (samples[end], samples[max(0, end - count)])
            worst = max(worst, Double(last.padding - first.padding) / Double(max(last.received - first.received, least)))
        }
        return worst
    }
}
