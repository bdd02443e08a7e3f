import Foundation
import HTTPTypes
import Hummingbird
import JWTKit
import NIOCore
import Server
import Testing

@Suite("Invitations")
struct InvitationTests {
    private struct Made: Decodable {
        var room: String
        var invitation: String
        var link: String
        var expires: Double
    }

    private struct Joined: Decodable {
        var token: String
        var room: String
        var identity: String
        var name: String
        var title: String?
    }

    private static let json: HTTPFields = [.contentType: "application/json"]

    private func post(_ client: RouterClient, _ path: String, _ body: String) async throws -> RouterClient.Answer {
        try await client.ask(path, .post, headers: Self.json, body: ByteBuffer(string: body))
    }

    private func make(_ client: RouterClient, _ body: String = "{}") async throws -> Made {
        let answer = try await post(client, "/api/rooms", body)
        #expect(answer.status == .created, "\(answer.text)")
        #expect(answer.headers[.cacheControl] == "no-store")
        return try JSONDecoder().decode(Made.self, from: Data(answer.text.utf8))
    }

    private func join(_ client: RouterClient, _ invitation: String, name: String) async throws -> RouterClient.Answer {
        let body = try JSONEncoder().encode(["invitation": invitation, "name": name])
        return try await post(client, "/api/join", String(decoding: body, as: UTF8.self))
    }

    private func joined(_ client: RouterClient, _ invitation: String, name: String) async throws -> Joined {
        let answer = try await join(client, invitation, name: name)
        #expect(answer.status == .ok, "\(answer.text)")
        return try JSONDecoder().decode(Joined.self, from: Data(answer.text.utf8))
    }

