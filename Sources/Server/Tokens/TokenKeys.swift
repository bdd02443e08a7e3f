import HTTPTypes
import JWTKit

/// The API keys, and the checks that stand before everything a client asks for.
package struct TokenKeys: Sendable {
    /// How far clocks may disagree, seconds.
    static let leeway: Double = 60
    /// Longer tokens are not looked at.
    static let lengthLimit = 16_384

    /// One collection for each key: the library would otherwise let a token choose among them by `kid`.
    private var collections: [String: JWTKeyCollection] = [:]

    package init(_ keys: [APIKey]) async {
        for key in keys {
            // The library refuses shorter keys in debug builds. HMAC pads with zeros itself, so the signature is the same (RFC 2104 §2).
            var secret = Array(key.secret.utf8)
            while secret.count < ServeConfiguration.shortestSecret { secret.append(0) }
            collections[key.name] = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        }
    }

    /// Signs with the key of that name; nil if there is none, or the library refuses.
    package func sign(_ invitation: Invitation, key: String) async -> String? {
        var invitation = invitation
        invitation.iss = key
        return try? await collections[key]?.sign(invitation)
    }

    /// Signs with the key of that name; nil if there is none, or the library refuses.
    package func sign(_ token: AccessToken, key: String) async -> String? {
        var token = token
        token.iss = key
        return try? await collections[key]?.sign(token)
    }

    /// The claims of a token that one of the keys has signed. Whether it is valid at this time is the next question.
    package func signed(_ text: String) async throws(Refusal) -> AccessToken { try await signed(text, called: "token") { $0.iss } }

    /// The claims of an invitation that one of the keys has signed, and that is still good: 401 for what never was one, 410 for what was.
    ///
    /// - Parameter now: seconds since 1970
    package func invitation(_ text: String, now: Double) async throws(Refusal) -> Invitation {
        let invitation: Invitation = try await signed(text, called: "invitation") { $0.iss }
        guard invitation.isInvitation else { throw .badToken("The invitation is none: another kind of token was given.") }
        guard now < invitation.exp else {
            throw Refusal(.gone, "This invitation has expired. Ask whoever invited you for a new link.")
        }
        return invitation
    }

    /// - Parameter name: what the text is called where it is refused
    private func signed<Claims: JWTPayload>(_ text: String, called name: String, issuer: (Claims) -> String) async throws(Refusal) -> Claims
    {
        guard text.utf8.count <= Self.lengthLimit else { throw .badToken("The \(name) is longer than \(Self.lengthLimit) bytes.") }
        let algorithm: String?
        let claims: Claims
        do {
            let parsed = try DefaultJWTParser().parse(Array(text.utf8), as: Claims.self)
            algorithm = parsed.header.alg
            claims = parsed.payload
        } catch {
            throw .badToken("The \(name) is not a JSON Web Token with the claims that are expected.")
        }
        guard algorithm == "HS256" else { throw .badToken("The \(name) must be signed with HS256.") }
        guard let collection = collections[issuer(claims)] else {
            throw .badToken("The \(name) was issued by an API key that this server does not have.")
        }
        do { return try await collection.verify(Array(text.utf8), as: Claims.self) } catch {
            throw .badToken("The \(name)'s signature is wrong.")
        }
    }

    /// Claims that are signed, timely and name an identity.
    ///
    /// - Parameter now: seconds since 1970
    package func verified(_ text: String, now: Double) async throws(Refusal) -> AccessToken {
        let token = try await timely(text, now: now)
        guard token.identity != nil else { throw .badToken("The token names no identity (sub).") }
        return token
    }

    /// Claims that are signed and timely.
    ///
    /// - Parameter now: seconds since 1970
    func timely(_ text: String, now: Double) async throws(Refusal) -> AccessToken {
        let token = try await signed(text)
        guard let expiry = token.exp else { throw .badToken("The token has no expiry (exp).") }
        guard now < expiry + Self.leeway else { throw .badToken("The token has expired.") }
        if let start = token.nbf, now < start - Self.leeway { throw .badToken("The token is not valid yet (nbf).") }
        return token
    }
}

extension Refusal {
    static func badToken(_ sentence: String) -> Refusal {
        Refusal(.unauthorized, sentence, headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
    }
}

extension AccessToken {
    /// The right to be in that room at all.
    private func requireRoom(_ room: String) throws(Refusal) -> VideoGrant {
        guard let video, video.roomJoin == true else { throw Refusal(.forbidden, "The token does not permit joining a room (roomJoin).") }
        guard video.room == room else { throw Refusal(.forbidden, "The token is for another room.") }
        return video
    }

    package func requirePublishing(in room: String) throws(Refusal) {
        guard try requireRoom(room).canPublish ?? true else {
            throw Refusal(.forbidden, "The token does not permit publishing (canPublish).")
        }
    }

    package func requireSubscribing(in room: String) throws(Refusal) {
        guard try requireRoom(room).canSubscribe ?? true else {
            throw Refusal(.forbidden, "The token does not permit watching (canSubscribe).")
        }
    }

    package func requireMembership(in room: String) throws(Refusal) { _ = try requireRoom(room) }

    /// Whether a source of that name (`camera`, `microphone`, …) may be published, given that something may.
    package func permits(source: String) -> Bool {
        guard let sources = video?.canPublishSources, !sources.isEmpty else { return true }
        return sources.contains(source)
    }
}
