import HTTPTypes
import Hummingbird
import MediaPrimitives
import MediaWorker
import NIOCore
import RTP
import Rooms
import Server
import Testing

@Suite("WHIP and WHEP")
struct SessionTests {
    private static let fragmentType = "application/trickle-ice-sdpfrag"

    private func text(_ response: RouterClient.Answer) -> String { response.text }

    /// The status, and a sentence in plain text.
    private func expect(
        _ response: RouterClient.Answer, _ status: HTTPResponse.Status, _ words: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(response.status == status, "\(response.text)", sourceLocation: location)
        #expect(response.text.contains(words), "\(response.text)", sourceLocation: location)
        #expect(response.text.hasSuffix(".\n"), sourceLocation: location)
        #expect(response.headers[.contentType] == "text/plain; charset=utf-8", sourceLocation: location)
        #expect(response.headers[.accessControlAllowOrigin] == "*", sourceLocation: location)
    }

    private func publish(_ bench: Bench, _ client: RouterClient, room: String = "room", as identity: String) async throws
        -> RouterClient.Answer
    {
        let headers = bench.headers(try await bench.token(room, identity: identity))
        return try await client.ask("/whip/\(room)", .post, headers: headers, body: ByteBuffer(string: Offers.publish))
    }

    private func watch(_ bench: Bench, _ client: RouterClient, path: String = "/whep/room", as identity: String = "eve")
        async throws -> RouterClient.Answer
    {
        let headers = bench.headers(try await bench.token("room", identity: identity))
        return try await client.ask(path, .post, headers: headers, body: ByteBuffer(string: Offers.watch))
    }

