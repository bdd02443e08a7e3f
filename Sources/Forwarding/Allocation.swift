import Congestion
import MediaPrimitives

/// Shares out what a subscriber's way carries among the pictures that it watches.
///
/// Breadth before depth: first everybody is seen at all, the more important first, then each is raised by a step in turn, as long as there is room.
/// A step up needs room to spare, and is not taken soon after it was too much: what wavers would otherwise go up and down.
package struct Allocation {
    /// What one subscription asks for.
    package struct Claim {
        /// Higher is served first.
        package var priority: Int
        /// What each step costs, ascending in quality; empty while nothing is sent at all.
        package var rungs: [Rung]
        /// The step that it has now; nil for none.
        package var current: Int?
        /// No higher step than this may be taken now; what it has it keeps.
        package var ceiling: Int

        package init(priority: Int, rungs: [Rung], current: Int?, ceiling: Int = .max) {
            self.priority = priority
            self.rungs = rungs
            self.current = current
            self.ceiling = ceiling
        }
    }

    /// One way to be shown a track.
    package struct Rung: Equatable {
        /// Which encoding, and what of it.
        package var target: LayerTarget
        package var rate: Bitrate

        package init(target: LayerTarget, rate: Bitrate) {
            self.target = target
            self.rate = rate
        }
    }

    /// What more than now must fit into.
    private static let headroom = 1.04
    /// An estimate that dips is no reason to change what is seen: so much too little, for so long, is left to the pacer.
    private static let tolerance = 1.18
    private static let patience = Interval.seconds(2)

    /// Since when there has been too little for what is sent.
    private var shortSince: Instant?

    package init() {}

    /// The step of each claim; nil for one that has to pause. The first in rank that asks for anything is never paused: some picture is better than none.
    package mutating func share(_ budget: Bitrate, among claims: [Claim], at now: Instant) -> [Int?] {
        let current = claims.reduce(Bitrate.zero) { sum, claim in claim.current.map { sum + claim.rungs[$0].rate } ?? sum }
        var result = [Int?](repeating: nil, count: claims.count)
        var left = budget
        if current <= budget {
            shortSince = nil
        } else {
            let since = shortSince ?? now
            shortSince = since
            if now - since < Allocation.patience, current <= budget * Allocation.tolerance {
                for (index, claim) in claims.enumerated() { result[index] = claim.current }
                left = .zero
            } else {
                shortSince = nil
            }
        }
        // Of two alike the earlier one, so that nothing depends on chance.
        let ranked = claims.indices.sorted { (claims[$1].priority, $0) < (claims[$0].priority, $1) }
        var isFirst = true
        for index in ranked {
            guard let rung = claims[index].rungs.first else { continue }
            if result[index] == nil, isFirst || Allocation.fits(rung.rate, .zero, 0, claims[index], left) {
                result[index] = 0
                left = left - rung.rate
            }
            isFirst = false
        }
        var isRaised = true
        while isRaised {
            isRaised = false
            for index in ranked {
                let claim = claims[index]
                guard let step = result[index], step + 1 < claim.rungs.count else { continue }
                let (now, next) = (claim.rungs[step].rate, claim.rungs[step + 1].rate)
                guard step + 1 <= claim.ceiling || step + 1 <= claim.current ?? -1, Allocation.fits(next, now, step + 1, claim, left) else {
                    continue
                }
                result[index] = step + 1
                left = left - (next - now)
                isRaised = true
            }
        }
        return result
    }

    /// Whether a claim may have `rate` in the place of `former`.
    private static func fits(_ rate: Bitrate, _ former: Bitrate, _ step: Int, _ claim: Claim, _ left: Bitrate) -> Bool {
        let isNew = step > claim.current ?? -1
        return (isNew ? rate * headroom : rate) - former <= left
    }
}

/// What became of one subscription's claims, and when it may rise again after it had to fall.
package struct AllocationHistory {
    private static let firstWait = Interval.seconds(2)
    private static let longestWait = Interval.seconds(32)
    /// Who falls so soon after having risen waits twice as long the next time.
    private static let trial = Interval.seconds(8)

    /// So much more room than when it fell is another situation.
    private static let recovery = 1.5

    /// From which step to which it fell, when, and the room that there was.
    private var fall: (from: Int, to: Int, at: Instant, budget: Bitrate)?
    /// How long it then does without the step that it fell from.
    private var wait = AllocationHistory.firstWait
    private var roseAt: Instant?

    package init() {}

    /// The highest step that may be taken now, with room for `budget`.
    package func ceiling(with budget: Bitrate, at now: Instant) -> Int {
        guard let fall, budget < fall.budget * AllocationHistory.recovery else { return .max }
        if now < fall.at + AllocationHistory.firstWait { return fall.to }
        // What lies between the two was not tried.
        return now < fall.at + wait ? fall.from - 1 : .max
    }

    /// A claim's step has changed, with room for `budget`; nil is a pause.
    package mutating func note(from former: Int?, to step: Int?, with budget: Bitrate, at now: Instant) {
        let (former, step) = (former ?? -1, step ?? -1)
        if step > former { roseAt = now }
        guard step < former else { return }
        // What falls further has been found too much once.
        let wasTrial = roseAt.map { now - $0 < AllocationHistory.trial } ?? false
        roseAt = nil
        wait = wasTrial ? min(wait * 2, AllocationHistory.longestWait) : AllocationHistory.firstWait
        fall = (former, step, now, budget)
    }
}
