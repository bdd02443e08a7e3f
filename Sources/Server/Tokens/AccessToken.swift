import JWTKit

/// The claims of an access token: LiveKit's, so that its SDKs and tools make tokens for this server. Times are seconds since 1970.
package struct AccessToken: JWTPayload, Equatable {
    /// The name of the API key that signed it.
    package var iss: String
    /// The identity.
    package var sub: String?
    package var jti: String?
    package var nbf: Double?
    package var exp: Double?
    package var iat: Double?
    package var name: String?
    package var metadata: String?
    package var attributes: [String: String]?
    package var kind: String?
    package var video: VideoGrant?

    /// Who the bearer is: `sub`, or `jti` where that is missing; nil where both are empty.
    package var identity: String? { [sub, jti].compactMap { $0 }.first { !$0.isEmpty } }

    /// - Parameters:
    ///   - now: seconds since 1970
    ///   - validFor: seconds
    package init(identity: String, name: String? = nil, metadata: String? = nil, video: VideoGrant, now: Double, validFor: Double) {
        iss = ""
        sub = identity
        jti = nil
        // A clock behind the signer's must not refuse a fresh token; readers allow a minute besides.
        nbf = now.rounded(.down)
        exp = (now + validFor).rounded(.down)
        iat = now.rounded(.down)
        self.name = name
        self.metadata = metadata
        self.video = video
    }

    /// Times are checked by `TokenKeys`, which is handed the clock.
    package func verify(using algorithm: some JWTAlgorithm) {}
}
