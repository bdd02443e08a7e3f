import HeadlessClients
import MediaPrimitives
import Simulation

// What a scenario that has been played showed.
extension Stage {
    /// Nothing is judged of a viewer's first seconds but how long they took.
    static let starting = Interval.seconds(5)
    /// Nine tenths of the oracle's choice are taken for all of it.
    static let enough = 0.9
    /// A queue below this is none, after a step.
    static let shortQueue = 100.0
    /// Shares of padding are taken of at least 10 kbit/s, over a minute.
    private static let leastTraffic = 75_000
    private static let minute = 600

    package func figures() -> Figures {
        var figures = Figures()
        for viewer in viewers { judge(viewer, &figures) }
        figures.timeAtHeight[0] = 1 - figures.timeAtHeight.keys.sorted().reduce(0) { $0 + (figures.timeAtHeight[$1] ?? 0) }
        for bottleneck in bottlenecks { judge(bottleneck, &figures) }
        for publisher in publishers {
            figures[.requests, default: 0] += Double(publisher.peer.cameras.reduce(0) { $0 + $1.requests })
            figures[.keyframes, default: 0] += Double(publisher.peer.cameras.reduce(0) { $0 + $1.keyframes })
        }
        return figures
    }

    /// Each once, in the order of their viewers.
    private var bottlenecks: [Bottleneck] {
        viewers.reduce(into: []) { known, viewer in
            if let bottleneck = viewer.bottleneck, !known.contains(where: { $0 === bottleneck }) { known.append(bottleneck) }
        }
    }

    // MARK: A viewer

    private func judge(_ viewer: Viewer, _ figures: inout Figures) {
        let minutes = max((now - viewer.joined).seconds, 1) / 60
        let count = Double(viewer.screens.count)
        let sight = viewer.screens.indices.map { viewer.sight($0, until: now) }
        figures.note(.frozen, sight.reduce(0) { $0 + $1.frozen } / count / minutes)
        figures.note(.stopped, sight.reduce(0) { $0 + $1.stopped } / count / minutes)
        figures.note(.frameRate, Double(sight.reduce(0) { $0 + $1.frames }) / count / minutes / 60, isWorseIfLower: true)
        // Each screen in a share of the viewer's time, each viewer in a share of all.
        let shares = sight.reduce(into: [Int: Double]()) {
            $0.merge($1.timeAtHeight.mapValues { $0 / count / minutes / 60 }, uniquingKeysWith: +)
        }
        figures.note(.height, shares.keys.sorted().reduce(0) { $0 + Double($1) * (shares[$1] ?? 0) }, isWorseIfLower: true)
        figures.timeAtHeight.merge(shares.mapValues { $0 / Double(viewers.count) }, uniquingKeysWith: +)
        figures.note(.switches, sight.reduce(0) { $0 + Double($1.switches) } / count / minutes)
        figures.note(.firstFrame, sight.map(\.firstFrame).max())
        figures.note(.delay, sight.compactMap(\.delay).max())
        let received = viewer.screens.map(\.video.received)
        let media = received.reduce(0) { $0 + $1.media.bytes }
        if media > 0 { figures.note(.repair, Double(received.reduce(0) { $0 + $1.repairs.bytes + $1.repeats.bytes }) / Double(media)) }
        figures.note(.discarded, Double(viewer.screens.reduce(0) { $0 + $1.video.discardedAfterSwitch }))
        figures.note(.faults, Double(viewer.screens.reduce(0) { $0 + $1.video.decoder.faults.count }))
        figures.note(.padding, viewer.worstPadding(over: Stage.minute, atLeast: Stage.leastTraffic))
        let sound = viewer.peer.audio.review()
        if viewer.peer.audio.count > 0 {
            figures.note(.soundLost, Double(sound.missing) / Double(viewer.peer.audio.count + sound.missing))
        }

        let windows = judged(viewer)
        let useful = windows.reduce(0) { $0 + viewer.useful($1) }
        let oracle = windows.reduce(0) { $0 + viewer.oracle($1) }
        if oracle > 0 { figures.note(.useful, Double(useful) / Double(oracle), isWorseIfLower: true) }
        if let bottleneck = viewer.bottleneck {
            let share = Double(viewers.count { $0.bottleneck === bottleneck })
            let bits = windows.reduce(0) { $0 + bottleneck.available(from: $1.lowerBound, until: $1.upperBound) * $1.length.seconds }
            if bits > 0 { figures.note(.link, Double(useful * 8) * share / bits, isWorseIfLower: true) }
        }
        figures.note(.start, viewer.timeToOracle(from: viewer.joined, until: changes.first.map { min($0.at, now) } ?? now))
        for (index, change) in changes.enumerated() where change.kind == .up && change.at > viewer.joined {
            let next = index + 1 < changes.count ? changes[index + 1].at : now
            figures.note(.recovery, viewer.timeToOracle(from: change.at, until: min(next, now)))
        }
    }

    /// When rates are judged: not while a viewer begins, nor while it may take time to find what has changed.
    func judged(_ viewer: Viewer) -> [Range<Instant>] {
        var windows = [(viewer.joined + Stage.starting)..<max(now, viewer.joined + Stage.starting)]
        for change in changes {
            windows = windows.flatMap { window in
                let (begin, end) = (change.at, change.at + change.settling)
                return [window.lowerBound..<max(window.lowerBound, min(begin, window.upperBound))]
                    + [min(max(end, window.lowerBound), window.upperBound)..<window.upperBound]
            }
        }
        return windows.filter { !$0.isEmpty }
    }

    // MARK: A narrow place

    private func judge(_ bottleneck: Bottleneck, _ figures: inout Figures) {
        let behind = viewers.filter { $0.bottleneck === bottleneck }
        guard let last = behind.last else { return }
        let windows = judged(last)
        let steady = windows.flatMap { bottleneck.meter.values(from: $0.lowerBound, until: $0.upperBound) }.sorted()
        if !steady.isEmpty { figures.note(.queue, Double(steady[steady.count * 95 / 100])) }
        for (index, change) in changes.enumerated() where change.kind == .down {
            let end = index + 1 < changes.count ? changes[index + 1].at : now
            figures.note(.stepQueue, bottleneck.meter.percentile(95, from: change.at, until: end))
            let over = bottleneck.meter.timeUntil(below: Stage.shortQueue, from: change.at, until: end)
            figures.note(.queueOver, over?.seconds ?? .infinity)
        }
        guard behind.count > 1 else { return }
        let shares = behind.map { viewer in windows.reduce(0) { $0 + viewer.useful($1) } }
        if let most = shares.max(), let least = shares.min(), most > 0 { figures.note(.unfairness, 1 - Double(least) / Double(most)) }
    }
}

extension Figures {
    subscript(name: Name, default value: Double) -> Double {
        get { self[name] ?? value }
        set { self[name] = newValue }
    }
}

extension Range<Instant> {
    var length: Interval { upperBound - lowerBound }
}
