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
    /// Sections on which the participant sends to us: each becomes a publication.
    package var receiving: [RTPParameters]
    /// Sections on which we send to the participant: each becomes a subscription, fed as `following` says.
    package var sending: [RTPParameters]
    package var following: Following

    /// Whose tracks the sections in `sending` carry.
    package enum Following: Sendable, Hashable {
        /// Whoever has published longest; moves on to the next when they leave.
        case longestPublishing
        case participant(identity: String)
    }

    package init(
        room: String, identity: String, hidden: Bool, cname: String, transport: TransportParameters, receiving: [RTPParameters],
        sending: [RTPParameters],
        following: Following
    ) {
        self.room = room
        self.identity = identity
        self.hidden = hidden
        self.cname = cname
        self.transport = transport
        self.receiving = receiving
        self.sending = sending
        self.following = following
    }
}

/// Names one participant's transport on one worker; never used twice in a worker's life.
package struct ParticipantID: Hashable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a worker tells the control plane.
package enum RoomEvent: Sendable {
    /// ICE and DTLS are up; media may flow.
    case connected(ParticipantID)
    /// The participant is gone and its id is free of meaning; the reason is a sentence.
    case closed(ParticipantID, reason: String)
}
