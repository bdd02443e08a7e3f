import MediaPrimitives

/// What a transport has to tell its owner. Read with `nextEvent()` after each call that takes an instant.
package enum TransportEvent: Sendable {
    /// The handshake is done and media may flow.
    case connected
    /// The end, with a sentence that says why. Nothing works any more.
    case closed(reason: String)
    /// A user fragment of ours that a restart replaced and that may be forgotten now.
    case retired(ufrag: String)
}
