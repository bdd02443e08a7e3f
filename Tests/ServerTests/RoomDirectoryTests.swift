import HTTPTypes
import MediaPrimitives
import MediaWorker
import Rooms
import Server
import Testing

@Suite("The directory of rooms")
struct RoomDirectoryTests {
    /// What a viewer is fed that comes now, by track.
    private func watched(_ bench: RoomBench, _ publisher: String? = nil) async throws -> [TrackID?] {
        try await bench.watch(publisher).opened.parameters.sending.map(\.source?.id)
    }

    @Test("whoever has published longest comes first, and the next when they have left")
    func order() async throws {
        let bench = RoomBench()
        let alice = try await bench.publish("alice").opened
        let bob = try await bench.publish("bob").opened
        for publisher in [alice, bob] { await bench.host.report(.connected(publisher.id)) }
        #expect(try await watched(bench) == alice.tracks)
        #expect(try await watched(bench, "bob") == bob.tracks)
        await bench.host.report(.closed(alice.id, reason: "left"))
        #expect(try await watched(bench) == bob.tracks)
        // Coming back is coming last.
        let again = try await bench.publish("alice").opened
        await bench.host.report(.connected(again.id))
        #expect(try await watched(bench) == bob.tracks)
    }

    @Test("a publisher that has connected comes before one that has not")
    func connectedFirst() async throws {
        let bench = RoomBench()
        _ = try await bench.publish("alice")
        let bob = try await bench.publish("bob").opened
        // Nobody is fed by who may never come.
        #expect(try await watched(bench) == [nil, nil])
        await bench.host.report(.connected(bob.id))
        #expect(try await watched(bench) == bob.tracks)
    }

    @Test("viewers move on to the next publisher when theirs has ended, and stay with it when the first comes back")
    func movingOn() async throws {
        let bench = RoomBench()
        let alice = try await bench.publish("alice").opened
        let bob = try await bench.publish("bob").opened
        let viewer = try await bench.watch().opened.id
        let fixed = try await bench.watch("bob").opened.id
        #expect(bench.host.memory.current.configured.isEmpty)
        await bench.host.report(.connected(alice.id))
        #expect(await bench.host.memory.until { $0.fed(viewer) == alice.tracks })
        #expect(bench.host.memory.current.fed(fixed) == [nil, nil])
        await bench.host.report(.connected(bob.id))
        #expect(await bench.host.memory.until { $0.fed(fixed) == bob.tracks })
        #expect(bench.host.memory.current.fed(viewer) == alice.tracks)
        await bench.host.report(.closed(alice.id, reason: "consent has run out"))
        #expect(await bench.host.memory.until { $0.fed(viewer) == bob.tracks })
        let again = try await bench.publish("alice").opened
        await bench.host.report(.connected(again.id))
        await bench.host.report(.closed(bob.id, reason: "consent has run out"))
        #expect(await bench.host.memory.until { $0.fed(viewer) == again.tracks && $0.fed(fixed) == [nil, nil] })
    }

    @Test("what the worker closes is forgotten, and not closed again")
    func workerCloses() async throws {
        let bench = RoomBench()
        let alice = try await bench.publish("alice").opened
        await bench.host.report(.connected(alice.id))
        await bench.host.report(.closed(ParticipantID(worker: 0, number: 99), reason: "nobody"))
        #expect(await bench.directory.census.members == 1)
        await bench.host.report(.closed(alice.id, reason: "consent has run out"))
        #expect(await bench.directory.census.members == 0)
        #expect(await bench.media.transportCount == 0)
        #expect(bench.host.closed.isEmpty)
        await #expect(throws: Refusal.self) { try await bench.watch() }
    }

    @Test("what a worker says of a transport before it has been handed over is not lost")
    func earlyEvents() async throws {
        let bench = RoomBench()
        bench.host.memory.record { $0.holdsOpens = true }
        let publishing = Task { try await bench.publish("alice").opened }
        #expect(await bench.host.memory.until { $0.opening == 1 })
        await bench.host.report(.connected(ParticipantID(worker: 0, number: 1)))
        bench.host.memory.record { $0.holdsOpens = false }
        let alice = try await publishing.value
        #expect(try await watched(bench) == alice.tracks)
    }

    @Test("a publisher that ends before it has been handed over leaves nothing behind")
    func earlyEnd() async throws {
        let bench = RoomBench()
        bench.host.memory.record { $0.holdsOpens = true }
        let publishing = Task { try await bench.publish("alice").opened }
        #expect(await bench.host.memory.until { $0.opening == 1 })
        await bench.host.report(.closed(ParticipantID(worker: 0, number: 1), reason: "consent has run out"))
        bench.host.memory.record { $0.holdsOpens = false }
        await #expect(throws: Refusal.self) { try await publishing.value }
        #expect(await bench.directory.census.members == 0)
        #expect(await bench.media.transportCount == 0)
    }

