import MediaPrimitives

/// What is made of probes.
extension BandwidthEstimator {
    /// Into a longer queue nothing is probed.
    private static let longestQueue = Interval.milliseconds(50)
    /// A target above this share of the capacity is near it.
    static let nearCapacity = 0.8
    /// What was lost lately, up to this, is expected to be lost of a cluster, too.
    private static let expectedLoss = 0.3
    /// A capacity that lies less than this above the target is no news; more is asked for when a probe has just misled.
    private static let least = 1.1
    private static let leastWhenMisled = 1.25
    /// One that lies further above is believed at once. A little more may be another flow's share: then the target goes halfway there.
    private static let far = 1.5
    private static let longestOwnQueue = Interval.seconds(1)

    /// What the plan depends on.
    @inline(__always)
    var situation: ProbePlanner.Situation {
        let isClear =
            detector.usage == .normal && path.queue < BandwidthEstimator.longestQueue && loss.phase != .trial && !isSilent
        return ProbePlanner.Situation(
            target: target, isClear: isClear, isApplicationLimited: applicationLimit.isLimited, isLossLimited: loss.phase == .limited,
            isNearCapacity: isNearCapacity, capacity: rateControl.capacity.estimate, noise: noise,
            loss: max(loss.accepted, min(loss.recent, BandwidthEstimator.expectedLoss)), roundTrip: path.roundTrip,
            answered: path.answered, maximum: limits.maximum)
    }

    /// Looks whether enough is known of the cluster that was sent, or its time is over, and acts on it.
    mutating func noteProbeResult(at now: Instant) {
        guard let (cluster, result) = probes.takeResult(situation, at: now) else { return }
        // Where the loss is the limit, a probe that passes raises that.
        let rate = min(rateControl.rate, loss.limit ?? .maximum)
        let isOverused = detector.usage == .overused
        switch result {
        case .nothing: probes.noteFound()
        case .passed(let found):
            guard !isOverused else { return }
            if cluster.cause != .check, probes.prove(found, after: cluster, situation, at: now) { return }
            if found > rate, cluster.cause != .check { raise(from: rate, to: found, isCapacity: false, at: now) }
            probes.goOn(after: found, cluster, situation, at: now)
        case .capacity(let found):
            let wasInitial = probes.isInitial
            // Media that waited behind the cluster goes the same way.
            let passing = found.time(for: cluster.bytes) * 2
            ownQueueEnd = now + min(passing, BandwidthEstimator.longestOwnQueue) + path.roundTrip
            probes.noteFound()
            guard !isOverused || wasInitial else { return }
            if !wasInitial, probes.prove(found, after: cluster, situation, at: now) { return }
            if found > rate, wasInitial {
                raise(from: rate, to: found, isCapacity: true, at: now)
            } else if found > rate * (probes.misled > 0 ? BandwidthEstimator.leastWhenMisled : BandwidthEstimator.least) {
                let isFar = found > rate * BandwidthEstimator.far
                raise(from: rate, to: isFar ? found : (found + rate) * 0.5, isCapacity: true, at: now)
            } else if wasInitial, found < rate {
                rateControl.lower(to: max(found, limits.minimum), at: now)
                reason = .probe
            } else if cluster.cause == .proof, !rateControl.followsRate {
                // It was long enough to second what was known, and has found the end.
                let seconded = min(rateControl.capacity.estimate ?? .zero, found)
                if seconded > rate { raise(to: seconded, isCapacity: true, at: now) }
                probes.noteNoNewsInProof()
                return
            } else {
                // A little more is chance, unless it is found twice.
                if let seconded = probes.second(found, at: now), seconded > rate {
                    // Not on trial: so little misleads nobody.
                    raise(to: seconded, isCapacity: true, at: now)
                }
                probes.noteNoNews()
            }
            probes.goOn(after: found, cluster, situation, at: now)
        }
    }

    private mutating func raise(from rate: Bitrate, to raised: Bitrate, isCapacity: Bool, at now: Instant) {
        raise(to: raised, isCapacity: isCapacity, at: now)
        probes.noteRaise(from: rate, at: now)
    }

    private mutating func raise(to raised: Bitrate, isCapacity: Bool, at now: Instant) {
        if raised > rateControl.rate { rateControl.raise(to: raised, isCapacity: isCapacity, at: now) }
        loss.raise(to: raised, at: now)
        reason = .probe
    }
}
