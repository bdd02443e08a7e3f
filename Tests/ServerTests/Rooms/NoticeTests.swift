import MediaPrimitives
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("Who speaks, and how connections are")
struct NoticeTests {
    private func speakers(_ client: TestClient) -> [[Livekit_SpeakerInfo]] {
        client.take().filter { $0.message?.kind == "speakersChanged" }.map(\.speakersChanged.speakers)
    }

    /// Alice with a microphone, and Bob.
    private func talk(_ bench: RoomBench) async throws -> (
        alice: TestClient, bob: TestClient, id: ParticipantID, track: TrackID, mid: String
    ) {
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (_, mid) = try await alice.publish(.microphone)
        try await bench.connect("alice", "bob")
        _ = (alice.take(), bob.take())
        let id = try #require(bench.transports(of: "alice").first?.id)
        let track = try #require(bench.host.memory.current.current(id)?.receiving.first?.track)
        return (alice, bob, id, track, mid)
    }

    @Test("who speaks is told to all, themselves included, and that they have ceased")
    func speaking() async throws {
        let bench = RoomBench()
        let (alice, bob, id, track, _) = try await talk(bench)
        for level: UInt8 in [4, 4, 8, 0] { await bench.host.report(.speaking(id, track: track, level: level)) }
        for client in [alice, bob] {
            let told = speakers(client)
            #expect(told.map { $0.map(\.sid) } == Array(repeating: [alice.sid], count: 3))
            #expect(told.map { $0.map(\.level) } == [[0.5], [1], [0]] && told.map { $0.map(\.active) } == [[true], [true], [false]])
        }
        await bench.host.report(.speaking(id, track: TrackID(rawValue: 1), level: 8))
        #expect(speakers(bob).isEmpty)
    }

