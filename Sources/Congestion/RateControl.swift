import MediaPrimitives

/// The delay's limit: it grows while the delay does not, and falls below what arrives when it does
/// (draft-ietf-rmcat-gcc-02 §5.5: additive increase near the known capacity, multiplicative elsewhere, multiplicative decrease).
package struct RateControl {
    /// Of what arrived, after an overuse: less where a longer queue has to go away, so that it does within a second or two.
    private static let backOff = 0.85
    private static let deepestBackOff = 0.5
    private static let backOffPerSecond = 0.6
    /// What a short queue is, for that.
    private static let shortQueue = Interval.milliseconds(50)
    private static let longQueue = Interval.milliseconds(100)
    /// A queue that did not go away is somebody else's: for so long, nothing more than usual is given up for it.
    private static let patienceWithOthers = Interval.seconds(30)
    private static let longestDeepDrain = Interval.seconds(3)
    /// Each second, while the capacity is not known.
    private static let growth = 0.08
    /// How far above what arrives the limit may grow.
    private static let reach = 1.5
    private static let reachMargin = Bitrate.kilobits(10)
    /// Who sends so much of it uses the rate.
    private static let used = 0.95
    /// Where delays vary by more, probes find too little as a rule.
    private static let clear = Interval.milliseconds(10)
    private static let leastGrowth = 4_000.0
    /// Near the capacity: shares of the rate each second, at least and at most.
    private static let shareNearCapacity = 0.01...0.03
    /// Of what arrived, once the queue that gave the overuse is gone, and how short that is.
    private static let returnShare = 0.92
    private static let drained = Interval.milliseconds(20)
    /// Where packets wait less than this there is no queue to speak of: what looks like a trend is noise.
    private static let leastQueue = Interval.milliseconds(10)
    /// Nor, for who does not follow the rate and fill every queue, where it is no more than so many times what the delay changes by itself.
    private static let noiseInQueue: Int64 = 3
    /// How long it takes, besides a round trip, until feedback shows what a decrease has done.
    private static let response = Interval.milliseconds(100)
    /// While a queue is going away, only one that has grown by so much is another overuse.
    private static let regrowth = 1.5
    /// Another overuse so soon says that the first was no chance.
    private static let recurrence = Interval.seconds(3)
    private static let longestDrain = Interval.seconds(1)

    /// What a call of `update` changed.
    package enum Change { case none, increased, decreased }

    /// The limit.
    package private(set) var rate: Bitrate
    /// What is believed to pass.
    package private(set) var capacity = LinkCapacity()
    /// The rate before the last decrease, and when that was.
    package private(set) var lastDecrease: (from: Bitrate, at: Instant)?
    private var queueAtDecrease = Interval.zero
    /// When more than usual was given up for a queue, and what the usual would have been; and when a queue stood all the same.
    private var drain: (since: Instant, usual: Bitrate)?
    private var stoodAt: Instant?
    private var isHolding = true
    private var updatedAt: Instant?
    /// What to go back to when the queue is gone; the rate before it stood bounds it.
    private var afterDrain: Bitrate?
    private var beforeDrain = Bitrate.zero

    /// What is sent follows the rate, as that of an encoder does; what is chosen from a few encodings does not.
    package var followsRate = true

    package init(start: Bitrate) { rate = start }

    /// What the rate will be when the queue is gone.
    package var settled: Bitrate { afterDrain ?? rate }

    /// What it goes by.
    package struct Input {
        package var usage: LinkUsage
        /// What arrived lately, and over a longer time, in bytes as they were sent: what the link loses anyway is added.
        package var recent: Bitrate?
        package var throughput: Bitrate?
        /// Less is sent than might be: what arrives tells little of the link.
        package var isApplicationLimited: Bool
        /// What arrived lately had all waited: it is what the link passes, however much was sent.
        package var isSaturated: Bool
        /// The queue is what a probe of ours has left, which was faster than the link.
        package var isOwnQueue: Bool
        package var roundTrip: Interval
        /// What packets wait on their way.
        package var queue: Interval
        /// They wait long, and many are lost: the queue is full.
        package var isOverflowing: Bool
        /// How much their delay changes by itself.
        package var noise: Interval

        package init(
            usage: LinkUsage, recent: Bitrate?, throughput: Bitrate?, isApplicationLimited: Bool, isSaturated: Bool = false,
            isOwnQueue: Bool = false, roundTrip: Interval, queue: Interval,
            isOverflowing: Bool, noise: Interval = .zero
        ) {
            self.usage = usage
            self.recent = recent
            self.throughput = throughput
            self.isApplicationLimited = isApplicationLimited
            self.isSaturated = isSaturated
            self.isOwnQueue = isOwnQueue
            self.roundTrip = roundTrip
            self.queue = queue
            self.isOverflowing = isOverflowing
            self.noise = noise
        }
    }

    /// Lets the limit grow or fall, after feedback.
    package mutating func update(_ input: Input, at now: Instant) -> Change {
        watchDrain(input.queue, at: now)
        // A full queue grows no more, and the trend of the delay does not see it.
        switch input.isOverflowing ? .overused : input.usage {
        case .overused:
            let noise = followsRate ? .zero : input.noise * RateControl.noiseInQueue
            guard input.queue > max(RateControl.leastQueue, noise) else { return .none }
            return decrease(input, at: now)
        case .underused:
            isHolding = true
            return .none
        case .normal:
            // What went by while it held is no time of growth.
            if isHolding { updatedAt = now }
            isHolding = false
            if let afterDrain, input.queue < RateControl.drained {
                self.afterDrain = nil
                if afterDrain > rate {
                    rate = afterDrain
                    updatedAt = now
                    return .increased
                }
            }
            return increase(input, at: now)
        }
    }

    private mutating func increase(_ input: Input, at now: Instant) -> Change {
        let elapsed = min(max((now - (updatedAt ?? now)).seconds, 0), 1)
        updatedAt = now
        guard let throughput = input.throughput else { return .none }
        // A second may reach back to when the link was wider.
        let passed = followsRate ? throughput : min(throughput, input.recent ?? throughput)
        if let bound = capacity.upperBound, passed > bound { capacity.forget() }
        var limit = throughput * RateControl.reach + RateControl.reachMargin
        // What is not sent proves nothing: past what is known of the link, probes show the way, where delays do not vary by themselves.
        if !followsRate, input.noise < RateControl.clear, let known = capacity.estimate, let bound = capacity.upperBound,
            throughput < rate * RateControl.used
        {
            limit = min(limit, max((known + bound) * 0.5, throughput))
        }
        guard rate < limit else { return .none }
        let step =
            capacity.estimate == nil
            ? max(Double(rate.bitsPerSecond) * RateControl.growth, 1_000) * elapsed : nearCapacity(input.roundTrip) * elapsed
        rate = min(rate + Bitrate(step), limit)
        return .increased
    }

    /// About a packet for each time that it takes to see what the last one did, in bit/s each second.
    private func nearCapacity(_ roundTrip: Interval) -> Double {
        let bitsPerFrame = Double(rate.bitsPerSecond) / 30
        let packets = (bitsPerFrame / (1_200 * 8)).rounded(.up)
        let response = roundTrip.seconds + RateControl.response.seconds
        let bounds = RateControl.shareNearCapacity
        let step = bitsPerFrame / max(packets, 1) / response / Double(rate.bitsPerSecond)
        return max(RateControl.leastGrowth, min(max(step, bounds.lowerBound), bounds.upperBound) * Double(rate.bitsPerSecond))
    }

    private mutating func decrease(_ input: Input, at now: Instant) -> Change {
        isHolding = true
        if let lastDecrease {
            let elapsed = now - lastDecrease.at
            if elapsed < input.roundTrip + RateControl.response { return .none }
            let isDraining = !input.isOverflowing && input.queue.seconds < queueAtDecrease.seconds * RateControl.regrowth
            if elapsed < RateControl.longestDrain, isDraining { return .none }
        }
        queueAtDecrease = input.queue
        let before = rate
        let isFirst = lastDecrease.map { now - $0.at > RateControl.recurrence } ?? true
        if let arrived = arrived(input) {
            if let bound = capacity.lowerBound, arrived < bound { capacity.forget() }
            let share = share(for: input.queue, at: now)
            var lowered = arrived * share
            // Little arrives because little is sent: a first sign takes a step, and only repeated ones go as far down.
            if input.isApplicationLimited, !input.isSaturated {
                lowered = max(lowered, rate * RateControl.backOff)
                // One burst's queue, when it is gone, says nothing of the rate.
                afterDrain = isFirst ? before : nil
                beforeDrain = before
            } else {
                capacity.noteOveruse(at: arrived)
                if afterDrain == nil { beforeDrain = rate }
                // A burst's queue, somebody else's perhaps: what passed for a second before may go on, unless it makes a queue again. Who follows the
                // rate leaves others their share.
                let proven = isFirst && (!followsRate || !input.isSaturated) ? input.throughput ?? .zero : .zero
                // What a probe of ours has left says nothing of the rate either.
                let returned = input.isOwnQueue && isFirst && !followsRate ? before : max(arrived * RateControl.returnShare, proven)
                afterDrain = min(beforeDrain, returned)
            }
            rate = min(rate, lowered)
            if share < RateControl.backOff { drain = (drain?.since ?? now, arrived * RateControl.backOff) }
        } else {
            rate = rate * 0.5
            afterDrain = nil
        }
        lastDecrease = (before, now)
        return .decreased
    }

    /// While a long queue stands, the short window is exact, and may show a link that has just become narrower. Otherwise it may have caught small
    /// frames.
    private func arrived(_ input: Input) -> Bitrate? {
        guard let recent = input.recent, let throughput = input.throughput else { return input.recent ?? input.throughput }
        return input.queue > RateControl.longQueue || input.isSaturated ? recent : max(recent, throughput)
    }

    /// What is left of what arrives, for this queue.
    private func share(for queue: Interval, at now: Instant) -> Double {
        if let stoodAt, now - stoodAt < RateControl.patienceWithOthers { return RateControl.backOff }
        let excess = max((queue - RateControl.shortQueue).seconds, 0)
        return max(RateControl.backOff - RateControl.backOffPerSecond * excess, RateControl.deepestBackOff)
    }

    /// Sees whether what was given up has made the queue go away.
    private mutating func watchDrain(_ queue: Interval, at now: Instant) {
        guard let drain else { return }
        if queue < RateControl.drained {
            self.drain = nil
        } else if now - drain.since > RateControl.longestDeepDrain {
            self.drain = nil
            stoodAt = now
            rate = max(rate, drain.usual)
        }
    }

    /// A probe passed at `rate`, or the link's capacity was found to be near it.
    package mutating func raise(to rate: Bitrate, isCapacity: Bool, at now: Instant) {
        self.rate = rate
        updatedAt = now
        afterDrain = nil
        if isCapacity { capacity.noteProbe(rate) } else { capacity.forget() }
    }

    /// Not even a link that passes nothing makes it fall below `minimum`.
    package mutating func keep(atLeast minimum: Bitrate) { rate = max(rate, minimum) }

    /// Other evidence than the delay's: nobody answers, or a first probe found less than was assumed.
    package mutating func lower(to rate: Bitrate, at now: Instant) {
        guard rate < self.rate else { return }
        lastDecrease = (self.rate, now)
        self.rate = rate
        afterDrain = nil
        isHolding = true
    }
}
