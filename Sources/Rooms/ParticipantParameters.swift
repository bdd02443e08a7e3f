import MediaPrimitives
import RTP

/// What the control plane asks of a worker when somebody joins: one transport, and the media it carries either way.
package struct ParticipantParameters: Sendable {
    package var room: String
    package var identity: String
    /// Not listed to others (WHEP viewers).
    package var hidden: Bool
    /// Our canonical name in reports to it (RFC 3550 §6.5.1), the same as in the answer that it was given.
    package var cname: String
    package var transport: TransportParameters
    /// Sections on which the participant sends to us.
    package var receiving: [ReceivingSection]
    /// Sections on which we send to the participant.
    package var sending: [SendingSection]

    package init(
        room: String, identity: String, hidden: Bool, cname: String, transport: TransportParameters, receiving: [ReceivingSection],
        sending: [SendingSection]
    ) {
        self.room = room
        self.identity = identity
        self.hidden = hidden
        self.cname = cname
        self.transport = transport
        self.receiving = receiving
        self.sending = sending
    }
}

/// A section on which a participant sends to us: it becomes a publication.
package struct ReceivingSection: Sendable {
    package var track: TrackID
    /// With rids in ascending order of quality, where that is known: a layer's index is its rid's.
    package var parameters: RTPParameters
    /// The participant can be told which layers to send, and is when `RoomEvent.demand` says so.
    package var heedsDemand: Bool

    package init(track: TrackID, parameters: RTPParameters, heedsDemand: Bool = false) {
        self.track = track
        self.parameters = parameters
        self.heedsDemand = heedsDemand
    }
}

/// A section on which we send to a participant: it becomes a subscription.
package struct SendingSection: Sendable {
    package var parameters: RTPParameters
    /// What it carries; nil for nothing at present.
    package var source: TrackReference?
    package var wish: SubscriptionWish

    package init(parameters: RTPParameters, source: TrackReference?, wish: SubscriptionWish = SubscriptionWish()) {
        self.parameters = parameters
        self.source = source
        self.wish = wish
    }
}
