import Forwarding
import MediaPrimitives
import RTP

/// One section that a participant receives: the stream it is sent, and what feeds it at present.
package final class Subscription {
    /// The slot of the participant that receives.
    let transport: Int
    let following: ParticipantParameters.Following
    let stream: SendStream
    var selector = LayerSelector()
    /// What feeds it; nil while nobody publishes what it wants.
    private(set) weak var publication: Publication?
    /// The subscriber's transport is up. Before that nothing is sent.
    var isReady = false
    /// The encoding, and the epoch of it, that `stream` is aligned to; nil when its next packet is the first of a publication.
    var layer: Int?
    var epoch: UInt32 = 0
    var keyframeAllowance = KeyframeAllowance()

    init(transport: Int, following: ParticipantParameters.Following, stream: SendStream) {
        self.transport = transport
        self.following = following
        self.stream = stream
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
        isReady = true
        publication?.choose(for: self, at: now)
    }
}
