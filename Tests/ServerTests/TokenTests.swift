import HTTPTypes
import JWTKit
import Server
import Testing

@Suite("Access tokens")
struct TokenTests {
    private static let now = 1_800_000_000.0
    private static let key = APIKey(name: "key", secret: "0123456789abcdef0123456789abcdef")

    private func signed(with secret: String = key.secret, _ change: (inout AccessToken) -> Void = { _ in }) async throws -> String {
        var token = AccessToken(identity: "me", video: VideoGrant(room: "room", roomJoin: true), now: Self.now, validFor: 600)
        token.iss = Self.key.name
        change(&token)
        return try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256).sign(token)
    }

    private func refusal(_ text: String, now: Double = now) async throws -> String {
        let keys = await TokenKeys([Self.key])
        let refusal = await #expect(throws: Refusal.self) { try await keys.verified(text, now: now) }
        #expect(refusal?.status == .unauthorized)
        #expect(refusal?.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        return refusal?.sentence ?? ""
    }

    @Test("a token of ours is good")
    func good() async throws {
        let token = try await TokenKeys([Self.key]).verified(signed(), now: Self.now)
        #expect(token.identity == "me" && token.video?.room == "room")
    }

    @Test("expiry and start have a minute of leeway each")
    func times() async throws {
        let keys = await TokenKeys([Self.key])
        let token = try await signed()
        _ = try await keys.verified(token, now: Self.now + 659)
        #expect(try await refusal(token, now: Self.now + 660) == "The token has expired.")
        _ = try await keys.verified(token, now: Self.now - 59)
        #expect(try await refusal(token, now: Self.now - 61) == "The token is not valid yet (nbf).")
        #expect(try await refusal(signed { $0.exp = nil }) == "The token has no expiry (exp).")
    }

    @Test("the wrong key, and a key that nobody has")
    func keys() async throws {
        #expect(try await refusal(signed(with: "another secret of thirty-two bytes")) == "The token's signature is wrong.")
        #expect(try await refusal(signed { $0.iss = "nobody" }).contains("an API key that this server does not have"))
        #expect(try await refusal(signed { $0.iss = "" }).contains("an API key that this server does not have"))
    }

    @Test("an identity is needed; jti stands in for sub")
    func identity() async throws {
        #expect(try await refusal(signed { $0.sub = nil }) == "The token names no identity (sub).")
        #expect(try await refusal(signed { $0.sub = "" }) == "The token names no identity (sub).")
        let token = try await TokenKeys([Self.key]).verified(
            signed {
                $0.sub = nil
                $0.jti = "other"
            }, now: Self.now)
        #expect(token.identity == "other")
    }

    @Test("other algorithms are refused, whatever the signature")
    func algorithms() async throws {
        let parts = try await signed().split(separator: ".")
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"  // {"alg":"none","typ":"JWT"}
        #expect(try await refusal("\(none).\(parts[1]).") == "The token must be signed with HS256.")
        #expect(try await refusal("\(none).\(parts[1]).\(parts[2])") == "The token must be signed with HS256.")
        var claims = AccessToken(identity: "me", video: VideoGrant(room: "room", roomJoin: true), now: Self.now, validFor: 600)
        claims.iss = Self.key.name
        // HS512 keys are zero-padded by HMAC just the same.
        let secret = Array(Self.key.secret.utf8) + Array(repeating: 0, count: 32)
        let wide = try await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha512).sign(claims)
        #expect(try await refusal(wide) == "The token must be signed with HS256.")
    }

    @Test("what is no token at all", arguments: ["", ".", "..", "a.b.c", "....", "nonsense", "e30.e30.e30", "\u{0}.\u{0}.\u{0}"])
    func nonsense(text: String) async throws {
        #expect(try await refusal(text).hasPrefix("The token"))
    }

    @Test("every truncation and every flipped character of a good token is refused, and nothing traps")
    func mutations() async throws {
        let keys = await TokenKeys([Self.key])
        let good = try await signed()
        for length in 0..<good.utf8.count {
            await #expect(throws: Refusal.self) { try await keys.verified(String(good.prefix(length)), now: Self.now) }
        }
        let bytes = Array(good.utf8)
        // The last character of each part has bits that carry nothing; flipping those changes no byte.
        for index in stride(from: 0, to: bytes.count - 1, by: 3) {
            var changed = bytes
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: changed, as: UTF8.self)
            if let token = try? await keys.verified(text, now: Self.now) { #expect(token.identity == "me" && index >= bytes.count - 2) }
        }
    }

    @Test("an overlong token is not looked at")
    func overlong() async throws {
        #expect(try await refusal(String(repeating: "a", count: 20_000)).contains("longer than"))
    }

    @Test("short secrets sign as every other library does")
    func shortSecret() async throws {
        // header {"alg":"HS256","typ":"JWT"}, payload {"iss":"devkey","sub":"me","exp":1900000000}, HMAC-SHA256 by key "secret" (Python's hmac).
        let token =
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJtZSIsImV4cCI6MTkwMDAwMDAwMH0."
            + "_vBiHdPv2pbPt8lvpxTL_Apm4Rh-Wfkk1SvWmaHfC70"
        #expect(try await TokenKeys([.development]).verified(token, now: Self.now).identity == "me")
    }

    @Test("grants of a room")
    func grants() throws {
        func token(_ video: VideoGrant?) -> AccessToken {
            var token = AccessToken(identity: "me", video: VideoGrant(), now: Self.now, validFor: 60)
            token.video = video
            return token
        }
        try token(VideoGrant(room: "room", roomJoin: true)).requirePublishing(in: "room")
        try token(VideoGrant(room: "room", roomJoin: true)).requireSubscribing(in: "room")
        let cases: [(VideoGrant?, String)] = [
            (nil, "roomJoin"), (VideoGrant(room: "room"), "roomJoin"), (VideoGrant(room: "room", roomJoin: false), "roomJoin"),
            (VideoGrant(room: "other", roomJoin: true), "another room"), (VideoGrant(roomJoin: true), "another room"),
            (VideoGrant(room: "Room", roomJoin: true), "another room"),
            (VideoGrant(room: "room", roomJoin: true, canPublish: false), "canPublish"),
        ]
        for (video, word) in cases {
            let refusal = #expect(throws: Refusal.self) { try token(video).requirePublishing(in: "room") }
            #expect(refusal?.status == .forbidden && refusal?.sentence.contains(word) == true)
        }
        let refusal = #expect(throws: Refusal.self) {
            try token(VideoGrant(room: "room", roomJoin: true, canSubscribe: false)).requireSubscribing(in: "room")
        }
        #expect(refusal?.sentence.contains("canSubscribe") == true)
    }
}