    private func expect(
        _ answer: RouterClient.Answer, _ status: HTTPResponse.Status, _ words: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.status == status, "\(answer.text)", sourceLocation: location)
        #expect(answer.text.contains(words) && answer.text.hasSuffix(".\n"), "\(answer.text)", sourceLocation: location)
    }

    @Test("a room has a name that nobody guesses, and a link that carries the invitation")
    func making() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let first = try await make(client)
            let second = try await make(client, #"{"title": null}"#)
            #expect(first.room != second.room && first.room.count >= 12)
            #expect(first.link == "/#\(first.invitation)")
            #expect(abs(first.expires - Bench.now - 86_400) < 5)
        }
    }

    @Test("each guest gets a token of their own for the room, whatever name they give")
    func joining() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let made = try await make(client, #"{"title": "  Team\nmeeting "}"#)
            let first = try await joined(client, made.invitation, name: " Ada ")
            let second = try await joined(client, made.invitation, name: "Ada")
            #expect(first.identity != second.identity && first.identity.count >= 12)
            #expect(first.name == "Ada" && first.room == made.room && first.title == "Team meeting")
            let token = try await bench.keys.verified(first.token, now: Bench.now)
            #expect(token.identity == first.identity && token.name == "Ada")
            #expect(token.video == VideoGrant(room: made.room, roomJoin: true))
            #expect(abs((token.exp ?? 0) - Bench.now - 6 * 3600) < 5)
        }
    }

    @Test("an invitation is no access token, and an access token no invitation")
    func kinds() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let made = try await make(client)
            let refusal = await #expect(throws: Refusal.self) { try await bench.keys.verified(made.invitation, now: Bench.now) }
            #expect(refusal?.status == .unauthorized)
            let whip = try await client.ask(
                "/whip/\(made.room)", .post, headers: bench.headers(made.invitation), body: ByteBuffer(string: Offers.publish))
            expect(whip, .unauthorized, "names no identity")
            expect(try await join(client, bench.token(made.room), name: "Ada"), .unauthorized, "The invitation")
            var denied = Invitation(room: made.room, now: Bench.now, validFor: 60)
            denied.isInvitation = false
            let signed = try #require(await bench.keys.sign(denied, key: Bench.secret.name))
            expect(try await join(client, signed, name: "Ada"), .unauthorized, "another kind of token")
        }
    }

    @Test("401 for a bad invitation, 410 for an expired one")
    func refusals() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let made = try await make(client)
            for text in ["", "a.b.c", "nonsense", String(made.invitation.dropLast(4)), made.invitation + "A"] {
                expect(try await join(client, text, name: "Ada"), .unauthorized, "The invitation")
            }
            var forged = Invitation(room: made.room, now: Bench.now, validFor: 60)
            forged.iss = Bench.secret.name
            let other = try await JWTKeyCollection().add(
                hmac: HMACKey(from: "another secret of thirty-two bytes"), digestAlgorithm: .sha256
            ).sign(forged)
            expect(try await join(client, other, name: "Ada"), .unauthorized, "signature is wrong")
            let old = Invitation(room: made.room, now: Bench.now - 120, validFor: 60)
            let expired = try #require(await bench.keys.sign(old, key: Bench.secret.name))
            expect(try await join(client, expired, name: "Ada"), .gone, "has expired")
        }
    }

    @Test("a name of 1 to 64 characters")
    func names() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let made = try await make(client)
            for name in ["", "  \n\t", String(repeating: "x", count: 65), "e" + String(repeating: "\u{301}", count: 500)] {
                expect(try await join(client, made.invitation, name: name), .badRequest, "A name is needed")
            }
            expect(try await post(client, "/api/join", #"{"invitation": "\#(made.invitation)"}"#), .badRequest, "A name is needed")
            let longest = String(repeating: "ü", count: 64)
            #expect(try await joined(client, made.invitation, name: longest).name == longest)
            let title = String(repeating: "t", count: 101)
            expect(try await post(client, "/api/rooms", #"{"title": "\#(title)"}"#), .badRequest, "title")
        }
    }

    @Test("bodies that are too big, of another type, or no JSON")
    func bodies() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for path in ["/api/rooms", "/api/join"] {
                let big = #"{"invitation": "x", "name": ""# + String(repeating: "x", count: 16 * 1024) + #""}"#
                expect(try await post(client, path, big), .contentTooLarge, "bytes at most")
                expect(try await client.ask(path, .post, body: ByteBuffer(string: "{}")), .unsupportedMediaType, "application/json")
                for text in ["", "{", "[]", "null", #"{"title": 7, "invitation": 7}"#, String(repeating: "[", count: 8_000)] {
                    expect(try await post(client, path, text), .badRequest, "JSON")
                }
            }
        }
    }

    @Test("an address makes 30 rooms a minute")
    func rate() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for _ in 0..<RoomAllowance.rooms { _ = try await make(client) }
            let answer = try await post(client, "/api/rooms", "{}")
            expect(answer, .tooManyRequests, "Too many rooms")
            #expect((1...61).contains(Int(answer.headers[.retryAfter] ?? "") ?? 0))
        }
    }

    @Test("the allowance is each address's own, comes back after a minute, and its table is bounded")
    func allowance() {
        let allowance = RoomAllowance()
        let address = { (number: Int) in
            ClientAddress(host: "10.0.\(number >> 8).\(number & 255)")
        }
        let start = ContinuousClock.now
        for _ in 0..<RoomAllowance.rooms { #expect(allowance.take(address(1), now: start) == nil) }
        #expect(allowance.take(address(1), now: start) == 61)
        #expect(allowance.take(address(1), now: start + .seconds(59)) == 2)
        #expect(allowance.take(address(2), now: start) == nil)
        #expect(allowance.take(address(1), now: start + .seconds(60)) == nil)
        let later = start + .seconds(120)
        for number in 0..<RoomAllowance.addresses { #expect(allowance.take(address(number), now: later) == nil) }
        // Those that no longer fit share one allowance.
        for number in 0..<RoomAllowance.rooms { #expect(allowance.take(address(10_000 + number), now: later) == nil) }
        #expect(allowance.take(address(20_000), now: later) != nil)
        #expect(allowance.take(address(7), now: later) == nil)
    }

    @Test("without the web app there are no invitations, and / says so")
    func turnedOff() async throws {
        let bench = try await Bench(options: [.webApp: "false"])
        try await bench.main { client in
            for path in ["/api/rooms", "/api/join"] {
                let answer = try await post(client, path, "{}")
                #expect(answer.status == .notFound)
            }
            #expect(try await client.ask("/").text.contains("its web app is turned off."))
            #expect(try await client.ask("/app/app.js").status == .notFound)
        }
    }

    @Test("invitations are valid as long as the configuration says")
    func lifetime() async throws {
        let bench = try await Bench(options: [.invitationLifetime: "2m"])
        try await bench.main { client in
            let expires = try await make(client).expires
            #expect(abs(expires - Bench.now - 120) < 5)
        }
    }
}
