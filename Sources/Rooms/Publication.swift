import Congestion
import Forwarding
import MediaPrimitives
import RTP

/// A track that a participant offers to the room: its encodings, and the subscriptions that are fed from it.
package final class Publication {
    /// What steps take that have not been measured yet, as browsers have them, in bits a second.
    private static let assumed = [150_000, 500_000, 1_700_000]
    private static let selectionInterval = Interval.milliseconds(250)
    /// Who has a picture waits so long for a better one after a keyframe of any encoding was asked for: many rise by several steps within this time, and
    /// many join at once.
    private static let keyframeRest = Interval.milliseconds(350)
    /// Where there are so many viewers: among few, a keyframe more costs less than waiting does.
    private static let viewersThatMerge = 4

    let track: TrackID
    /// Where its packets come from and keyframe requests go.
    enum Origin {
        /// A participant here, by slot.
        case participant(slot: Int)
        /// Another worker, by the relay's place.
        case relay(Int)
    }

    let origin: Origin
    let parameters: RTPParameters
    let encodings: [Encoding]
    @exclusivity(unchecked) private(set) var audience = Audience()  // Walked by the fan-out, which adds nobody and removes nobody.
    /// The other workers that want its packets, a bit each.
    @exclusivity(unchecked) var relays: UInt64 = 0
    /// How many packets of each layer were handed to them.
    @exclusivity(unchecked) var relayed: ContiguousArray<UInt32>
    /// The participants, by slot, for whom another encoding has begun since this was last taken.
    @exclusivity(unchecked) private(set) var switched: ContiguousArray<Int32> = []
    /// Who is to begin with what is here already, and when.
    private(set) var joiners: [Subscription] = []
    var joinersDue = Instant.distantFuture
    /// When the subscriptions' choice of an encoding is next looked at; never, where there is no choice.
    private(set) var nextSelection = Instant.distantFuture
    /// Who is heard to speak; nil where packets do not bear their level.
    private var speech: SpeechMeter?
    /// The same for whoever decides about the room's speakers, and for its other speakers.
    @exclusivity(unchecked) var voice: Voice?
    /// The worker that decides about them, where it is another one.
    var decider: Int?
    /// Others are heard instead: its packets are not sent.
    @exclusivity(unchecked) var isHushed = false
    /// Counts the times that its packets have ceased to be sent, so that other workers see where they begin anew.
    @exclusivity(unchecked) private(set) var spurt: UInt8 = 0
    /// When a speaker's silence will be noticed. Asked for every packet, so not computed.
    @exclusivity(unchecked) private(set) var speechDeadline = Instant.distantFuture
    /// Which layers its publisher is told to send; nil where it is not told.
    var demand: LayerDemand?
    /// How many layers other workers want, by worker.
    var demandElsewhere: [Int: Int] = [:]
    /// When who wants which layers is next looked at.
    var demandDeadline = Instant.distantFuture

    /// A relayed one tells its home what is wanted here, and that one the publisher, if it `heedsDemand`.
    init(track: TrackID, from origin: Origin, parameters: RTPParameters, heedsDemand: Bool = false, at now: Instant) {
        self.track = track
        self.origin = origin
        self.parameters = parameters
        var isRelayed = false
        if case .relay = origin { isRelayed = true }
        if parameters.rids.isEmpty {
            encodings = [Encoding(layer: 0, rid: nil, parameters: parameters, isRelayed: isRelayed)]
        } else {
            encodings = parameters.rids.enumerated().map { Encoding(layer: $0, rid: $1, parameters: parameters, isRelayed: isRelayed) }
            nextSelection = now
        }
        // Layers inside an encoding need keyframes to be entered, and have to be asked for until they come.
        if parameters.codecs.contains(where: { $0.codec == .vp9 || $0.codec == .av1 }) { nextSelection = now }
        relayed = ContiguousArray(repeating: 0, count: encodings.count)
        if parameters.kind == .audio, parameters.extensions[.audioLevel] != 0 {
            speech = SpeechMeter()
            if !isRelayed { voice = Voice() }
        }
        if parameters.kind == .video, heedsDemand { demand = LayerDemand(layers: encodings.count) }
        noteAudience(at: now)
    }

    var kind: MediaKind { parameters.kind }

    func add(_ subscription: Subscription, at now: Instant) {
        audience.append(subscription)
        noteAudience(at: now)
        choose(for: subscription, at: now)
    }

    func remove(_ subscription: Subscription, at now: Instant) {
        audience.remove(subscription)
        joiners.removeAll { $0 === subscription }
        noteAudience(at: now)
    }

    func removeAllSubscriptions() -> ContiguousArray<Subscription> {
        joiners = []
        return audience.removeAll()
    }

    /// Takes who is to begin with what is here already.
    func takeJoiners() -> [Subscription] {
        defer { joiners = [] }
        return joiners
    }

    /// `subscription` is to begin with what is here already, as soon as can be.
    func join(_ subscription: Subscription, at now: Instant) {
        joinersDue = min(joinersDue, now)
        if !joiners.contains(where: { $0 === subscription }) { joiners.append(subscription) }
    }

    /// The fan-out: one packet, every subscription, one loop. Nothing here waits, allocates, counts references or encrypts.
    func fanOut(_ packet: MediaPacket, from encoding: Encoding, into departures: inout DepartureQueue) {
        guard audience.count > 0, let shared = SharedPacket(packet, in: encoding.ring) else { return }
        departures.keep(encoding.ring)
        for index in 0..<audience.count {
            let listener = audience[index]
            if index &+ Leg.foresight < audience.count { Leg.foresee(audience[index &+ Leg.foresight].leg) }
            if index &+ 2 < audience.count { Leg.foreseeHistory(audience[index &+ 2].leg) }
            if listener.leg.pointee.take(shared, transport: listener.transport, into: &departures) { continue }
            guard begins(audience.subscriptions[index], with: packet) else { continue }
            // Nothing came right before it: a talkspurt begins (RFC 3551 §4.1).
            listener.leg.pointee.forward(
                kind == .audio ? shared.beginningTalkspurt : shared, transport: listener.transport, into: &departures)
        }
    }

    /// Its packets are not sent from now on.
    func hush(at now: Instant) {
        isHushed = true
        breakOff(at: now)
    }

    /// Some packets are left out here: the next one that is sent follows the last one in its number, and comes after it by its own time.
    func breakOff(at now: Instant) {
        spurt = (spurt &+ 1) & 0x7f
        for subscription in audience.subscriptions {
            subscription.selector.restart()
            choose(for: subscription, at: now)
        }
    }

    /// Whether any subscription is served from `layer`.
    func isFollowed(layer: Int) -> Bool {
        guard kind == .video else { return false }
        for index in 0..<audience.count where audience[index].leg.pointee.selector.current == layer { return true }
        return false
    }

    /// Whether anybody is sent `layer`, or would begin with it, or whoever joins now might.
    func isOfUse(layer: Int, at now: Instant) -> Bool {
        if relays != 0 || encodings[layer].isNearKeyframe(at: now) { return true }
        for index in 0..<audience.count where !audience[index].leg.pointee.selector.ignores(layer) { return true }
        return false
    }

    /// Decides about a packet that does not continue what `subscription` gets; true if it is sent, as the first of its encoding.
    func begins(_ subscription: Subscription, with packet: MediaPacket) -> Bool {
        if subscription.selector.current == packet.layer {
            // The encoding came back under another SSRC: its numbers are new, and so is its first frame.
            subscription.selector.restart()
            choose(for: subscription, at: packet.arrival, served: packet.isSwitchPoint ? packet.layer : nil, mayJoin: false)
        }
        guard subscription.selector.decide(layer: packet.layer, isSwitchPoint: packet.isSwitchPoint) == .switchHere else { return false }
        start(subscription, with: packet)
        return true
    }

    /// Takes for whom another encoding has begun.
    func takeSwitched() -> ContiguousArray<Int32> {
        defer { switched.removeAll(keepingCapacity: true) }
        return switched
    }

    /// Tells all that get `layer` that `sequence` carries nothing.
    func leaveOut(_ sequence: Int64, layer: Int) {
        let epoch = encodings[layer].epoch
        for index in 0..<audience.count {
            let leg = audience[index].leg
            if leg.pointee.selector.current == layer, leg.pointee.epoch == epoch { leg.pointee.leaveOut(sequence) }
        }
    }

    private func start(_ subscription: Subscription, with packet: MediaPacket) {
        var elapsed: Interval?
        // Encodings of one publication share a clock, which their sender reports tell; those of different publishers share only ours, and an
        // encoding's clock says nothing of the timestamps that it had under another SSRC.
        if subscription.layer == packet.layer, subscription.epoch == packet.epoch, let timestamp = subscription.stream.lastSourceTimestamp {
            // The same stream after a pause: its own timestamps say it best.
            let units = Int64(Int32(truncatingIfNeeded: packet.timestamp &- timestamp))
            elapsed = Interval(nanoseconds: units &* 1_000_000_000 / Int64(packet.codec.clockRate))
        } else if let former = subscription.layer, former < encodings.count, encodings[former].epoch == subscription.epoch,
            let timestamp = subscription.stream.lastSourceTimestamp,
            let before = encodings[former].clock.ntp(of: timestamp), let after = encodings[packet.layer].clock.ntp(of: packet.timestamp)
        {
            elapsed = after.since(before)
        }
        subscription.stream.align(to: packet, elapsed: elapsed)
        switched.append(Int32(truncatingIfNeeded: subscription.transport))
        subscription.layer = packet.layer
        subscription.epoch = packet.epoch
    }

    /// What selectors and `/explain` need to know of an encoding.
    func state(of layer: Int, at now: Instant) -> LayerState {
        // The keyframe that told an encoding's size may have been lost.
        var state = encodings[layer].state(at: now, comparesSizes: encodings.allSatisfy { $0.hasSize(at: now) })
        if state.isLive, encodings[layer].hasEnded(among: encodings, at: now) { state.isLive = false }
        return state
    }

    /// Renews one subscription's choice, and asks for the keyframe that it needs, unless that of encoding `served` is here already, or all that has come
    /// since the last one can be sent to it, where it `mayJoin` so.
    func choose(for subscription: Subscription, at now: Instant, served: Int? = nil, mayJoin: Bool = true) {
        guard subscription.isReady else { return }
        // Its share is found at this instant, too: who begins at once must know it, and among many nobody is asked in vain.
        if subscription.awaitsShare, audience.count >= Publication.viewersThatMerge || mayJoin && hasBeginning(at: now) { return }
        let states = states(for: subscription, at: now)
        let needed = subscription.selector.choose(
            among: states, maximum: subscription.wish.maximumLayer, allocated: subscription.allocated)
        if let needed, needed != served {
            if mayJoin, hasBeginning(of: needed, for: subscription, at: now) {
                join(subscription, at: now)
            } else {
                wantKeyframe(of: needed, at: now, notBefore: rest(for: subscription, from: needed, states))
            }
        }
        // What does not come is looked for elsewhere, and asked for again.
        if kind == .video, let further = subscription.stream.leg.pointee.review(among: states, at: now), further != served {
            wantKeyframe(of: further, at: now)
        }
    }

    private func wantKeyframe(of layer: Int, at now: Instant, notBefore: Instant? = nil) {
        guard kind == .video else { return }
        // What was switched off begins with a keyframe; to ask for another could cost those that all others watch one.
        if encodings.count > 1, encodings[layer].isAwaited(at: now) { return }
        encodings[layer].keyframes.want(at: now, notBefore: notBefore)
    }

    /// How the encodings are for `subscription`. What is awaited counts as live for those who can wait: they have a picture, or nobody has one.
    private func states(for subscription: Subscription, at now: Instant) -> [LayerState] {
        var states = encodings.indices.map { state(of: $0, at: now) }
        let isFed = subscription.selector.current.map { $0 < states.count && states[$0].isLive } ?? false
        guard isFed || !states.contains(where: \.isLive) else { return states }
        for index in states.indices where encodings[index].isAwaited(at: now) { states[index].isLive = true }
        return states
    }

    /// Until when a keyframe of `needed` can wait for `subscription`: somebody who is shown less meanwhile.
    private func rest(for subscription: Subscription, from needed: Int, _ states: [LayerState]) -> Instant? {
        guard audience.count >= Publication.viewersThatMerge, let current = subscription.selector.current, current < states.count,
            states[current].isLive,
            states[current].quality < states[needed].quality
        else { return nil }
        return encodings.compactMap { $0.keyframes.lastSent }.max().map { $0 + Publication.keyframeRest }
    }

    /// Nobody is asked for what the one who wanted it has risen beyond.
    private func withdrawWishes(at now: Instant) {
        for (layer, encoding) in encodings.enumerated() where encoding.keyframes.isPending && encoding.keyframes.nextDeadline <= now {
            guard relays == 0, !audience.subscriptions.contains(where: { $0.selector.wantsKeyframe(of: layer) }) else { continue }
            encoding.keyframes.withdraw()
        }
    }

    /// What a subscription with `wish` could be sent, ascending in quality, and what each takes with its headers: the encodings that are live, or about to be.
    func rungs(for wish: SubscriptionWish, at now: Instant) -> [Allocation.Rung] {
        let live = encodings.indices.filter { state(of: $0, at: now).isLive || encodings[$0].isAwaited(at: now) }
        let allowed = live.filter { $0 <= wish.maximumLayer ?? .max }
        let ordered =
            wish.maximumLayer != nil
            ? (allowed.isEmpty ? Array(live.prefix(1)) : allowed)
            : allowed.sorted { (state(of: $0, at: now).quality, $0) < (state(of: $1, at: now).quality, $1) }
        return ordered.enumerated().flatMap { step, layer in
            encodings[layer].steps(thinsOut: step == 0, at: now).map {
                let payload = Bitrate(bitsPerSecond: $0.rate ?? Publication.assumed[min(step, 2)])
                return Allocation.Rung(target: $0.target, rate: payload * (1 + encodings[layer].overhead))
            }
        }
    }

    /// Renews everybody's choice when it is due.
    func handleTimeout(at now: Instant) {
        if encodings.count > 1 { withdrawWishes(at: now) }
        guard nextSelection <= now else { return }
        // What ends is noticed at once: those who watch it see nothing until they get another.
        nextSelection = encodings.reduce(now + Publication.selectionInterval) { $1.earliestEnd > now ? min($0, $1.earliestEnd) : $0 }
        for subscription in audience.subscriptions { choose(for: subscription, at: now) }
    }

    /// A subscriber cannot decode what it gets. One that says so all the time does not spoil the picture of the others.
    func requestKeyframe(for subscription: Subscription, at now: Instant) {
        guard kind == .video, let layer = subscription.selector.current ?? subscription.selector.target else { return }
        guard encodings[layer].keyframes.isWanted || subscription.keyframeAllowance.take(at: now) else { return }
        encodings[layer].keyframes.want(at: now)
    }

    /// Notes how loud a packet is. Returns the level to tell of, where it has changed.
    func noteLevel(_ packet: MediaPacket) -> UInt8? {
        guard let level = packet.audioLevel else { return nil }
        return measure { $0.note(level, at: packet.arrival) }
    }

    /// Notices that a speaker has fallen silent. Returns the level to tell of, where it has changed.
    func noticeSilence(at now: Instant) -> UInt8? { speechDeadline <= now ? measure { $0.handleTimeout(at: now) } : nil }

    /// The track has ended, and with it whoever spoke. Returns the level to tell of, where it has changed.
    func endSpeech() -> UInt8? { measure { $0.silence() } }

    private func measure(_ body: (inout SpeechMeter) -> UInt8?) -> UInt8? {
        guard var meter = speech else { return nil }
        let changed = body(&meter)
        speech = meter
        speechDeadline = meter.nextDeadline
        return changed
    }

    /// The earliest instant at which this publication has something to ask, to choose or to tell.
    var nextDeadline: Instant {
        encodings.reduce(min(nextSelection, speechDeadline, min(demandDeadline, joinersDue))) { min($0, $1.nextDeadline) }
    }
}
