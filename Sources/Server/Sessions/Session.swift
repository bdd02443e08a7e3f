import MediaPrimitives
import RTP
import Rooms

/// A track as viewers are offered it: what was negotiated with its publisher.
package struct PublishedTrack: Sendable {
    package var parameters: RTPParameters
    /// The publisher's `a=msid`, or names of ours where it has none (RFC 8830).
    package var streamID: String
    package var trackID: String

    package init(parameters: RTPParameters, streamID: String, trackID: String) {
        self.parameters = parameters
        self.streamID = streamID
        self.trackID = trackID
    }
}

/// One WHIP or WHEP session, from the 201 to the DELETE.
package struct Session: Sendable {
    package enum Role: String, Sendable { case publisher = "whip", viewer = "whep" }

    /// Unguessable (144 bits): whoever knows it may end the session.
    package var id: String
    package var role: Role
    package var room: String
    package var identity: String
    package var participant: ParticipantID
    package var local: ICECredentials
    package var remote: ICECredentials
    /// Names the ICE session (RFC 9725 §4.3.1); changes with each restart. With its quotes.
    package var entityTag: String
    /// What it publishes; empty for viewers.
    package var tracks: [PublishedTrack]
    /// The answer's sections, for fragments.
    package var mids: [String]
}
