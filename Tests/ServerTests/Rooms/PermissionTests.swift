import MediaPrimitives
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("Whom members let subscribe to what they publish")
struct PermissionTests {
    private func permit(_ client: TestClient, _ permissions: [(inout Livekit_TrackPermission) -> Void], all: Bool = false) async {
        await client.send { request in
            request.subscriptionPermission = .with {
                $0.allParticipants = all
                $0.trackPermissions = permissions.map { Livekit_TrackPermission.with($0) }
            }
        }
    }

    private func told(_ client: TestClient) -> [String: Bool] {
        let updates = client.take().filter { $0.message?.kind == "permission" }.map(\.subscriptionPermissionUpdate)
        return Dictionary(updates.map { ($0.trackSid, $0.allowed) }, uniquingKeysWith: { $1 })
    }

    /// Whether the worker sends so many tracks to each in the end.
    private func fed(_ bench: RoomBench, _ counts: KeyValuePairs<String, Int>) async throws -> Bool {
        for (identity, count) in counts {
            let id = try #require(bench.transports(of: identity).last?.id)
            guard await bench.host.memory.until({ $0.fed(id).compactMap(\.self).count == count }) else { return false }
        }
        return true
    }

    @Test(
        "who is not permitted is fed no more, at once, is told so, and gets it again when they are",
        arguments: [JoinParameters.Version.v0, .v1])
    func revoked(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        let microphone = try await alice.publish(.microphone)
        let (bob, carol) = (try await bench.join("bob", version), try await bench.join("carol", version))
        for client in [bob, carol] where version == .v0 { try await client.sendAnswer() }
        #expect(try await fed(bench, ["bob": 2, "carol": 2]))
        _ = (bob.take(), carol.take())
        await permit(
            alice,
            [{ ($0.participantIdentity, $0.allTracks) = ("carol", true) }, { ($0.participantSid, $0.trackSids) = (bob.sid, [camera.sid]) }])
        // Bob has not answered or offered anything yet.
        #expect(try await fed(bench, ["bob": 1]))
        #expect(told(bob) == [microphone.sid: false] && told(carol).isEmpty)
        if version == .v0 {
            try await bob.sendAnswer()
        } else {
            #expect(await bob.sendOffer()?.midToTrackID.values.map(\.self) == [camera.sid])
        }
        #expect(try await fed(bench, ["bob": 1, "carol": 2]))
        await permit(alice, [{ ($0.participantSid, $0.allTracks) = ("PA_nobody", true) }])
        #expect(try await fed(bench, ["bob": 0, "carol": 0]))
        #expect(told(bob) == [camera.sid: false] && told(carol) == [camera.sid: false, microphone.sid: false])
        await permit(alice, [], all: true)
        #expect(told(bob) == [camera.sid: true, microphone.sid: true])
        if version == .v0 { for _ in 0..<2 { try await bob.sendAnswer() } } else { for _ in 0..<2 { await bob.sendOffer() } }
        #expect(try await fed(bench, ["bob": 2]))
    }

    @Test("newcomers, and tracks that are published later, are held to it too", arguments: [JoinParameters.Version.v0, .v1])
    func later(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        await permit(alice, [{ ($0.participantIdentity, $0.allTracks) = ("carol", true) }])
        let camera = try await alice.publish(.camera)
        let (bob, carol) = (try await bench.join("bob", version), try await bench.join("carol", version))
        for client in [bob, carol] where version == .v0 { try await client.sendAnswer() }
        #expect(try await fed(bench, ["carol": 1, "bob": 0]))
        #expect(told(bob) == [camera.sid: false])
        // To ask for it changes nothing, and to decline it makes it nobody's matter.
        await bob.send { request in request.subscription = .with { ($0.trackSids, $0.subscribe) = ([camera.sid], true) } }
        #expect(told(bob).isEmpty)
        #expect(try await fed(bench, ["bob": 0]))
    }

    @Test("an answer to an offer that was made before the permission was taken back brings nothing")
    func lateAnswer() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.camera)
        let bob = try await bench.join("bob", .v0)
        await permit(alice, [])
        try await bob.sendAnswer()
        let id = try #require(bench.transports(of: "bob").first?.id)
        #expect(bench.host.memory.current.opened.first { $0.id == id }?.parameters.sending.compactMap(\.source).isEmpty == true)
    }

    @Test("who has closed its socket, and lets its media flow, loses what it may not have any more")
    func withoutSocket() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.camera)
        let bob = try await bench.join("bob")
        try await bench.connect("bob")
        await bob.session?.ended()
        #expect(try await fed(bench, ["bob": 1]))
        await permit(alice, [])
        #expect(try await fed(bench, ["bob": 0]))
    }

    @Test("viewers by WHEP are held to it by their token's identity, and go to whom they may watch")
    func viewers() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        try await bench.connect("alice")
        let (eve, friend) = (try await bench.watch(as: "eve").opened.id, try await bench.watch(as: "friend").opened.id)
        let source = { [host = bench.host] (id: ParticipantID) in host.memory.current.fed(id) }
        #expect(await bench.host.memory.until { !$0.fed(eve).compactMap(\.self).isEmpty })
        let track = source(eve)
        await permit(alice, [{ ($0.participantIdentity, $0.trackSids) = ("friend", [camera.sid]) }])
        #expect(await bench.host.memory.until { $0.fed(eve).compactMap(\.self).isEmpty })
        #expect(source(friend) == track)
        await #expect(throws: Refusal.self) { try await bench.watch(as: "eve") }
        await #expect(throws: Refusal.self) { try await bench.watch("alice", as: "eve") }
        _ = try await bench.watch("alice", as: "friend")
        let bob = try await bench.join("bob")
        _ = try await bob.publish(.camera)
        try await bench.connect("bob")
        #expect(
            await bench.host.memory.until { !$0.fed(eve).compactMap(\.self).isEmpty && $0.fed(eve) != track && $0.fed(friend) == track })
    }

    @Test("of however many permissions so many are kept, and nobody beyond them is let in")
    func bounded() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.camera)
        let names = (0..<1_000).map { "guest-\($0)" } + ["bob"]
        await permit(alice, names.map { name in { ($0.participantIdentity, $0.allTracks) = (name, true) } })
        let (bob, guest) = (try await bench.join("bob"), try await bench.join("guest-999"))
        #expect(told(bob).count == 1 && told(guest).isEmpty)
    }
}
