import MediaPrimitives
import RTP

/// How much one transport may send: Google congestion control from the sender's side (draft-ietf-rmcat-gcc-02), as one state machine.
///
/// What leaves is noted, feedback says what became of it, and `target` follows: the least of what the delay allows, what the loss allows, and what
/// the receiver asks for. Probes are wished for (`probe`), and whoever sends marks the packets that he sends for them. Decision records 0026 and
/// 0027 say where this differs from the draft and from libwebrtc.
///
/// Whatever a peer reports, only its own target is moved by it, between `Limits.minimum` and `Limits.maximum`: numbers that were never sent, that were
/// reported before, or that are long gone are passed over.
package struct BandwidthEstimator: ~Copyable {
    /// What the target stays between, and where it begins.
    package struct Limits: Sendable {
        package var minimum: Bitrate
        package var start: Bitrate
        package var maximum: Bitrate

        package init(minimum: Bitrate = .kilobits(30), start: Bitrate = .kilobits(300), maximum: Bitrate = .kilobits(100_000)) {
            self.minimum = minimum
            self.start = start
            self.maximum = maximum
        }
    }

    /// A longer silence, and what was known of the delay is out of date (libwebrtc).
    static let streamTimeout = Interval.seconds(2)
    /// A receiver's clock that moves so much further than ours was set.
    static let clockJump = Interval.seconds(3)
    /// Without an answer for this long and a round trip, less is sent, and less again each half second.
    private static let silence = Interval.seconds(1)
    private static let silenceStep = Interval.milliseconds(500)
    private static let silenceFactor = 0.8
    /// What is sent for less than this waits for no answer.
    private static let speech = Interval.milliseconds(200)
    /// A queue so long, with so much loss beyond what is the link's own, is full.
    private static let overflowQueue = Interval.milliseconds(100)
    private static let overflowLoss = 0.05
    /// What arrives is measured over so long a wait at least, and one as long as the second is no burst of ours.
    static let shortestBusy = Interval.milliseconds(60)
    static let saturation = Interval.milliseconds(150)
    /// For so long after an overuse, what is lost is the queue's.
    private static let overuseMemory = Interval.milliseconds(1_500)

    // First what each packet that leaves touches, so that it lies together.
    var sent = SentPackets()
    /// When the first packet left that has not been answered, nor any after it.
    var unansweredSince: Instant?
    /// What may be sent, in bits a second.
    package private(set) var target: Bitrate
    /// When `handleTimeout` has to be called.
    package private(set) var nextDeadline = Instant.distantFuture
    package private(set) var guidance = Guidance()

    let limits: Limits
    var groups = PacketGroups()
    var trendline = Trendline()
    var detector = OveruseDetector()
    var acknowledged = AcknowledgedRate()
    var path = PathDelay()
    var rateControl: RateControl
    var loss = LossControl()
    var applicationLimit = ApplicationLimit()
    var probes: ProbePlanner
    /// The mean of how much the delay changes from group to group.
    var noise = Interval.zero

    /// Unwraps the receiver's clock, in the ticks of whichever feedback there is.
    var receiverClock = TimestampUnwrapper()
    /// The share that was lost, smoothed over the last four messages: quicker than `loss`, and less sure.
    var lossOfLate = 0.0
    /// When the last feedback came, and the last arrival that it told of.
    var lastFeedback: (at: Instant, arrival: Instant)?
    /// What arrived over a second by the last feedback.
    private var throughput: Bitrate?
    /// When the last packet came that had not waited, by the receiver's clock.
    var lastIdle: Instant?
    /// When the delay's limit was last lowered.
    var lastOveruse: Instant?
    /// Less is sent already, as nobody answers.
    private(set) var isSilent = false
    private var targetBeforeSilence: Bitrate?
    private var bytesAtUpdate = 0
    /// What the receiver asked for (REMB).
    var receiverLimit: Bitrate?
    /// Transport-wide feedback has come: it knows more than reports and REMB, which count no longer.
    var hasTransportFeedback = false
    /// When the last receiver report counted, and all bytes sent until then.
    var lastReport: (at: Instant, bytes: Int)?

    /// Until then a queue is taken for what the last probe left.
    var ownQueueEnd = Instant(nanoseconds: 0)
    /// What moved the delay's limit last; another limit that lies lower is what is shown.
    var reason = BandwidthEstimate.Reason.start
    private var shownReason = BandwidthEstimate.Reason.start

    /// Knows nothing yet. The memory of what was sent, 16 KB as a rule, is taken with the first packet.
    /// `followsTarget` is false where what is sent is chosen from a few encodings.
    package init(limits: Limits = Limits(), followsTarget: Bool = true) {
        self.limits = limits
        rateControl = RateControl(start: limits.start)
        rateControl.followsRate = followsTarget
        probes = ProbePlanner(followsRate: followsTarget)
        target = limits.start
        guidance.room = limits.start
    }

    // MARK: Sending

    /// Notes a packet that leaves now under the transport-wide number `number`. On the packet path: stores eight bytes.
    ///
    /// - Parameters:
    ///   - bytes: Of the datagram, without the headers of UDP and IP: 1 to 65,535.
    ///   - probe: The cluster that it is sent for, if it is.
    package mutating func noteSent(_ number: UInt16, bytes: Int, at now: Instant, probe: ProbeCluster.ID? = nil) {
        sent.append(number, bytes: bytes, cluster: probe?.rawValue ?? 0, at: now)
        if let probe { probes.noteSent(probe, bytes, at: now) }
        if unansweredSince == nil { beginWaiting(at: now) }
    }

    /// The packet that was sent as `number` leaves again, as it was, because it is missing: it counts as lost, and what arrives under its number from
    /// now on tells of no delay, since nobody knows which of the two it is.
    package mutating func noteRepeated(_ number: UInt16) { sent.noteRepeated(number) }

    @inline(never)
    private mutating func beginWaiting(at now: Instant) {
        unansweredSince = now
        // The first packet of all is what the first probe waits for.
        nextDeadline = min(nextDeadline, lastFeedback == nil && !probes.isStarted ? now : silenceDeadline)
    }

    /// What would be sent if the link allowed everything: no more is probed for. nil for as much as possible.
    package mutating func want(_ rate: Bitrate?, at now: Instant) {
        probes.want(rate)
        settle(at: now)
    }

    /// The link's capacity is known, and the target is not far from it: what leaves faster only waits there.
    @inline(__always)
    var isNearCapacity: Bool { rateControl.capacity.estimate.map { target > $0 * BandwidthEstimator.nearCapacity } ?? false }

    /// What a pacer, an allocation and repairs go by besides the target. Stored, since a look at what is computed copies the whole estimator.
    package struct Guidance {
        /// The link's capacity is known, and the target is not far from it: what leaves faster only waits there.
        package var isNearCapacity = false
        /// A queue stands on the way: what leaves now waits behind it.
        package var hasQueue = false
        /// The cluster that is to be sent, if any; it stays here when it has left.
        package var probe: ProbeCluster?
        /// What an allocation may fill: while a short queue goes away, or one that a probe left, what the target will be when it is gone.
        package var room = Bitrate.zero
        /// What was lost of late: 0 to 1.
        package var loss = 0.0
        /// More may be sent than arrives.
        package var hasRoom = true
        /// Smoothed.
        package var roundTrip = Interval.zero
        /// No end of the link has been found yet, no queue, and no probe was in vain: the target is a first guess, or what the last probe asked for.
        package var isExploring = true
    }

    private static let full = 0.8
    private static let standingQueue = Interval.milliseconds(80)

    /// The cluster that is to be sent now, if any.
    package var probe: ProbeCluster? { probes.offer }
    /// What of it has not left yet.
    package var restOfProbe: (packets: Int, bytes: Int) { mutating get { probes.rest } }

    // MARK: Time

    // What is computed of several parts is inlined where it is used: a call copies the whole estimator, 2 KB, and there are many after each message.

    @inline(__always)
    private var silenceDeadline: Instant {
        guard let unansweredSince, rateControl.rate > limits.minimum else { return .distantFuture }
        if isSilent { return unansweredSince + BandwidthEstimator.silenceStep }
        return unansweredSince + BandwidthEstimator.silence * (hasTransportFeedback ? 1 : 6) + path.roundTrip
    }

    /// Time has passed. To be called at `nextDeadline`; at other times it does no harm.
    package mutating func handleTimeout(at now: Instant) {
        noteProbeResult(at: now)
        if now >= silenceDeadline { noteSilence(at: now) }
        settle(at: now)
    }

    private mutating func noteSilence(at now: Instant) {
        // Where nothing more was sent, a last message may have been lost, and nobody has to answer.
        guard let since = unansweredSince, let last = sent.lastSentAt, last - since >= BandwidthEstimator.speech else {
            unansweredSince = nil
            return
        }
        if targetBeforeSilence == nil { targetBeforeSilence = rateControl.rate }
        isSilent = true
        unansweredSince = now
        rateControl.lower(to: max(rateControl.rate * BandwidthEstimator.silenceFactor, limits.minimum), at: now)
        reason = .silence
    }

    /// Somebody answered.
    mutating func endSilence(at now: Instant) {
        isSilent = false
        if let before = targetBeforeSilence {
            targetBeforeSilence = nil
            probes.noteDrop(from: before, to: rateControl.rate, at: now)
        }
    }

    // MARK: The target

    /// What arrives, as it was sent: with what the link loses anyway.
    @inline(__always)
    func asSent(_ rate: Bitrate?) -> Bitrate? { rate.map { $0 * (1 / (1 - loss.accepted)) } }

    /// Lets each part have its say after feedback or a timeout.
    ///
    /// - Parameters:
    ///   - throughput: What arrived over the last second or since the last report; nil while that is not known.
    ///   - recent: What arrived over a shorter time.
    ///   - isSaturated: For so long all packets have waited, that it is what the way passes.
    mutating func apply(usage: LinkUsage, throughput: Bitrate?, recent: Bitrate?, isSaturated: Bool = false, at now: Instant) {
        self.throughput = throughput
        applicationLimit.update(sent: sent.bytes &- bytesAtUpdate, target: target, at: now)
        bytesAtUpdate = sent.bytes
        noteProbeResult(at: now)
        let before = rateControl.rate
        let change = rateControl.update(
            RateControl.Input(
                usage: usage, recent: asSent(recent), throughput: asSent(throughput), isApplicationLimited: applicationLimit.isLimited,
                isSaturated: isSaturated, isOwnQueue: now < ownQueueEnd, roundTrip: path.roundTrip, queue: path.queue,
                isOverflowing: isOverflowing, noise: noise), at: now)
        rateControl.keep(atLeast: limits.minimum)
        switch change {
        case .none: if applicationLimit.isLimited { reason = .applicationLimited }
        case .increased: reason = .growth
        case .decreased:
            reason = .delay
            lastOveruse = now
            probes.noteOveruse(from: before, to: rateControl.rate, settled: rateControl.settled, at: now)
        }
        let verdict = loss.update(
            LossControl.Input(
                target: target, delivered: throughput.map { max($0, recent ?? $0) }, ceiling: rateControl.rate,
                isOverused: isOverflowing || lastOveruse.map { now - $0 < BandwidthEstimator.overuseMemory } ?? false), at: now)
        switch verdict {
        case .none: break
        case .trial: probes.noteLoss(at: now)
        case .accepted: probes.noteAcceptedLoss()
        }
        settle(at: now)
    }

    @inline(__always)
    private var isOverflowing: Bool {
        path.queue > BandwidthEstimator.overflowQueue && lossOfLate > loss.accepted + BandwidthEstimator.overflowLoss
    }

    /// Takes the least of all limits, begins what is due, and says when to come back.
    mutating func settle(at now: Instant) {
        var target = min(rateControl.rate, limits.maximum)
        var reason = rateControl.rate > limits.maximum ? .maximum : self.reason
        if let limit = loss.limit, limit < target {
            target = limit
            reason = loss.phase == .trial ? .lossTrial : .loss
        }
        if let receiverLimit, !hasTransportFeedback, receiverLimit < target {
            target = receiverLimit
            reason = .remb
        }
        if target < limits.minimum {
            target = limits.minimum
            reason = .minimum
        }
        self.target = target
        shownReason = reason
        if unansweredSince != nil || probes.isStarted { probes.update(situation, at: now) }
        nextDeadline = min(silenceDeadline, probes.deadline(situation))
        let hasQueue = path.queue > BandwidthEstimator.standingQueue + noise * 2
        let settled = max(self.target, min(rateControl.settled, loss.limit ?? .maximum, limits.maximum))
        guidance = Guidance(
            isNearCapacity: isNearCapacity, hasQueue: hasQueue, probe: probes.offer,
            room: hasQueue && now >= ownQueueEnd ? self.target : settled,
            loss: loss.recent,
            hasRoom: throughput.map { $0 < self.target * BandwidthEstimator.full } ?? true, roundTrip: path.roundTrip,
            isExploring: probes.isInitial)
    }

    /// Where it stands.
    package var estimate: BandwidthEstimate {
        var acknowledged = acknowledged
        return BandwidthEstimate(
            target: target, reason: shownReason, usage: detector.usage, delayLimit: rateControl.rate, lossLimit: loss.limit,
            receiverLimit: hasTransportFeedback ? nil : receiverLimit, capacity: rateControl.capacity.estimate,
            throughput: acknowledged.rate(over: AcknowledgedRate.long), loss: loss.recent, acceptedLoss: loss.accepted,
            roundTrip: path.roundTrip, queue: path.queue, isApplicationLimited: applicationLimit.isLimited, probe: probes.offer)
    }
}
