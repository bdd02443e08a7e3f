import MediaPrimitives

/// What became of one received STUN message.
package enum ICEResult: Hashable, Sendable {
    /// An authentic check: the answer is in the batch (unless that was full) and the path counts as validated.
    case answered
    /// An authentic check that was answered with an error (420 or 487) and changed nothing.
    case refused(code: Int)
    /// A valid message that asks for nothing: a keepalive indication, or a response that was taken note of.
    case ignored
    /// Not for us, malformed or forged: nothing was answered and nothing changed.
    case dropped(DropReason)
}

/// What an agent or a controller has to tell. Read with `nextEvent()` after each `receive` and `handleTimeout` until it gives nil.
package enum ICEEvent: Hashable, Sendable {
    /// Media goes by this path from now on. The first one comes before `connected`.
    case selected(Path)
    /// The selected path has lost consent or was closed, while others may live: media waits for the next nomination.
    case deselected
    /// A path was selected for the first time.
    case connected
    /// No authentic check (or answer) for 15 s.
    case quiet
    /// Checks are back after `quiet`.
    case recovered
    /// None for 30 s: consent is gone (RFC 7675 §5.1). The agent is dead and answers no more, until a restart.
    case expired
    /// Never any, for 30 s (agent) or for seven sends and their wait (controller). The agent is dead.
    case timedOut
    /// Credentials that a restart replaced are no longer accepted; their user fragment can be forgotten.
    case retired(ufrag: String)
    /// The peer answered a check with this error (controller only).
    case refused(code: Int)
}

/// Events that wait to be read, in order. A run of selections keeps only the last, so that a peer who flips paths cannot make the queue grow.
struct ICEEventQueue {
    private var events: [ICEEvent] = []
    private var head = 0

    mutating func append(_ event: ICEEvent) {
        if case .selected = event, head < events.count, case .selected = events[events.count - 1] {
            events[events.count - 1] = event
            return
        }
        events.append(event)
    }

    mutating func next() -> ICEEvent? {
        guard head < events.count else { return nil }
        defer {
            head += 1
            if head == events.count {
                events.removeAll(keepingCapacity: true)
                head = 0
            }
        }
        return events[head]
    }
}
