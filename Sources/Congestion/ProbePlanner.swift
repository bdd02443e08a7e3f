import MediaPrimitives

/// When to probe, and how fast: three and six times the first target, twice what has passed as long as it does, twice the target from time to
/// time while more is wanted, and most of what there was before a fall.
///
/// One cluster at a time, where libwebrtc sends the first two at once: those alone would fill a link of 300 kbit/s for half a second.
package struct ProbePlanner {
    private static let firstFactor = 3.0
    private static let furtherFactor = 2.0
    /// Where the capacity is known and used, to see whether it has grown: a queue is made for nothing, as a rule. And where loss is the limit: a short
    /// burst may pass a policer that a stream does not (libwebrtc).
    private static let carefulFactor = 1.5
    private static let longestCheck = Interval.milliseconds(60)
    /// So much of a cluster's rate must have passed for a further one.
    private static let furtherShare = 0.7
    /// Of what is wanted: frames are uneven, and a probe finds less rather than more.
    private static let wantedFactor = 1.5
    /// While the target is used, and while it is not.
    private static let interval = Interval.seconds(3)
    private static let intervalWhileLimited = Interval.seconds(3)
    /// At first nothing is known, and a probe that found little may be tried again (libwebrtc does the same for as long).
    private static let firstInterval = Interval.seconds(1)
    private static let firstPeriod = Interval.seconds(5)
    /// The interval doubles so many times.
    private static let mostMisled = 4
    /// A cluster that nobody sends, or whose packets are not heard of, is given up.
    private static let patience = Interval.seconds(1)
    /// While the link is being found out, little is known of how much the delay varies: where a probe finds it narrow another one, of this length, has
    /// to agree.
    private static let lengthOfSecond = Interval.milliseconds(40)
    /// Of the target, probes from time to time may take so much in the long run, and so much time's worth at once.
    private static let share = 0.08
    private static let credit = Interval.seconds(10)
    /// How often a cluster that told nothing is sent again.
    private static let attempts = 2
    /// A fall below this share of what was before is looked into, for so long, at so much of what was before.
    private static let largeDrop = 0.66
    private static let dropMemory = Interval.seconds(5)
    private static let dropShare = 0.85
    /// More is wanted, if it is so much more.
    private static let change = 1.15
    /// Two probes that find the same may lie so far apart.
    private static let agreement = Interval.seconds(8)
    /// What lies so far above what is known of the link has to pass for longer: shapers let so many bytes through at once, after a silence. The
    /// longer cluster empties that first, and the rest is measured.
    private static let doubtful = 1.25
    private static let bucket = 4_000
    private static let longestProof = Interval.milliseconds(400)
    /// So much of it is not measured. Who follows the rate fills at once what was found too much of, and measures longer; where there is a choice of a
    /// few encodings, which seldom fill the rate, the queue matters more.
    private var ignoredShare: Double { followsRate ? 1.0 / 2 : 2.0 / 3 }
    /// What is left after an overuse must lie so far above what there was before a probe, or it has misled.
    private static let gain = 1.0
    /// An overuse so soon after a probe has raised the target says that it was misled.
    private static let trial = Interval.seconds(2)

    /// The cluster under way.
    package private(set) var current: ProbeMeasurement?
    private var offeredAt: Instant?
    private var length = ProbeCluster.shortest
    private var nextID = ProbeCluster.ID(rawValue: 1)
    private var startedAt: Instant?
    /// Whether the first one has been thought of.
    package var isStarted: Bool { startedAt != nil }
    /// Still finding out what the link is: no overuse, and no probe that found its end yet.
    package private(set) var isInitial = true
    /// How often the cluster has been tried before.
    private var attempt = 0
    private var endedAt: Instant?
    /// When what was sent for clusters is paid for, at that share of the target.
    private var paidAt = Instant(nanoseconds: 0)
    /// When a probe raised the target, and from what; nil once that has proved right or wrong.
    private var raise: (from: Bitrate, at: Instant)?
    /// Times that a probe has misled in a row; doubles the interval each time.
    package private(set) var misled = 0
    /// What there was before the target fell far, and when it did.
    private var beforeDrop: (rate: Bitrate, at: Instant)?
    /// What is wanted in the best case; nil for as much as possible.
    package private(set) var wanted: Bitrate?
    private var wantsMore = false
    /// The same, before what has changed little since.
    private var knownWant: Bitrate?
    /// What the last probe found, while it was little news.
    private var found: (rate: Bitrate, at: Instant)?

    /// What the plan depends on.
    package struct Situation {
        package var target: Bitrate
        /// The delay is normal, and neither loss nor silence holds the target down.
        package var isClear: Bool
        package var isApplicationLimited: Bool
        package var isLossLimited: Bool
        /// The target is not far from what is believed to be the link's capacity.
        package var isNearCapacity: Bool
        /// That capacity; nil while nothing is known of it.
        package var capacity: Bitrate?
        /// How much the delay varies by itself: a cluster has to be longer than that.
        package var noise: Interval
        /// What the link loses anyway.
        package var loss: Double
        package var roundTrip: Interval
        /// When the youngest packet left that feedback has told of.
        package var answered: Instant
        package var maximum: Bitrate

        package init(
            target: Bitrate, isClear: Bool, isApplicationLimited: Bool, isLossLimited: Bool, isNearCapacity: Bool, capacity: Bitrate? = nil,
            noise: Interval,
            loss: Double, roundTrip: Interval, answered: Instant, maximum: Bitrate
        ) {
            self.target = target
            self.isClear = isClear
            self.isApplicationLimited = isApplicationLimited
            self.isLossLimited = isLossLimited
            self.isNearCapacity = isNearCapacity
            self.capacity = capacity
            self.noise = noise
            self.loss = loss
            self.roundTrip = roundTrip
            self.answered = answered
            self.maximum = maximum
        }
    }

    /// What is sent follows the rate, as that of an encoder does.
    private let followsRate: Bool

    package init(followsRate: Bool = true) { self.followsRate = followsRate }

    /// The cluster that is to be sent now; nil once it is sent.
    package var offer: ProbeCluster? { current.flatMap { $0.isSent ? nil : $0.cluster } }
    /// Packets and bytes of it that have not left yet.
    package var rest: (packets: Int, bytes: Int) { mutating get { current?.rest ?? (0, 0) } }

    /// When `update` has something to do even if no feedback comes.
    package func deadline(_ situation: Situation) -> Instant {
        if let current, let offeredAt { return ProbePlanner.expiry(current, offeredAt, situation.roundTrip) }
        guard isStarted, situation.isClear, isBelowWanted(situation) else { return .distantFuture }
        let endedAt = endedAt ?? Instant(nanoseconds: 0)
        return max(endedAt + interval(situation, at: endedAt), paidAt - ProbePlanner.credit)
    }

    /// More, or less, is wanted than before.
    package mutating func want(_ rate: Bitrate?) {
        wanted = rate
        guard let rate else {
            wantsMore = wantsMore || isStarted && knownWant != nil
            knownWant = nil
            return
        }
        // What is sent wavers, and so does what is wanted.
        guard let known = knownWant, (1 / ProbePlanner.change...ProbePlanner.change).contains(rate / known) else {
            if isStarted, let knownWant, rate > knownWant { wantsMore = true }
            knownWant = rate
            return
        }
    }

    /// A packet of cluster `id` leaves.
    package mutating func noteSent(_ id: ProbeCluster.ID, _ bytes: Int, at now: Instant) {
        if current?.cluster.id == id { current?.noteSent(bytes, at: now) }
    }

    /// A packet of cluster `id` has arrived; in the order of sending.
    package mutating func noteArrival(_ id: UInt8, _ bytes: Int, sent: Instant, arrived: Instant) {
        if current?.cluster.id.rawValue == id { current?.noteArrival(bytes, sent: sent, arrived: arrived) }
    }

    /// A packet of cluster `id` was reported lost.
    package mutating func noteLoss(_ id: UInt8) {
        if current?.cluster.id.rawValue == id { current?.noteLoss() }
    }

    /// What the current cluster has found, once enough of it is known, or its time is over.
    package mutating func takeResult(_ situation: Situation, at now: Instant) -> (ProbeCluster, ProbeMeasurement.Result)? {
        guard let measurement = current, let offeredAt else { return nil }
        let cluster = measurement.cluster
        if measurement.isComplete(loss: situation.loss) {
            end(at: now)
            let result = measurement.result(loss: situation.loss)
            // The delay varies more than was known when it began, or nothing is known of that yet: what it found may be noise, and a longer one tells.
            let wanted = ProbePlanner.length(of: cluster.cause, situation, atLeast: ProbeCluster.shortest)
            let isUnsure = wanted > length + length / 2 || attempt == 0 && isInitial
            if case .capacity = result, isUnsure, attempt < ProbePlanner.attempts {
                attempt += 1
                begin(cluster.rate, cluster.cause, situation, atLeast: ProbePlanner.lengthOfSecond, at: now)
                return nil
            }
            return (cluster, result)
        }
        // All of it is accounted for, and too much was lost: by chance, it may be.
        let isSettled = measurement.isSettled(answered: situation.answered)
        guard isSettled || now >= ProbePlanner.expiry(measurement, offeredAt, situation.roundTrip) else { return nil }
        end(at: now)
        guard isSettled, attempt < ProbePlanner.attempts else { return (cluster, .nothing) }
        attempt += 1
        begin(cluster.rate, cluster.cause, situation, at: now)
        return nil
    }

    private static func expiry(_ measurement: ProbeMeasurement, _ offeredAt: Instant, _ roundTrip: Interval) -> Instant {
        max(offeredAt, measurement.lastSent ?? offeredAt) + patience + roundTrip
    }

    private mutating func end(at now: Instant) {
        current = nil
        offeredAt = nil
        endedAt = now
    }

    /// A probe of `cluster` has passed in full; the next one follows at once.
    package mutating func goOn(after passed: Bitrate, _ cluster: ProbeCluster, _ situation: Situation, at now: Instant) {
        guard !situation.isLossLimited, max(passed, situation.target) < wanted ?? .maximum,
            passed >= cluster.rate * ProbePlanner.furtherShare
        else { return }
        attempt = 0
        begin(max(passed, situation.target) * ProbePlanner.furtherFactor, .further, situation, at: now)
    }

    /// Begins a longer cluster if what one has found is not to be believed yet.
    package mutating func prove(_ found: Bitrate, after cluster: ProbeCluster, _ situation: Situation, at now: Instant) -> Bool {
        guard cluster.cause != .proof, let known = situation.capacity ?? (misled > 0 ? situation.target : nil),
            found > max(known, situation.target) * ProbePlanner.doubtful
        else { return false }
        attempt = 0
        let time = (found - known).time(for: Int(Double(ProbePlanner.bucket) / ignoredShare))
        begin(found, .proof, situation, atLeast: min(time, ProbePlanner.longestProof), at: now)
        return current != nil
    }

    /// The target was raised by a probe.
    package mutating func noteRaise(from rate: Bitrate, at now: Instant) { if raise == nil { raise = (rate, now) } }

    /// A probe has found what was known: that makes up for one that misled.
    package mutating func noteNoNews() { misled = max(misled - 1, 0) }

    /// It took a proof to find that: what is shorter passes there, whatever the link does, and a proof's queue is not worth it so often.
    package mutating func noteNoNewsInProof() { misled = max(misled, 1) }

    /// A probe has found a little more, or less, than was known. What it and the one before agree on.
    package mutating func second(_ rate: Bitrate, at now: Instant) -> Bitrate? {
        defer { found = (rate, now) }
        return found.flatMap { now - $0.at < ProbePlanner.agreement ? min($0.rate, rate) : nil }
    }

    /// The link has been found: what it passes is known, or it was overused.
    package mutating func noteFound() { isInitial = false }

    /// More is lost than before: if a probe has just raised the target, it was that.
    package mutating func noteLoss(at now: Instant) {
        if let raise, now - raise.at < ProbePlanner.trial { misled = min(misled + 1, ProbePlanner.mostMisled) }
        raise = nil
        if current != nil { end(at: now) }
    }

    /// What is lost is lost whatever is sent: that is no reason to probe less.
    package mutating func noteAcceptedLoss() {
        misled = 0
        wantsMore = true
    }

    /// The delay's limit fell from `former` to `rate`, and will be `settled` when the queue is gone.
    package mutating func noteOveruse(from former: Bitrate, to rate: Bitrate, settled: Bitrate, at now: Instant) {
        isInitial = false
        if let raise, now - raise.at < ProbePlanner.trial {
            // Among other flows a probe may end in an overuse and have been right: what counts is what is left of it.
            misled = settled > raise.from * ProbePlanner.gain ? 0 : min(misled + 1, ProbePlanner.mostMisled)
            self.raise = nil
        } else {
            noteDrop(from: former, to: rate, at: now)
        }
        // What a cluster says that was under way is what made the queue.
        if current != nil { end(at: now) }
    }

    /// The target fell from `former` to `rate`, for whatever reason.
    package mutating func noteDrop(from former: Bitrate, to rate: Bitrate, at now: Instant) {
        if rate < former * ProbePlanner.largeDrop { beforeDrop = (former, now) }
    }

    /// Begins what is due.
    package mutating func update(_ situation: Situation, at now: Instant) {
        if let raise, now - raise.at >= ProbePlanner.trial {
            misled = 0
            self.raise = nil
        }
        guard current == nil else { return }
        attempt = 0
        guard isStarted else {
            startedAt = now
            guard isBelowWanted(situation) else { return }
            begin(situation.target * ProbePlanner.firstFactor, .start, situation, at: now)
            return
        }
        guard situation.isClear else { return }
        if let beforeDrop {
            self.beforeDrop = nil
            let rate = min(beforeDrop.rate * ProbePlanner.dropShare, situation.target * ProbePlanner.firstFactor)
            if now - beforeDrop.at < ProbePlanner.dropMemory, rate > situation.target {
                return begin(rate, .recovery, situation, at: now)
            }
        }
        guard isBelowWanted(situation) else {
            wantsMore = false
            return
        }
        if wantsMore {
            wantsMore = false
            return begin(situation.target * ProbePlanner.furtherFactor, .wanted, situation, at: now)
        }
        if let endedAt, now - endedAt < interval(situation, at: endedAt) { return }
        guard paidAt - now <= ProbePlanner.credit else { return }
        let isCareful = situation.isLossLimited || situation.isNearCapacity && !situation.isApplicationLimited
        let factor = isCareful ? ProbePlanner.carefulFactor : ProbePlanner.furtherFactor
        begin(situation.target * factor, isCareful && !situation.isLossLimited ? .check : .periodic, situation, at: now)
    }

    private func isBelowWanted(_ situation: Situation) -> Bool { situation.target < min(wanted ?? .maximum, situation.maximum) }

    private func interval(_ situation: Situation, at now: Instant) -> Interval {
        if let startedAt, now - startedAt < ProbePlanner.firstPeriod, misled == 0 { return ProbePlanner.firstInterval }
        let interval = situation.isApplicationLimited ? ProbePlanner.intervalWhileLimited : ProbePlanner.interval
        return interval * (1 << Int64(misled))
    }

    /// How long a cluster has to be to be sure of what it finds.
    private static func length(_ situation: Situation) -> Interval {
        min(max(situation.noise * 5, ProbeCluster.shortest), ProbeCluster.longest)
    }

    /// How long it is: shorter where it is likely to make a queue for nothing.
    private static func length(of cause: ProbeCluster.Cause, _ situation: Situation, atLeast least: Interval) -> Interval {
        switch cause {
        case .recovery: ProbeCluster.shortest
        case .check: min(length(situation), longestCheck)
        default: max(length(situation), least)
        }
    }

    private mutating func begin(
        _ rate: Bitrate, _ cause: ProbeCluster.Cause, _ situation: Situation, atLeast least: Interval = ProbeCluster.shortest,
        at now: Instant
    ) {
        var rate = min(rate, situation.maximum)
        if let wanted { rate = min(rate, wanted * ProbePlanner.wantedFactor) }
        guard rate > situation.target else { return }
        length = ProbePlanner.length(of: cause, situation, atLeast: least)
        // So many that enough arrive.
        let packets = Int((Double(ProbeCluster.leastPackets) / max(1 - situation.loss, 0.5)).rounded(.up))
        let bytes = rate.bytes(in: length)
        let cluster = ProbeCluster(
            id: nextID, rate: rate, packets: packets, bytes: bytes, ignoredBytes: cause == .proof ? Int(Double(bytes) * ignoredShare) : 0,
            cause: cause)
        nextID = nextID.next
        current = ProbeMeasurement(cluster)
        offeredAt = now
        paidAt = max(paidAt, now) + (situation.target * ProbePlanner.share).time(for: bytes)
    }
}
