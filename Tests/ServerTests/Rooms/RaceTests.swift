import MediaPrimitives
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

/// What happens while a worker has not answered yet.
@Suite("Rooms, while workers take their time")
struct RaceTests {
    @Test("who leaves while their transport is being opened leaves nothing behind", arguments: [JoinParameters.Version.v0, .v1])
    func leavesWhileOpening(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        bench.host.memory.record { $0.holdsOpens = true }
        let opening = bench.host.memory.current.opening
        let joining = Task {
            let alice = try await bench.join("alice", version)
            if version == .v0 { try await alice.sendAnswer() }
            return alice.sid
        }
        #expect(await bench.host.memory.until { $0.opening == opening + 1 })
        // The same identity takes the place, as after a tab's reload.
        let again = Task { try await bench.join("alice").take().kinds }
        #expect(await bench.host.memory.until { $0.opening == opening + 2 })
        bench.host.memory.record { $0.holdsOpens = false }
        let gone = try await joining.value
        #expect(try await again.value == ["join", "answer"])
        let ids = bench.transports(of: "alice").map(\.id)
        #expect(await bench.host.memory.until { $0.closed.count == 1 && $0.closed.allSatisfy { ids.contains($0.id) } })
        #expect(await RoomBench.eventually { await bench.media.transportCount == 2 })
        #expect(await bench.directory.census.members == 2)
        #expect(bob.take().updates(of: "alice").filter { $0.sid == gone }.map(\.state) == [.joined, .disconnected])
    }

    @Test("offers that follow each other quickly are answered in order, on one transport")
    func twoOffers() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (cid, _) = await alice.announce(.camera)
        let other = await alice.announce(.microphone)
        _ = alice.offer.send(cid, kind: "video")
        let first = alice.nextOffer()
        _ = alice.offer.send(other.cid, kind: "audio")
        let second = alice.nextOffer()
        _ = alice.take()
        // As from a socket: one after the other, the second waiting already.
        bench.host.memory.record { $0.holdsConfigures = true }
        let session = try #require(alice.session)
        let receiving = Task {
            for offer in [first, second] { await session.receive(.with { $0.offer = offer }) }
        }
        #expect(await bench.host.memory.until { $0.configuring == 1 })
        #expect(alice.take().isEmpty)
        bench.host.memory.record { $0.holdsConfigures = false }
        await receiving.value
        #expect(alice.take().map(\.answer.id) == [first.id, second.id])
        #expect(bench.transports(of: "alice").count == 1)
        #expect(bob.take().updates(of: "alice").last?.tracks.count == 2)
    }

    @Test("what changes while a worker is being told is told once, after it, as it is then")
    func superseded() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (sid, _) = try await alice.publish(.camera)
        await bob.sendOffer()
        let id = try #require(bench.transports(of: "bob").first?.id)
        let before = bench.host.memory.current.configured.count
        bench.host.memory.record { $0.holdsConfigures = true }
        func wish(_ quality: Livekit_VideoQuality) async {
            await bob.send { request in request.trackSetting = .with { ($0.trackSids, $0.quality) = ([sid], quality) } }
        }
        let configuring = bench.host.memory.current.configuring
        await wish(.low)
        #expect(await bench.host.memory.until { $0.configuring == configuring + 1 })
        for quality in [Livekit_VideoQuality.medium, .high, .low, .medium] { await wish(quality) }
        bench.host.memory.record { $0.holdsConfigures = false }
        #expect(await bench.host.memory.until { $0.configured.count == before + 2 })
        let told = bench.host.memory.current.configured.suffix(2)
        #expect(told.map(\.id) == [id, id] && told.map { $0.sending.map(\.wish.maximumLayer) } == [[0], [1]])
    }

    @Test("no answer leaves before the worker knows what it says, though the worker is being told something else")
    func workerFirst() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (sid, _) = try await alice.publish(.camera)
        await bob.sendOffer()
        let id = try #require(bench.transports(of: "bob").first?.id)
        bench.host.memory.record { $0.holdsConfigures = true }
        let configuring = bench.host.memory.current.configuring
        await bob.send { request in request.trackSetting = .with { ($0.trackSids, $0.disabled) = ([sid], true) } }
        #expect(await bench.host.memory.until { $0.configuring == configuring + 1 })
        let (cid, _) = await bob.announce(.microphone)
        _ = bob.offer.send(cid, kind: "audio")
        _ = bob.take()
        let offer = bob.nextOffer()
        let session = try #require(bob.session)
        let receiving = Task { await session.receive(.with { $0.offer = offer }) }
        // Time enough for the offer to come as far as it can.
        for _ in 0..<1_000 { await Task.yield() }
        #expect(bob.take().isEmpty)
        bench.host.memory.record { $0.holdsConfigures = false }
        await receiving.value
        #expect(bob.take().kinds == ["answer"])
        #expect(bench.host.memory.current.current(id)?.receiving.count == 1)
    }

    @Test("who leaves while a worker is being told of them is closed all the same")
    func leavesWhileSettling() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let (cid, _) = await alice.announce(.camera)
        _ = alice.offer.send(cid, kind: "video")
        let offer = alice.nextOffer()
        bench.host.memory.record { $0.holdsConfigures = true }
        let session = try #require(alice.session)
        let receiving = Task { await session.receive(.with { $0.offer = offer }) }
        #expect(await bench.host.memory.until { $0.configuring == 1 })
        await session.ended()
        bench.host.memory.record { $0.holdsConfigures = false }
        await receiving.value
        #expect(await bench.host.memory.until { $0.closed.count == 1 })
        #expect(await bench.directory.census.members == 0)
        #expect(alice.all.last?.message?.kind == "trackPublished")
    }

    @Test("transports that are opened and closed at once, by many, leave no place taken")
    func storm() async throws {
        let bench = RoomBench(workers: 2)
        await withTaskGroup { group in
            for number in 0..<40 {
                group.addTask {
                    let alice = try? await bench.join("alice-\(number % 4)", number % 3 == 0 ? .v0 : .v1)
                    if number % 2 == 0 { await alice?.send { $0.leave = Livekit_LeaveRequest() } }
                    await alice?.session?.ended()
                }
            }
        }
        #expect(await RoomBench.eventually { await bench.media.transportCount == 0 })
        #expect(await bench.directory.census.members == 0)
    }
}
