import JWTKit

/// The claims of an invitation: whoever has it may get an access token for one room, under a name of their own. It names no identity and
/// grants nothing by itself, so it is no access token; and an access token lacks the claim that makes this one an invitation.
package struct Invitation: JWTPayload, Equatable {
    /// The name of the API key that signed it.
    package var iss: String
    /// Seconds since 1970.
    package var exp: Double
    package var room: String
    /// What people call the room.
    package var title: String?
    package var isInvitation: Bool

    enum CodingKeys: String, CodingKey {
        case iss, exp, room, title
        case isInvitation = "apus_invitation"
    }

    /// - Parameters:
    ///   - now: seconds since 1970
    ///   - validFor: seconds
    package init(room: String, title: String? = nil, now: Double, validFor: Double) {
        iss = ""
        exp = (now + validFor).rounded(.down)
        self.room = room
        self.title = title
        isInvitation = true
    }

    /// Times are checked by `TokenKeys`, which is handed the clock.
    package func verify(using algorithm: some JWTAlgorithm) {}
}
