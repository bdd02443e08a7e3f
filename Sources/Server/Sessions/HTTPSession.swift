import MediaPrimitives
import Negotiation

/// A member's WHIP or WHEP session, from the 201 to the DELETE. Confined to its room's actor.
final class HTTPSession {
    enum Role: String, Sendable { case publisher = "whip", viewer = "whep" }

    /// Unguessable (144 bits): whoever knows it may end the session.
    let id: String
    let role: Role
    let link: MediaLink
    /// Whom a viewer watches; nil for whoever has published longest.
    let publisher: String?
    /// Names the ICE session (RFC 9725 §4.3.1); changes with each restart. With its quotes.
    private(set) var entityTag: String

    init(role: Role, link: MediaLink, publisher: String?, entropy: Entropy) {
        id = entropy.urlText(24)
        self.role = role
        self.link = link
        self.publisher = publisher
        entityTag = Self.freshTag(entropy)
    }

    func renewTag(_ entropy: Entropy) { entityTag = Self.freshTag(entropy) }

    private static func freshTag(_ entropy: Entropy) -> String { "\"\(entropy.urlText(12))\"" }
}

/// What a request may know of a session.
package struct SessionState: Sendable {
    package var id: String
    package var identity: String
    package var entityTag: String
    /// The client's credentials, as it told them last.
    package var remote: ICECredentials?
}

/// A session that has begun, and the answer to its offer.
package struct SessionAnswer: Sendable {
    package var id: String
    package var entityTag: String
    package var sdp: String
}
