import Congestion
import Forwarding
import MediaPrimitives
import RTP
import Transports

/// Why a subscription is sent what it is sent, in the words of those who decided it: nothing here is worked out a second time.
package struct SubscriptionExplanation: Sendable {
    /// A closed list.
    package enum Reason: String, Sendable, CaseIterable {
        /// It has the best that there is.
        case best
        /// The subscriber's connection is not up yet.
        case connecting
        /// Nothing feeds it: the track is not there.
        case noTrack = "no_track"
        /// The subscriber wants nothing of it for now.
        case paused
        /// The subscriber has no use for more.
        case viewport
        /// There is no room for more, or for any of it.
        case bandwidth
        /// Of what it is to be sent nothing arrives: muted, or switched off.
        case notLive = "not_live"
        /// Others speak, and not everybody is sent at a time.
        case notLoudest = "not_loudest"
        /// Its publisher had switched the layer off, as nobody watched it, and has been asked to send it again.
        case awaitingPublisher = "awaiting_publisher"
        /// A keyframe has been asked for.
        case awaitingKeyframe = "awaiting_keyframe"
        /// It has not come for too long: what there is goes on, or the next lower.
        case keyframeOverdue = "keyframe_overdue"
        /// The layer can only be entered at a picture that refers to none of it.
        case awaitingSwitchPoint = "awaiting_switch_point"
        /// The change comes with the next picture.
        case awaitingPicture = "awaiting_picture"
    }

    /// One change of what there is room for.
    package struct Decision: Sendable {
        package var at: Instant
        /// nil for a pause.
        package var allocated: LayerTarget?
        /// What set it: `best`, `viewport` or `bandwidth`.
        package var reason: Reason
    }

    package var subscriber: ParticipantID
    package var identity: String
    package var track: TrackID
    /// The best that its wish allows; nil where that is not known, or for sound.
    package var wanted: LayerTarget?
    package var allocated: LayerTarget?
    package var current: LayerTarget?
    package var reason: Reason
    /// For how long it has been waited for what is to be sent; where nothing is waited for, for how long that has been decided. nil where neither
    /// is known: of sound, and where the reason has nothing to do with layers.
    package var since: Interval?
    /// The last ten, oldest first, and how long ago they were.
    package var decisions: [(age: Interval, allocated: LayerTarget?, reason: Reason)]
    /// What the way to the subscriber carries, and what set that.
    package var estimate: BandwidthEstimate
    package var roundTrip: Interval?
    /// The same to whoever sends the track, where extended reports tell it and it comes to this worker.
    package var publisherRoundTrip: Interval?
    /// Packets that wait for their turn.
    package var held: Int
}

extension SubscriptionExplanation {
    /// What is known in every case.
    package init(subscriber: ParticipantID, identity: String, track: TrackID, reason: Reason, estimate: BandwidthEstimate) {
        self.init(
            subscriber: subscriber, identity: identity, track: track, wanted: nil, allocated: nil, current: nil, reason: reason, since: nil,
            decisions: [], estimate: estimate, roundTrip: nil, publisherRoundTrip: nil, held: 0)
    }
}

extension Subscription {
    /// What is known of it, without what concerns its participant as a whole.
    fileprivate func explanation(at now: Instant) -> (reason: SubscriptionExplanation.Reason, current: LayerTarget?, since: Interval?) {
        guard let publication else { return (.noTrack, nil, nil) }
        let wanted = Int(selector.wanted.encoding)
        let encoding = publication.encodings.indices.contains(wanted) ? publication.encodings[wanted] : nil
        let isLive = encoding != nil && publication.state(of: wanted, at: now).isLive
        let status = selector.status(isLive: isLive)
        let current = status.current.encoding < 0 ? nil : status.current
        let decided = decidedAt.map { now - $0 }
        if wish.isPaused { return (.paused, nil, nil) }
        if publication.isHushed { return (.notLoudest, nil, nil) }
        if isPausedForBandwidth { return (.bandwidth, nil, decided) }
        let reason: SubscriptionExplanation.Reason =
            switch status.reason {
            case .reached: publication.kind == .audio || isLive ? limit : .notLive
            case .paused, .notLive: encoding?.isAwaited(at: now) == true ? .awaitingPublisher : .notLive
            case .awaitingKeyframe: .awaitingKeyframe
            case .keyframeOverdue: .keyframeOverdue
            case .awaitingSwitchPoint: .awaitingSwitchPoint
            case .awaitingPicture: .awaitingPicture
            }
        return (reason, current, status.since.map { now - $0 } ?? (reason == limit ? decided : nil))
    }
}

extension ForwardingUnit {
    private func publisherRoundTrip(of subscription: Subscription) -> Interval? {
        guard case .participant(let slot) = subscription.publication?.origin else { return nil }
        return participants[slot]?.roundTripReports.roundTrip
    }

    /// All that everybody in a room is sent from this worker, and why.
    package func explain(_ room: String, at now: Instant) -> [SubscriptionExplanation] {
        participants.all.filter { $0.room == room }.flatMap { participant in
            let estimate = participant.downlink.estimator.estimate
            return participant.subscriptions.compactMap { subscription -> SubscriptionExplanation? in
                guard let track = subscription.source else { return nil }
                var (reason, current, since) = subscription.explanation(at: now)
                if !participant.transport.isConnected { (reason, current, since) = (.connecting, nil, nil) }
                return SubscriptionExplanation(
                    subscriber: participant.id, identity: participant.identity, track: track, wanted: subscription.best,
                    allocated: subscription.allocated, current: current, reason: reason, since: since,
                    decisions: subscription.decisions.map { (now - $0.at, $0.allocated, $0.reason) }, estimate: estimate,
                    roundTrip: participant.downlink.roundTrip, publisherRoundTrip: publisherRoundTrip(of: subscription),
                    held: participant.downlink.held.count)
            }
        }
    }
}