    @Test("a publisher gets 201, an answer, a place and a tag")
    func publishing() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let response = try await publish(bench, client, as: "alice")
            #expect(response.status == .created)
            #expect(response.headers[.contentType] == "application/sdp")
            #expect(response.headers[.eTag]?.hasPrefix("\"") == true)
            let location = try #require(response.headers[.location])
            #expect(location.hasPrefix("/whip/room/sessions/") && location.utf8.count >= "/whip/room/sessions/".utf8.count + 22)
            let exposed = response.headers[.accessControlExposeHeaders] ?? ""
            for name in ["Location", "Link", "ETag", "Retry-After"] { #expect(exposed.contains(name)) }
            // Each announced address with the port of its family's socket.
            #expect(response.text.contains(" 192.0.2.1 7001 typ host") && response.text.contains(" 2001:db8::1 7002 typ host"))
            let opened = bench.host.opened
            #expect(opened.count == 1 && opened[0].identity == "alice" && opened[0].room == "room" && !opened[0].hidden)
            #expect(opened[0].receiving.map(\.parameters.kind) == [.audio, .video] && opened[0].sending.isEmpty)
            #expect(opened[0].transport.remote == ICECredentials(ufrag: Offers.ufrag, password: Offers.password))
        }
    }

    @Test("a room's name may hold anything, escaped")
    func escapedRoom() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let headers = bench.headers(try await bench.token("a b/ü?"))
            let body = ByteBuffer(string: Offers.publish)
            let response = try await client.ask("/whip/a%20b%2F%C3%BC%3F", .post, headers: headers, body: body)
            #expect(response.status == .created)
            let location = try #require(response.headers[.location])
            #expect(location.hasPrefix("/whip/a%20b%2F%C3%BC%3F/sessions/"))
            #expect(try await client.ask(location, .delete).status == .ok)
        }
    }

    @Test("a viewer follows who has published longest, or whom it names, unseen")
    func watching() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            #expect(try await publish(bench, client, as: "alice").status == .created)
            #expect(try await publish(bench, client, as: "sessions").status == .created)
            for number in 1...2 { await bench.host.report(.connected(ParticipantID(worker: 0, number: UInt64(number)))) }
            let published = bench.host.opened.map { $0.receiving.map(\.track) }
            for (path, tracks) in [
                ("/whep/room", published[0]), ("/whep/room/alice", published[0]), ("/whep/room/sessions", published[1]),
            ] {
                // Any number may share an identity.
                let response = try await watch(bench, client, path: path)
                #expect(response.status == .created, "\(response.text)")
                #expect(response.headers[.location]?.hasPrefix("/whep/room/sessions/") == true)
                let opened = try #require(bench.host.opened.last)
                #expect(opened.sending.map(\.source?.id) == tracks && opened.hidden && opened.receiving.isEmpty)
                #expect(opened.sending.map(\.parameters.kind) == [.audio, .video])
            }
            #expect(bench.host.closed.isEmpty)
        }
    }

    @Test("with nobody publishing 409 and Retry-After, with another identity 404")
    func nobody() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for path in ["/whep/room", "/whep/room/alice"] {
                let response = try await watch(bench, client, path: path)
                expect(response, .conflict, "Nobody publishes in this room")
                #expect(Int(response.headers[.retryAfter] ?? "") ?? 0 > 0)
            }
            _ = try await publish(bench, client, as: "alice")
            expect(try await watch(bench, client, path: "/whep/room/bob"), .notFound, "Nobody of that identity")
        }
    }

    @Test("publishing again with the same identity ends the former session")
    func replacing() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let first = try #require(try await publish(bench, client, as: "alice").headers[.location])
            _ = try await publish(bench, client, as: "bob")
            #expect(try await publish(bench, client, as: "alice").status == .created)
            #expect(await bench.host.memory.until { !$0.closed.isEmpty })
            let closed = bench.host.closed
            #expect(closed.map(\.id) == [ParticipantID(worker: 0, number: 1)] && closed[0].reason.contains("joined again"))
            #expect(try await client.ask(first, .delete).status == .notFound)
            #expect(await bench.directory.census.members == 2)
            // Another room's alice is somebody else.
            #expect(try await publish(bench, client, room: "other", as: "alice").status == .created)
            #expect(bench.host.closed.count == 1)
        }
    }

    @Test("refused before the body is read: no token, a bad one, the wrong room, a missing grant")
    func tokens() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            func ask(_ path: String, _ authorization: String?) async throws -> RouterClient.Answer {
                var headers: HTTPFields = [.contentType: "application/sdp"]
                headers[.authorization] = authorization
                return try await client.ask(path, .post, headers: headers, body: ByteBuffer(string: "not SDP"))
            }
            for path in ["/whip/room", "/whep/room", "/whep/room/alice"] {
                for authorization in [nil, "Basic abc", "Bearer", "Bearer ", "nonsense"] {
                    let response = try await ask(path, authorization)
                    expect(response, .unauthorized, "An access token is needed")
                    #expect(response.headers[.wwwAuthenticate] == "Bearer")
                }
                let bad = try await ask(path, "Bearer a.b.c")
                expect(bad, .unauthorized, "The token is not a JSON Web Token")
                #expect(bad.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
                let expired = try await bench.token { $0.exp = 1_000 }
                expect(try await ask(path, "Bearer \(expired)"), .unauthorized, "expired")
                expect(try await ask(path, "bearer \(try await bench.token("other"))"), .forbidden, "another room")
                let outside = try await bench.token { $0.video?.roomJoin = nil }
                expect(try await ask(path, "Bearer \(outside)"), .forbidden, "roomJoin")
                let neither = try await bench.token {
                    $0.video?.canPublish = false
                    $0.video?.canSubscribe = false
                }
                expect(try await ask(path, "Bearer \(neither)"), .forbidden, path == "/whip/room" ? "canPublish" : "canSubscribe")
            }
            #expect(bench.host.opened.isEmpty)
        }
    }

    @Test("a token that narrows its sources publishes those only")
    func sources() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for (sources, word) in [(["microphone"], "video"), (["camera"], "audio"), (["screen_share"], "audio")] {
                let headers = bench.headers(try await bench.token { $0.video?.canPublishSources = sources })
                let body = ByteBuffer(string: Offers.publish)
                let response = try await client.ask("/whip/room", .post, headers: headers, body: body)
                expect(response, .forbidden, "does not permit publishing \(word)")
            }
            #expect(bench.host.opened.isEmpty)
        }
    }

    @Test("415 for another type, 413 for too much, 400 and 422 for what is no usable offer")
    func bodies() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let token = try await bench.token()
            func post(_ body: ByteBuffer, type: String? = "application/sdp") async throws -> RouterClient.Answer {
                var headers: HTTPFields = [.authorization: "Bearer \(token)"]
                headers[.contentType] = type
                return try await client.ask("/whip/room", .post, headers: headers, body: body)
            }
            let offer = ByteBuffer(string: Offers.publish)
            for type in [nil, "text/plain", "application/sdp-not", "application/json; x=application/sdp"] {
                expect(try await post(offer, type: type), .unsupportedMediaType, "application/sdp")
            }
            #expect(try await post(offer, type: "Application/SDP; charset=utf-8").status == .created)
            expect(try await post(ByteBuffer(repeating: 97, count: 128 * 1024 + 1)), .contentTooLarge, "131072 bytes")
            expect(try await post(ByteBuffer()), .badRequest, "The body must be text")
            expect(try await post(ByteBuffer(bytes: [0xff, 0xfe, 0x00])), .badRequest, "UTF-8")
            #expect(try await post(ByteBuffer(string: "hello\r\n")).status == .badRequest)
            let silent = Offers.publish.replacing("a=fingerprint", with: "a=notice")
            #expect([400, 422].contains(try await post(ByteBuffer(string: silent)).status.code))
            let unknown = Offers.publish.replacing("opus", with: "pupo").replacing("VP8", with: "VP1")
            #expect(try await post(ByteBuffer(string: unknown)).status == .unprocessableContent)
            expect(try await post(ByteBuffer(string: Offers.watch)), .unprocessableContent, "sends nothing")
            #expect(bench.host.opened.count == 1)
        }
    }

    @Test("what the worker refuses is 422 with its sentence, and leaves nothing behind")
    func workerRefuses() async throws {
        let bench = try await Bench()
        bench.host.refuse(AdmissionError("The worker has no room left."))
        try await bench.main { client in
            expect(try await publish(bench, client, as: "alice"), .unprocessableContent, "The worker has no room left.")
            #expect(await bench.directory.census.members == 0)
            expect(try await watch(bench, client), .conflict, "Nobody publishes")
        }
    }

    @Test("preflights are answered everywhere, without a token")
    func preflight() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for path in ["/whip/room", "/whep/room", "/whep/room/alice", "/whip/room/sessions/x", "/whep/room/sessions/x", "/healthz"] {
                let response = try await client.ask(path, .options)
                #expect(response.status == .noContent)
                #expect(response.headers[.accessControlAllowOrigin] == "*")
                for method in ["POST", "PATCH", "DELETE", "OPTIONS"] {
                    #expect(response.headers[.accessControlAllowMethods]?.contains(method) == true)
                }
                for name in ["Authorization", "Content-Type", "If-Match"] {
                    #expect(response.headers[.accessControlAllowHeaders]?.contains(name) == true)
                }
                #expect((response.headers[HTTPField.Name("Accept-Post")!] == "application/sdp") == path.hasPrefix("/wh"))
            }
        }
    }

    @Test("other methods are 405 and say which are allowed")
    func methods() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            for (path, methods, allow) in [
                ("/whip/room", [.get, .head, .put, .patch, .delete], "POST, OPTIONS"),
                ("/whep/room/alice", [.get, .head, .put, .patch, .delete], "POST, OPTIONS"),
                ("/whip/room/sessions/x", [.get, .head, .put, .post], "PATCH, DELETE, OPTIONS"),
                ("/whep/room/sessions/x", [.get, .head, .put, .post], "PATCH, DELETE, OPTIONS"),
            ] as [(String, [HTTPRequest.Method], String)] {
                for method in methods {
                    let response = try await client.ask(path, method)
                    #expect(response.status == .methodNotAllowed && response.headers[.allow] == allow, "\(method) \(path)")
                }
            }
            expect(try await client.ask("/nowhere"), .notFound, "Nothing is served")
            expect(try await client.ask("/metrics"), .notFound, "Nothing is served")
        }
    }

    @Test("PATCH: candidates 204, a stale tag 412, a restart 200 with a new tag")
    func patching() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            let created = try await publish(bench, client, as: "me")
            let place = try #require(created.headers[.location])
            let tag = try #require(created.headers[.eTag])
            let token = try await bench.token()
            func patch(_ body: String, ifMatch: String?, type: String = Self.fragmentType) async throws -> RouterClient.Answer {
                let headers = bench.headers(token, type: type, ifMatch: ifMatch)
                return try await client.ask(place, .patch, headers: headers, body: ByteBuffer(string: body))
            }
            for ifMatch in [nil, tag, "*", "\"other\", \(tag)"] {
                #expect(try await patch(Offers.fragment(), ifMatch: ifMatch).status == .noContent)
            }
            for ifMatch in ["\"other\"", "W/\(tag)", "", "nonsense"] {
                expect(try await patch(Offers.fragment(), ifMatch: ifMatch), .preconditionFailed, "If-Match")
            }
            expect(try await patch(Offers.fragment(), ifMatch: "*", type: "application/sdp"), .unsupportedMediaType, Self.fragmentType)
            #expect(try await patch("\0nonsense", ifMatch: "*").status == .badRequest)
            expect(try await patch(String(repeating: "a=x\r\n", count: 60_000), ifMatch: "*"), .contentTooLarge, "bytes")
            #expect(bench.host.restarted.isEmpty)

            let fresh = Offers.fragment(ufrag: "newu", password: "newpasswordnewpassword")
            expect(try await patch(fresh, ifMatch: nil), .preconditionRequired, "If-Match")
            let restarted = try await patch(fresh, ifMatch: "*")
            #expect(restarted.status == .ok && restarted.headers[.contentType] == Self.fragmentType)
            let newTag = try #require(restarted.headers[.eTag])
            #expect(newTag != tag)
            #expect(
                restarted.text.contains("a=ice-ufrag:") && restarted.text.contains("a=ice-pwd:") && restarted.text.contains("typ host"))
            #expect(bench.host.restarted == [ParticipantID(worker: 0, number: 1)])
            // A fragment of the time before is late, and a repeat of the restart is one no longer.
            expect(try await patch(Offers.fragment(), ifMatch: tag), .preconditionFailed, "If-Match")
            #expect(try await patch(fresh, ifMatch: newTag).status == .noContent)
            bench.host.forgetParticipants()
            let again = Offers.fragment(ufrag: "thrd", password: "thirdpasswordthirdpass")
            #expect(try await patch(again, ifMatch: "*").status == .preconditionFailed)
            expect(try await patch(again, ifMatch: "*"), .notFound, "no such session")
        }
    }

    @Test("PATCH needs a token of the session's room and identity, DELETE only its address; neither minds its age")
    func authorisation() async throws {
        let bench = try await Bench()
        try await bench.main { client in
            func send(_ method: HTTPRequest.Method, to place: String, _ token: String?) async throws -> RouterClient.Answer {
                var headers: HTTPFields = [.contentType: Self.fragmentType]
                headers[.authorization] = token.map { "Bearer \($0)" }
                let body = method == .patch ? ByteBuffer(string: Offers.fragment()) : nil
                return try await client.ask(place, method, headers: headers, body: body)
            }
            let place = try #require(try await publish(bench, client, as: "me").headers[.location])
            let expired = try await bench.token { $0.exp = 1_000 }
            expect(try await send(.patch, to: place, nil), .unauthorized, "An access token is needed")
            for method in [HTTPRequest.Method.patch, .delete] {
                expect(try await send(method, to: place, "a.b.c"), .unauthorized, "token")
                expect(try await send(method, to: place, try await bench.token("other")), .forbidden, "another room")
                expect(try await send(method, to: place, try await bench.token(identity: "eve")), .forbidden, "another identity")
                expect(try await send(method, to: place + "x", expired), .notFound, "no such session")
            }
            // A publisher's session is no viewer's.
            #expect(try await send(.delete, to: place.replacing("/whip/", with: "/whep/"), nil).status == .notFound)
            #expect(try await send(.patch, to: place, expired).status == .noContent)
            #expect(try await send(.delete, to: place, expired).status == .ok)
            #expect(await bench.host.memory.until { $0.closed.map(\.reason) == ["The client has left."] })
            expect(try await send(.delete, to: place, nil), .notFound, "no such session")
            let second = try #require(try await publish(bench, client, as: "me").headers[.location])
            #expect(try await send(.delete, to: second, nil).status == .ok)
        }
    }
}