    @Test("limits hold for a room and for the server, and places come free again")
    func limits() async throws {
        var limits = RoomDirectory.Limits()
        limits.room.members = 2
        let bench = RoomBench(transports: 3, limits: limits)
        let first = try await bench.publish("1", in: "a").opened
        try await bench.publish("2", in: "a")
        let full = await #expect(throws: Refusal.self) { try await bench.publish("3", in: "a") }
        #expect(full?.sentence.contains("room is full") == true && full?.headers[.retryAfter] != nil)
        try await bench.publish("1", in: "b")
        let all = await #expect(throws: Refusal.self) { try await bench.publish("1", in: "c") }
        #expect(all?.status == .serviceUnavailable && all?.sentence.contains("server is full") == true)
        await bench.host.report(.closed(first.id, reason: "left"))
        try await bench.publish("3", in: "a")
        for (room, identity) in [(String(repeating: "x", count: 257), "1"), ("a", String(repeating: "x", count: 257))] {
            let long = await #expect(throws: Refusal.self) { try await bench.publish(identity, in: room) }
            #expect(long?.status == .unprocessableContent)
        }
    }

    @Test("an offer that is refused gives its place back")
    func refusedOffers() async throws {
        let bench = RoomBench(transports: 1)
        for _ in 0..<3 {
            let refusal = await #expect(throws: Refusal.self) { try await bench.publish("alice", offer: "nonsense") }
            #expect(refusal?.status == .badRequest)
        }
        #expect(await RoomBench.eventually { await bench.media.transportCount == 0 })
        try await bench.publish("alice")
        let refusal = await #expect(throws: Refusal.self) { try await bench.watch() }
        #expect(refusal?.status == .serviceUnavailable)
    }

    @Test("there are so many rooms and no more, and one that is empty is gone when its time is over")
    func rooms() async throws {
        var limits = RoomDirectory.Limits()
        limits.rooms = 1
        limits.departureTimeout = .milliseconds(1)
        let bench = RoomBench(limits: limits)
        let alice = try await bench.publish("alice", in: "a").opened
        let refusal = await #expect(throws: Refusal.self) { try await bench.publish("bob", in: "b") }
        #expect(refusal?.status == .serviceUnavailable && refusal?.sentence.contains("rooms") == true)
        await #expect(throws: Refusal.self) { try await bench.directory.admit("b", identity: "bob") }
        await bench.host.report(.closed(alice.id, reason: "left"))
        #expect(await RoomBench.eventually { await bench.directory.roomCount == 0 })
        try await bench.publish("bob", in: "b")
    }

    @Test("a room outlives its last member for a while, and whoever comes back meanwhile keeps it")
    func departure() async throws {
        let bench = RoomBench()
        let alice = try await bench.publish("alice").opened
        let before = await bench.directory.find("room") { $0 }
        await bench.host.report(.closed(alice.id, reason: "left"))
        #expect(await bench.directory.roomCount == 1)
        try await bench.publish("alice")
        let after = await bench.directory.find("room") { $0 }
        #expect(before != nil && before === after)
    }

    @Test("each transport is placed on the worker that has fewest")
    func placement() async throws {
        let bench = RoomBench(workers: 3)
        let counts = { bench.hosts.map { $0.opened.count - $0.closed.count } }
        func join(_ identity: String) async throws {
            _ = try await bench.directory.enter("room", identity: identity) { room throws(Refusal) in
                try await room.publish(RoomBench.token(identity), offer: Offers.publish)
            }
        }
        for number in 0..<6 { try await join("\(number)") }
        #expect(counts() == [2, 2, 2])
        for worker in [1, 1, 2] {
            let host = bench.hosts[worker]
            let id = try #require(host.memory.current.opened.first { opened in !host.closed.contains { $0.id == opened.id } }).id
            host.close(id, reason: "left")
        }
        #expect(await RoomBench.eventually { await bench.media.transportCount == 3 })
        for number in 6..<9 { try await join("\(number)") }
        #expect(counts() == [2, 2, 2])
    }

    @Test("many of one identity at once leave one session")
    func storm() async throws {
        let bench = RoomBench()
        await withTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try? await bench.publish("alice") } }
        }
        #expect(await bench.directory.census.members == 1)
        #expect(await bench.host.memory.until { $0.opened.count - $0.closed.count == 1 })
        #expect(await RoomBench.eventually { await bench.media.transportCount == 1 })
    }

    @Test("a drain with nobody there ends at once, and refuses new rooms")
    func emptyDrain() async throws {
        let bench = RoomBench()
        let began = ContinuousClock.now
        await bench.directory.drain(timeout: .seconds(60))
        #expect(ContinuousClock.now - began < .seconds(1))
        let refusal = await #expect(throws: Refusal.self) { try await bench.publish("alice") }
        #expect(refusal?.status == .serviceUnavailable && refusal?.sentence.contains("shutting down") == true)
        #expect(await !bench.directory.acceptsNewRooms)
    }

    @Test("a drain waits for who is there, lets them be joined, and ends when they have left")
    func drain() async throws {
        let bench = RoomBench()
        let alice = try await bench.publish("alice").opened
        let draining = Task { await bench.directory.drain(timeout: .seconds(60)) }
        #expect(await RoomBench.eventually { await !bench.directory.acceptsNewRooms })
        let bob = try await bench.publish("bob").opened
        await #expect(throws: Refusal.self) { try await bench.publish("carol", in: "new") }
        await bench.host.report(.closed(alice.id, reason: "left"))
        await bench.host.report(.closed(bob.id, reason: "left"))
        await draining.value
    }

    @Test("a drain ends who is still there when the time is over, with the reason")
    func drainTimeout() async throws {
        let bench = RoomBench()
        try await bench.publish("alice")
        await bench.directory.drain(timeout: .milliseconds(50))
        #expect(await bench.host.memory.until { $0.closed.map(\.reason) == ["The server is shutting down."] })
        #expect(await bench.directory.census.members == 0)
    }
}
