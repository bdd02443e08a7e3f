import HTTPTypes
import MediaPrimitives
import MediaWorker
import Negotiation
import RTP
import Rooms
import Server
import Testing

@Suite("The directory of rooms")
struct RoomDirectoryTests {
    private func parameters(_ room: String, _ identity: String) -> ParticipantParameters {
        let credentials = ICECredentials(ufrag: "ufrag", password: "passwordpasswordpassword")
        let transport = TransportParameters(local: credentials, remote: credentials, fingerprints: [], role: .server)
        return ParticipantParameters(
            room: room, identity: identity, hidden: false, cname: "cname", transport: transport, receiving: [], sending: [],
            following: .longestPublishing)
    }

    private let tracks = [TrackDescription(codec: .vp8, format: "", streamID: "s", trackID: "t")]

    private func publish(_ directory: RoomDirectory, in room: String = "room", _ identity: String) async throws(Refusal) -> Session {
        var tracks = tracks
        tracks[0].streamID = identity
        return try await directory.open(parameters(room, identity), role: .publisher, tracks: tracks)
    }

    private func eventually(_ condition: () async -> Bool) async throws -> Bool {
        for _ in 0..<500 {
            if await condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test("whoever has published longest comes first, and the next when they have left")
    func order() async throws {
        let directory = RoomDirectory(host: FakeHost(), logger: Bench.quiet)
        let first = try await publish(directory, "alice")
        _ = try await publish(directory, "bob")
        #expect(try await directory.tracks(room: "room", publisher: nil)[0].streamID == "alice")
        #expect(try await directory.tracks(room: "room", publisher: "bob")[0].streamID == "bob")
        await directory.close(first.id, reason: "left")
        #expect(try await directory.tracks(room: "room", publisher: nil)[0].streamID == "bob")
        // Coming back is coming last.
        _ = try await publish(directory, "alice")
        #expect(try await directory.tracks(room: "room", publisher: nil)[0].streamID == "bob")
    }

    @Test("a publisher that has connected comes before one that has not")
    func connectedFirst() async throws {
        let host = FakeHost()
        let directory = RoomDirectory(host: host, logger: Bench.quiet)
        let follower = Task { await directory.follow(host.events) }
        _ = try await publish(directory, "alice")
        let second = try await publish(directory, "bob")
        #expect(try await directory.tracks(room: "room", publisher: nil)[0].streamID == "alice")
        host.report.yield(.connected(second.participant))
        #expect(try await eventually { (try? await directory.tracks(room: "room", publisher: nil))?[0].streamID == "bob" })
        await host.stop()
        await follower.value
    }

    @Test("what the worker closes is forgotten")
    func workerCloses() async throws {
        let host = FakeHost()
        let directory = RoomDirectory(host: host, logger: Bench.quiet)
        let follower = Task { await directory.follow(host.events) }
        let session = try await publish(directory, "alice")
        host.report.yield(.connected(session.participant))
        host.report.yield(.closed(ParticipantID(rawValue: 99), reason: "nobody"))
        host.report.yield(.closed(session.participant, reason: "consent has run out"))
        #expect(try await eventually { await directory.sessionCount == 0 })
        #expect(await host.closed.isEmpty)
        await #expect(throws: Refusal.self) { try await directory.tracks(room: "room", publisher: nil) }
        await host.stop()
        await follower.value
    }

    @Test("limits hold for a room and for the server, and places come free again")
    func limits() async throws {
        var limits = RoomDirectory.Limits()
        limits.sessionsPerRoom = 2
        limits.sessions = 3
        let directory = RoomDirectory(host: FakeHost(), limits: limits, logger: Bench.quiet)
        let first = try await publish(directory, in: "a", "1")
        _ = try await publish(directory, in: "a", "2")
        let full = await #expect(throws: Refusal.self) { try await publish(directory, in: "a", "3") }
        #expect(full?.status == .serviceUnavailable && full?.sentence.contains("room is full") == true && full?.headers[.retryAfter] != nil)
        _ = try await publish(directory, in: "b", "1")
        let all = await #expect(throws: Refusal.self) { try await publish(directory, in: "c", "1") }
        #expect(all?.sentence.contains("server is full") == true)
        await directory.close(first.id, reason: "left")
        _ = try await publish(directory, in: "a", "3")
        let long = await #expect(throws: Refusal.self) { try await publish(directory, in: String(repeating: "x", count: 257), "1") }
        #expect(long?.status == .unprocessableContent)
    }

    @Test("many of one identity at once leave one session")
    func storm() async throws {
        let host = FakeHost()
        let directory = RoomDirectory(host: host, logger: Bench.quiet)
        await withTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try? await publish(directory, "alice") } }
        }
        #expect(await directory.sessionCount == 1)
        #expect(await host.opened.count - host.closed.count == 1)
    }

    @Test("a drain with nobody there ends at once, and refuses new rooms")
    func emptyDrain() async throws {
        let directory = RoomDirectory(host: FakeHost(), logger: Bench.quiet)
        let began = ContinuousClock.now
        await directory.drain(timeout: .seconds(60))
        #expect(ContinuousClock.now - began < .seconds(1))
        let refusal = await #expect(throws: Refusal.self) { try await publish(directory, "alice") }
        #expect(refusal?.status == .serviceUnavailable && refusal?.sentence.contains("shutting down") == true)
        #expect(await !directory.acceptsNewRooms)
    }

    @Test("a drain waits for who is there, lets them be joined, and ends when they have left")
    func drain() async throws {
        let directory = RoomDirectory(host: FakeHost(), logger: Bench.quiet)
        let session = try await publish(directory, in: "room", "alice")
        let draining = Task { await directory.drain(timeout: .seconds(60)) }
        #expect(try await eventually { await !directory.acceptsNewRooms })
        let second = try await publish(directory, in: "room", "bob")
        await #expect(throws: Refusal.self) { try await publish(directory, in: "new", "carol") }
        await directory.close(session.id, reason: "left")
        await directory.close(second.id, reason: "left")
        await draining.value
    }

    @Test("a drain ends who is still there when the time is over, with the reason")
    func drainTimeout() async throws {
        let host = FakeHost()
        let directory = RoomDirectory(host: host, logger: Bench.quiet)
        _ = try await publish(directory, "alice")
        await directory.drain(timeout: .milliseconds(50))
        #expect(await host.closed.map(\.reason) == ["The server is shutting down."])
        #expect(await directory.sessionCount == 0)
    }
}
