import Forwarding
import MediaPrimitives
import RTP

/// One section that a participant receives: the stream it is sent, what it wants, and what feeds it at present.
package final class Subscription {
    /// The slot of the participant that receives.
    let transport: Int
    let stream: SendStream
    // The fan-out reads these for each packet and subscriber; nothing is called while one of them is changed.
    @exclusivity(unchecked) var selector = LayerSelector()
    /// The track that it shall carry; nil for none. Set by `TrackDirectory`.
    var source: TrackID?
    /// What feeds it; nil while its track is not there.
    private(set) weak var publication: Publication?
    private(set) var wish: SubscriptionWish
    private var isConnected = false
    /// The subscriber's transport is up and nothing is paused. Otherwise nothing is sent.
    @exclusivity(unchecked) private(set) var isReady = false
    /// The encoding, and the epoch of it, that `stream` is aligned to; nil when its next packet is the first of a publication.
    var layer: Int?
    @exclusivity(unchecked) var epoch: UInt32 = 0
    var keyframeAllowance = KeyframeAllowance()
    /// `stream.packetsSent` when the subscriber last reported.
    var sentAtReport: UInt32 = 0

    init(transport: Int, stream: SendStream, wish: SubscriptionWish) {
        self.transport = transport
        self.stream = stream
        self.wish = wish
    }

    /// Is fed by `publication` from now on, or by nothing.
    func follow(_ publication: Publication?, at now: Instant) {
        guard self.publication !== publication else { return }
        self.publication?.remove(self)
        self.publication = publication
        selector.restart()
        layer = nil
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
        renew(at: now)
    }

    private func renew(at now: Instant) {
        isReady = isConnected && !wish.isPaused
        // Whoever comes back from a pause begins with a keyframe, on the line of what was sent before.
        if !isReady { selector.restart() }
        publication?.choose(for: self, at: now)
    }
}
