import MediaPrimitives
import Negotiation
import Rooms

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
    /// Whether ICE and DTLS have been up.
    package var isConnected = false
    /// What it publishes; empty for viewers.
    package var tracks: [TrackDescription]
}
