import MediaPrimitives

/// The loss's limit: two causes are told apart by a trial. What a full queue or a policer drops depends on what is sent; what a radio
/// loses does not. So where more is lost than was accepted, less is sent for a while: if then much less is lost, that is the limit; if not, so much loss
/// is accepted, and the limit is lifted. Decision record 0026 says what was considered instead.
///
/// Fed with what reports say, in stretches of a quarter of a second or more.
package struct LossControl {
    /// So much loss is never a reason (draft-ietf-rmcat-gcc-02 §6: below 2 %).
    package static let tolerance = 0.02
    /// More is not accepted, whatever a trial says.
    package static let greatestAccepted = 0.35
    private static let stretch = Interval.milliseconds(250)
    private static let leastPackets = 20.0
    /// Stretches that are looked at together, and how many there have to be.
    private static let window = 4
    private static let leastStretches = 3
    /// What a trial compares with is the loss of more of them: its beginning is no chance, so that the last stretches are the worst of many.
    private static let memory = 8
    /// The limit lies a little below what arrived, so that a policer's bucket fills again.
    private static let trialFactor = 0.95
    private static let lowest = 0.25
    /// A trial is a sequential test (Wald): it lasts until one of two hypotheses is so many times as likely as the other, as natural logarithms,
    /// or so long; then the first needs the lesser evidence.
    private static let isLimit = 3.5
    private static let isLinks = -2.0
    private static let isLimitAtLast = 1.0
    private static let longestTrial = 8
    /// Of a loss that sending less ends, so much may be left during the trial.
    private static let remainder = 0.25
    /// Losses no further apart than this are one burst; what is longer than the longest is no burst, but too much.
    private static let burstGap = 5
    private static let longestBurst = 8.0
    /// What was accepted is tried again after this.
    private static let review = Interval.seconds(30)
    private static let hold = Interval.seconds(1)
    private static let longestHold = Interval.seconds(16)
    private static let growth = 0.08
    /// How fast what is accepted follows what is lost: slowly within what chance may be, and faster down when it is clearly less.
    private static let following = 0.03
    private static let decay = 0.1
    private static let deviations = 2.0

    /// Where it stands.
    package enum Phase: Equatable {
        case open
        /// Less is sent, to see whether less is lost.
        case trial
        /// Less was lost: this is as much as passes.
        case limited
    }

    /// One stretch of what was sent.
    private struct Stretch {
        var packets = 0.0
        var lost = 0.0
    }

    /// What goes on.
    package private(set) var phase = Phase.open
    /// Above this much would be lost; nil for no limit.
    package private(set) var limit: Bitrate?
    /// The share that the link loses whatever is sent.
    package private(set) var accepted = 0.0
    /// The share that was lost over the last stretches.
    package private(set) var recent = 0.0

    private var current = Stretch()
    /// The one before: it counts when the current one is whole, as what was overtaken comes in until then.
    private var settling: Stretch?
    private var begunAt: Instant?
    private var lastSent = Instant(nanoseconds: 0)
    private var stretches = InlineArray<8, Stretch>(repeating: Stretch())
    private var count = 0
    /// Losses close to each other, on average: where they come in bursts, so many packets say less than they seem to.
    private var burst = 1.0
    private var bursts = 0.0
    private var lossesOfBursts = 0.0
    private var packetsSinceLoss = Int.max

    /// The loss before the trial.
    private var before = 0.0
    private var acceptedAt: Instant?
    private var trialSentAfter = Instant(nanoseconds: 0)
    private var holdUntil = Instant(nanoseconds: 0)
    private var nextHold = LossControl.hold
    private var updatedAt: Instant?

    package init() {}

    /// Notes what became of a packet, in the order of sending.
    package mutating func note(sent: Instant, isLost: Bool) {
        // What left before the trial began says nothing of it.
        if phase == .trial, sent < trialSentAfter { return }
        if begunAt == nil { begunAt = sent }
        current.packets += 1
        if isLost {
            current.lost += 1
            lossesOfBursts += 1
            if packetsSinceLoss > LossControl.burstGap { bursts += 1 }
            packetsSinceLoss = 0
        } else if packetsSinceLoss < .max {
            packetsSinceLoss &+= 1
        }
        lastSent = max(lastSent, sent)
    }

    /// A packet that counted as lost has arrived after all; it left at `sent`.
    package mutating func noteLate(sent: Instant) {
        if let begunAt, sent >= begunAt {
            current.lost -= 1
        } else {
            settling?.lost -= 1
        }
        lossesOfBursts -= 1
    }

    /// So many packets were sent and lost over a time, as a receiver report tells.
    package mutating func note(packets: Int, lost: Double, from begin: Instant, to end: Instant) {
        guard packets > 0, phase != .trial || begin >= trialSentAfter else { return }
        if begunAt == nil { begunAt = begin }
        current.packets += Double(packets)
        current.lost += min(max(lost, 0), Double(packets))
        lastSent = max(lastSent, end)
    }

    /// What `update` has decided.
    package enum Verdict {
        case none
        /// A trial has begun.
        case trial
        /// More loss is taken for the link's own.
        case accepted
    }

    /// What it goes by.
    package struct Input {
        /// What is sent at most at the moment.
        package var target: Bitrate
        /// What arrives.
        package var delivered: Bitrate?
        /// The delay's limit: one that lies above it is none.
        package var ceiling: Bitrate
        /// The queue grows, or did a moment ago: it is that which loses, and the delay has been acted upon.
        package var isOverused: Bool

        package init(target: Bitrate, delivered: Bitrate?, ceiling: Bitrate, isOverused: Bool) {
            self.target = target
            self.delivered = delivered
            self.ceiling = ceiling
            self.isOverused = isOverused
        }
    }

    /// Judges by what has been noted.
    package mutating func update(_ input: Input, at now: Instant) -> Verdict {
        let former = (phase, accepted)
        if let begunAt, lastSent - begunAt >= LossControl.stretch, current.packets >= LossControl.leastPackets {
            let settled = settling
            settling = current
            current = Stretch()
            self.begunAt = nil
            if let settled {
                stretches[count & 7] = settled
                count &+= 1
                judge(input, at: now)
            }
        }
        grow(input, at: now)
        if phase == .trial, former.0 != .trial { return .trial }
        return former.0 == .trial && phase == .open && accepted > former.1 ? .accepted : .none
    }

    private mutating func judge(_ input: Input, at now: Instant) {
        let (packets, share) = average(phase == .trial ? LossControl.longestTrial : LossControl.window)
        recent = share
        if bursts >= 1 { burst = min(max(lossesOfBursts / bursts, 1), LossControl.longestBurst) }
        // The memory of bursts fades over a few hundred losses.
        if lossesOfBursts > 400 {
            lossesOfBursts /= 2
            bursts /= 2
        }
        if phase != .trial { follow(share, margin(share, packets)) }
        if input.isOverused {
            // No trial while the delay speaks: what is lost is the queue's.
            if phase == .trial { lift() }
            return
        }
        switch phase {
        case .open, .limited:
            guard count >= LossControl.leastStretches else { return }
            // What was accepted may have been an error, or be one by now.
            if let acceptedAt, accepted > 2 * LossControl.tolerance, now - acceptedAt > LossControl.review { accepted = 0 }
            guard share - accepted > margin(share, packets) else { return }
            beginTrial(share, input, at: now)
        case .trial:
            let evidence = evidence(lost: share * packets, of: packets)
            let isOver = count >= LossControl.longestTrial
            if evidence >= (isOver ? LossControl.isLimitAtLast : LossControl.isLimit) {
                phase = .limited
                holdUntil = now + nextHold
                nextHold = min(nextHold * 2, LossControl.longestHold)
                updatedAt = now
            } else if isOver || evidence <= LossControl.isLinks {
                accepted = min((before + share) / 2, LossControl.greatestAccepted)
                acceptedAt = now
                lift()
            } else {
                return
            }
            count = 0
        }
    }

    /// How much likelier it is that what is sent was the reason for the loss than that the link loses as before, as a logarithm: the bursts in
    /// a trial, taken for a Poisson process of either rate.
    private func evidence(lost: Double, of packets: Double) -> Double {
        let links = packets * before / burst
        let limits = packets * (accepted + (before - accepted) * LossControl.remainder) / burst
        let ratio = links / limits
        // Its logarithm, by Padé: within 2 % between 1 and 4.
        let logarithm = 3 * (ratio * ratio - 1) / (ratio * ratio + 4 * ratio + 1)
        return links - limits - lost / burst * logarithm
    }

    /// What has been accepted may become a little more, or less, or end.
    private mutating func follow(_ share: Double, _ margin: Double) {
        guard accepted > 0, share < accepted + margin else { return }
        accepted += (share < accepted - margin ? LossControl.decay : LossControl.following) * (share - accepted)
        if accepted < LossControl.tolerance / 4 { accepted = 0 }
        accepted = min(accepted, LossControl.greatestAccepted)
    }

    private mutating func beginTrial(_ share: Double, _ input: Input, at now: Instant) {
        phase = .trial
        before = max(average(LossControl.memory).share, accepted + LossControl.tolerance)
        // Where less would pass than is sent, this is as much as does, so that nothing more would be lost.
        let target = min(input.target, input.ceiling)
        let passing = input.delivered.map { $0 * (1 / (1 - accepted)) } ?? target * (1 - (share - accepted))
        limit = max(min(passing, target) * LossControl.trialFactor, target * LossControl.lowest)
        // The first packets leave by the new limit, and the queue of the old ones is gone.
        trialSentAfter = now + .milliseconds(100)
        restart()
    }

    /// A probe has passed at this rate: the limit was too low, by this much at least.
    package mutating func raise(to rate: Bitrate, at now: Instant) {
        guard phase == .limited, let limit, rate > limit else { return }
        self.limit = rate
        updatedAt = now
    }

    private mutating func lift() {
        phase = .open
        limit = nil
        restart()
    }

    private mutating func restart() {
        count = 0
        current = Stretch()
        settling = nil
        begunAt = nil
    }

    private mutating func grow(_ input: Input, at now: Instant) {
        guard phase == .limited, let limit else { return }
        let elapsed = min(max((now - (updatedAt ?? now)).seconds, 0), 1)
        updatedAt = now
        guard now >= holdUntil, recent - accepted <= LossControl.tolerance else { return }
        let grown = limit * (1 + LossControl.growth * elapsed)
        if grown >= input.ceiling {
            nextHold = LossControl.hold
            lift()
        } else {
            self.limit = grown
        }
    }

    /// Of the last so many stretches, as far as there are any.
    private func average(_ number: Int) -> (packets: Double, share: Double) {
        var packets = 0.0
        var lost = 0.0
        for back in 1...number where back <= count {
            packets += stretches[(count &- back) & 7].packets
            lost += stretches[(count &- back) & 7].lost
        }
        return (packets, packets > 0 ? max(lost, 0) / packets : 0)
    }

    /// What chance alone may add: with bursts, of fewer and heavier draws.
    private func margin(_ share: Double, _ packets: Double) -> Double {
        let weight = max(2 * burst - 1, 1)
        let p = min(max(share, accepted), 0.5)
        return LossControl.tolerance + LossControl.deviations * (p * (1 - p) * weight / max(packets, 1)).squareRoot()
    }
}
