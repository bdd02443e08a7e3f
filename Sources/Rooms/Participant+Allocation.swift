import Congestion
import Forwarding
import MediaPrimitives
import RTP

/// Who watches what at which quality: what the way to a participant carries is shared out among its subscriptions.
extension Participant {
    /// Rates waver and tracks come and go: it is looked at again after so long.
    private static let allocationInterval = Interval.milliseconds(500)
    /// Where no picture comes there is nothing to look at; when one does, the unit says so (`findRoom`).
    private static let idleInterval = Interval.seconds(5)
    /// An estimate that has moved is acted upon, but not more often than this.
    private static let shortestInterval = Interval.milliseconds(50)
    /// What sound costs beside its payload: header, extensions and tag of 40 bytes, 50 times a second.
    private static let soundOverhead = Bitrate.kilobits(16)
    /// More than everything is worth looking for: what is sent wavers.
    private static let spare = 1.1
    /// What exceeds the way's room by so much ends at once, and not where something less begins: it would only wait, and what is less behind it.
    private static let flood = 1.5
    /// An estimate that differs by less is the same.
    private static let change = 0.04

    /// The estimate may have moved.
    func noteEstimate(at now: Instant) {
        guard downlink.isControlled else { return }
        let (former, target) = (allocatedFor, downlink.estimator.target)
        guard abs(target / former - 1) > Participant.change || former == .zero else { return }
        nextAllocation = min(nextAllocation, max(now, lastAllocation + Participant.shortestInterval))
    }

    /// Shares out anew, and tells every subscription.
    func allocate(at now: Instant, _ events: inout [RoomEvent]) {
        guard downlink.isControlled else {
            nextAllocation = .distantFuture
            return
        }
        lastAllocation = now
        nextAllocation = now + Participant.allocationInterval
        allocatedFor = downlink.estimator.target
        var claims: [Allocation.Claim] = []
        var claimants: [Subscription] = []
        var (sound, wanted) = (Bitrate.zero, Bitrate.zero)
        // Pictures that are sent again are part of what is sent.
        let loss = min(max(downlink.estimator.guidance.loss, 0), 0.3)
        // While a short queue goes away less leaves, but what is seen need not change for that.
        let room = downlink.estimator.guidance.room * (1 - loss)
        for subscription in subscriptions { subscription.awaitsShare = false }
        for subscription in subscriptions where subscription.isWanted {
            guard let publication = subscription.publication else { continue }
            guard publication.kind == .video else {
                if publication.isHushed { continue }
                sound = sound + Bitrate(bitsPerSecond: publication.encodings[0].averageBitrate) + Participant.soundOverhead
                continue
            }
            let rungs = publication.rungs(for: subscription.wish, at: now)
            claims.append(
                Allocation.Claim(
                    priority: subscription.wish.priority, rungs: rungs, current: subscription.step(among: rungs),
                    ceiling: subscription.history.ceiling(with: room, at: now)))
            claimants.append(subscription)
            wanted = wanted + (rungs.last?.rate ?? .zero)
        }
        if claims.allSatisfy({ $0.rungs.isEmpty }) { nextAllocation = now + Participant.idleInterval }
        let steps = allocation.share(room - sound, among: claims, at: now)
        let current = claims.reduce(Bitrate.zero) { sum, claim in claim.current.map { sum + claim.rungs[$0].rate } ?? sum }
        // While the way is still being found out, which takes a few round trips, what was taken for it is sent: it may well pass.
        let isExploring = downlink.isExploring
        let isFlooded = current > room * Participant.flood && !isExploring
        for ((subscription, claim), step) in zip(zip(claimants, claims), steps) {
            guard !claim.rungs.isEmpty else {
                // Nothing arrives that could be shared out; a keyframe is asked for all the same.
                if subscription.selector.target == nil { subscription.publication?.choose(for: subscription, at: now) }
                continue
            }
            if step != claim.current { subscription.history.note(from: claim.current, to: step, with: room, at: now) }
            if isFlooded, step ?? -1 < claim.current ?? -1 {
                subscription.cut()
                downlink.isFlooded = true
            }
            subscription.allocate(step.map { claim.rungs[$0].target }, of: claim.rungs[claim.rungs.count - 1].target, at: now)
            tellPause(of: subscription, isExploring: isExploring, &events)
        }
        // Whoever waits for another encoding may have asked for its keyframe.
        wantsPublishers = claimants.contains { $0.selector.hasChange || $0.selector.target != $0.selector.current }
        downlink.want((wanted * (1 / (1 - loss)) + sound) * Participant.spare, at: now)
    }

    /// Tells that a picture is paused, or not any more; not while the first probes are under way, as most such pauses end with them.
    private func tellPause(of subscription: Subscription, isExploring: Bool, _ events: inout [RoomEvent]) {
        guard let track = subscription.source else { return }
        let wasTold = subscription.toldPaused == track
        let isPaused = subscription.isPausedForBandwidth && (wasTold || !isExploring)
        guard isPaused != wasTold else { return }
        subscription.toldPaused = isPaused ? track : nil
        events.append(.paused(id, track: track, isPaused: isPaused))
    }
}