    @Test("whoever has the floor comes first among those who speak, for all and for newcomers")
    func floor() async throws {
        let bench = RoomBench()
        let (alice, bob, id, track, mid) = try await talk(bench)
        _ = try await bob.publish(.microphone)
        let other = try #require(bench.transports(of: "bob").first?.id)
        let others = try #require(bench.host.memory.current.current(other)?.receiving.first?.track)
        await bench.host.report(.speaking(id, track: track, level: 4))
        await bench.host.report(.speaking(other, track: others, level: 8))
        await bench.host.report(.dominant(id, track: track))
        for client in [alice, bob] { #expect(speakers(client).last?.map(\.sid) == [alice.sid, bob.sid]) }
        let carol = try await bench.join("carol")
        #expect(speakers(carol).last?.map(\.sid) == [alice.sid, bob.sid])
        await bench.host.report(.dominant(other, track: others))
        #expect(speakers(bob).last?.map(\.sid) == [bob.sid, alice.sid])
        // Whoever has the floor need not be heard at this moment.
        await bench.host.report(.speaking(other, track: others, level: 0))
        await bench.host.report(.dominant(id, track: track))
        #expect(speakers(bob).last?.map(\.sid) == [alice.sid])
        alice.offer.stop(mid)
        await alice.sendOffer()
        await bench.host.report(.dominant(id, track: track))
        #expect(speakers(carol).last?.map(\.sid) == [alice.sid])
    }

    @Test("whose track ends while they speak, speaks no more")
    func endsSpeaking() async throws {
        let bench = RoomBench()
        let (alice, bob, id, track, mid) = try await talk(bench)
        await bench.host.report(.speaking(id, track: track, level: 4))
        alice.offer.stop(mid)
        await alice.sendOffer()
        await bench.host.report(.speaking(id, track: track, level: 0))
        #expect(speakers(bob).map { $0.map(\.active) } == [[true], [false]])
    }

    @Test("who may not subscribe does not hear who speaks")
    func deaf() async throws {
        let bench = RoomBench()
        let (_, _, id, track, _) = try await talk(bench)
        let carol = try await bench.join("carol", grant: { $0.canSubscribe = false })
        await bench.host.report(.speaking(id, track: track, level: 4))
        #expect(speakers(carol).isEmpty)
    }

    @Test("a connection's quality is told to all, when it changes")
    func quality() async throws {
        let bench = RoomBench()
        let (alice, bob, id, _, _) = try await talk(bench)
        for quality in [LinkQuality.excellent, .poor, .poor, .lost] { await bench.host.report(.quality(id, quality)) }
        for client in [alice, bob] {
            let told = client.take().filter { $0.message?.kind == "connectionQuality" }.flatMap(\.connectionQuality.updates)
            #expect(told.map(\.participantSid) == Array(repeating: alice.sid, count: 3))
            #expect(told.map(\.quality) == [.excellent, .poor, .lost])
            #expect(zip(told, told.dropFirst()).allSatisfy { $0.score > $1.score })
        }
    }

    @Test("a publisher is told of each track once, when the first who gets it is connected")
    func subscribed() async throws {
        let bench = RoomBench()
        func told(_ client: TestClient) -> [String] {
            client.take().compactMap { $0.message?.kind == "trackSubscribed" ? $0.trackSubscribed.trackSid : nil }
        }
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        let microphone = try await alice.publish(.microphone)
        try await bench.connect("alice")
        _ = try await bench.join("bob", request: { $0.connectionSettings.autoSubscribe = false })
        let carol = try await bench.join("carol")
        try await bench.connect("bob")
        #expect(told(alice).isEmpty)
        try await bench.connect("carol")
        #expect(told(alice).sorted() == [camera.sid, microphone.sid].sorted())
        // Once, however many come.
        _ = try await bench.join("dave", .v0).sendAnswer()
        try await bench.connect("dave")
        let screen = try await alice.publish(.screenShare)
        #expect(told(alice).isEmpty)
        await carol.sendOffer()
        #expect(told(alice) == [screen.sid])
        // And by a viewer of another way.
        let erin = try await bench.join("erin")
        _ = try await erin.publish(.camera)
        for client in [alice, carol] { await client.send { $0.leave = Livekit_LeaveRequest() } }
        try await bench.connect("erin")
        let viewer = try await bench.watch("erin").opened.id
        await bench.host.report(.connected(viewer))
        #expect(await erin.until { $0.message?.kind == "trackSubscribed" })
    }

    @Test("how many are there, and how many publish, is told to all when it has changed, and once for many changes")
    func numbers() async throws {
        let bench = RoomBench()
        let start = ContinuousClock.now
        func told(_ client: TestClient, _ participants: UInt32, _ publishers: UInt32) async -> Bool {
            await client.sink.memory.until {
                $0.roomUpdates.last.map { ($0.numParticipants, $0.numPublishers) == (participants, publishers) } ?? false
            }
        }
        let alice = try await bench.join("alice")
        for number in 0..<20 { try await bench.join("guest-\(number)") }
        // Nobody else hears of these.
        try await bench.join("spy", grant: { $0.hidden = true })
        #expect(await told(alice, 21, 0))
        _ = try await alice.publish(.camera)
        let bob = try await bench.join("bob")
        #expect(bob.all.first?.join.room.numParticipants == 22 && bob.all.first?.join.room.numPublishers == 1)
        #expect(await told(alice, 22, 1))
        // Somebody comes and another goes: the newcomer has been told of more than there are.
        let carol = try await bench.join("carol")
        await bob.send { $0.leave = Livekit_LeaveRequest() }
        #expect(await told(carol, 22, 1))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(Double(alice.roomUpdates.count) <= seconds + 1 && alice.roomUpdates.count >= 2)
    }

    @Test("of two connections the worse one counts, for as long as it is there")
    func worse() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", .v0)
        try await alice.sendAnswer()
        _ = try await alice.publish(.microphone)
        let ids = bench.transports(of: "alice").map(\.id)
        try #require(ids.count == 2)
        await bench.host.report(.quality(ids[0], .poor))
        await bench.host.report(.quality(ids[1], .excellent))
        await bench.host.report(.quality(ids[0], .good))
        let told = alice.take().filter { $0.message?.kind == "connectionQuality" }.flatMap(\.connectionQuality.updates)
        #expect(told.map(\.quality) == [.poor, .good])
    }
}
