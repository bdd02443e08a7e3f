import Congestion
import Forwarding
import MediaPrimitives
import RTP

/// One section that a participant receives: the stream it is sent, what it wants, and what feeds it at present.
package final class Subscription {
    /// The slot of the participant that receives.
    let transport: Int
    let stream: SendStream
    /// The track that it shall carry; nil for none. Set by `TrackDirectory`.
    var source: TrackID?
    /// What feeds it; nil while its track is not there.
    private(set) weak var publication: Publication?
    private(set) var wish: SubscriptionWish
    private var isConnected = false
    /// The encoding, and in `epoch` that of its SSRCs, that `stream` is aligned to; nil when its next packet is the first of a publication.
    var layer: Int?
    var keyframeAllowance = KeyframeAllowance()
    /// `stream.packetsSent` when the subscriber last reported.
    var sentAtReport: UInt32 = 0
    /// What there is room for; nil while nothing is allocated.
    private(set) var allocated: LayerTarget?
    /// There is no room for it.
    private(set) var isPausedForBandwidth = false
    /// The track of which the subscriber has been told so.
    var toldPaused: TrackID?
    /// Its share is about to be found: no keyframe is asked for before of what may be too much.
    var awaitsShare = false
    var history = AllocationHistory()
    /// The best that its wish allows, and what keeps it from more than it is allocated.
    private(set) var best: LayerTarget?
    private(set) var limit = SubscriptionExplanation.Reason.best
    /// Since when both are as they are; nil while nothing is allocated.
    private(set) var decidedAt: Instant?
    /// The last changes, oldest first.
    private(set) var decisions: [SubscriptionExplanation.Decision] = []
    private static let rememberedDecisions = 10
    /// What the subscriber's reports say from one to the next.
    var progress = ReceptionProgress()

    init(transport: Int, stream: SendStream, wish: SubscriptionWish) {
        self.transport = transport
        self.stream = stream
        self.wish = wish
        stream.leg.pointee.rest()
    }

    // What the fan-out reads for each packet is in the stream's leg.
    var selector: LayerSelector {
        get { stream.leg.pointee.selector }
        set { stream.leg.pointee.selector = newValue }
    }
    /// The subscriber's transport is up and nothing is paused. Otherwise nothing is sent.
    var isReady: Bool { stream.leg.pointee.isReady }
    var epoch: UInt32 {
        get { stream.leg.pointee.epoch }
        set { stream.leg.pointee.epoch = newValue }
    }

    /// It is to be sent, if there is room.
    var isWanted: Bool { isConnected && !wish.isPaused }

    /// Which of `rungs` it has: the one of what it was allocated last, or nothing.
    func step(among rungs: [Allocation.Rung]) -> Int? {
        isPausedForBandwidth ? nil : allocated.flatMap { target in rungs.firstIndex { $0.target == target } }
    }

    /// Has room for so much of `best`, or for nothing.
    func allocate(_ target: LayerTarget?, of best: LayerTarget, at now: Instant) {
        self.best = best
        let limit: SubscriptionExplanation.Reason =
            target != best ? .bandwidth : wish.maximumLayer.map { $0 < (publication?.encodings.count ?? 1) - 1 } == true ? .viewport : .best
        let isOther = target != allocated || isPausedForBandwidth != (target == nil)
        if isOther || limit != self.limit { decidedAt = now }
        self.limit = limit
        guard isOther else {
            // What has not come yet is looked after.
            if selector.hasChange { publication?.choose(for: self, at: now) }
            return
        }
        allocated = target
        isPausedForBandwidth = target == nil
        if decisions.count == Subscription.rememberedDecisions { decisions.removeFirst() }
        decisions.append(SubscriptionExplanation.Decision(at: now, allocated: target, reason: limit))
        renew(at: now)
    }

    /// What it is sent ends here; a keyframe begins the next. What is missing of it is not sent again, either.
    func cut() {
        selector.restart()
        stream.forgetHistory()
    }

    /// Is fed by `publication` from now on, or by nothing.
    func follow(_ publication: Publication?, at now: Instant) {
        guard self.publication !== publication else { return }
        self.publication?.remove(self, at: now)
        self.publication = publication
        selector.restart()
        layer = nil
        allocated = nil
        best = nil
        limit = .best
        decidedAt = nil
        isPausedForBandwidth = false
        stream.forgetHistory()
        publication?.add(self, at: now)
    }

    /// The transport is up: choose, and ask for a keyframe to begin with.
    func start(at now: Instant) {
        isConnected = true
        renew(at: now)
    }

    /// The subscriber wants something else.
    func take(_ wish: SubscriptionWish, at now: Instant) {
        guard self.wish != wish else { return }
        self.wish = wish
        publication?.noteAudience(at: now)
        renew(at: now)
    }

    private func renew(at now: Instant) {
        stream.leg.pointee.isReady = isWanted && !isPausedForBandwidth
        // Whoever comes back from a pause begins with a keyframe, on the line of what was sent before.
        if !isReady { selector.restart() }
        publication?.choose(for: self, at: now)
    }
}
