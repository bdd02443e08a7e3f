import HTTPTypes
import MediaPrimitives
import MediaWorker
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("Members of a room")
struct MembershipTests {
    @Test("the same identity, joining anew, ends the old: told why, and others in order", arguments: [JoinParameters.Version.v0, .v1])
    func replacement(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        let first = try await bench.join("alice", version)
        _ = try await first.publish(.camera)
        _ = (bob.take(), first.take())
        let second = try await bench.join("alice", version)
        let leave = try #require(first.take().last).leave
        #expect(leave.reason == .duplicateIdentity && leave.action == .disconnect && !leave.canReconnect && first.isClosed)
        let updates = bob.take().updates(of: "alice")
        #expect(updates.map(\.state) == [.disconnected, .joined] && updates.map(\.sid) == [first.sid, second.sid])
        #expect(second.all.first?.join.otherParticipants.map(\.identity) == ["bob"])
        #expect(await bench.directory.census.members == 2)
        let gone = bench.transports(of: "alice").first?.id
        #expect(await bench.host.memory.until { $0.closed.map(\.id) == [gone] })
        // What the old socket has still to say is said to nobody.
        await first.send { $0.ping = 1 }
        await first.session?.ended()
        #expect(await bench.directory.census.members == 2)
    }

    @Test("who leaves is gone at once, with all they had")
    func leave() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        _ = try await alice.publish(.camera)
        await bob.sendOffer()
        _ = bob.take()
        await alice.send { $0.leave = Livekit_LeaveRequest() }
        #expect(alice.isClosed && alice.all.last?.message?.kind == "answer")
        let told = bob.take()
        #expect(told.kinds == ["update", "requirement"])
        #expect(told.updates(of: "alice").map(\.state) == [.disconnected] && told.updates(of: "alice").first?.tracks.isEmpty == true)
        let (gone, id) = (bench.transports(of: "alice").first?.id, bench.transports(of: "bob").first?.id)
        #expect(await bench.host.memory.until { $0.closed.map(\.id) == [gone] && id.map($0.fed) == [] })
        #expect(await RoomBench.eventually { await bench.media.transportCount == 1 })
    }

    @Test("a socket that is lost before any media is the end, after it the transport's end is")
    func socketLost() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        let early = try await bench.join("early")
        let late = try await bench.join("late")
        try await bench.connect("late")
        _ = bob.take()
        await early.session?.ended()
        await late.session?.ended()
        #expect(bob.take().updates(of: "early").map(\.state) == [.disconnected])
        #expect(await bench.directory.census.members == 2)
        let id = try #require(bench.transports(of: "late").first?.id)
        let before = late.all.count
        await bench.host.report(.closed(id, reason: "consent has run out"))
        #expect(bob.take().updates(of: "late").map(\.state) == [.disconnected])
        #expect(late.all.count == before)
    }

    @Test("a transport that ends under a living socket has the client begin anew")
    func transportLost() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        try await bench.connect("alice")
        let id = try #require(bench.transports(of: "alice").first?.id)
        await bench.host.report(.closed(id, reason: "consent has run out"))
        let leave = try #require(alice.all.last).leave
        #expect(leave.action == .reconnect && leave.canReconnect && alice.isClosed)
        #expect(bench.host.closed.isEmpty)
        #expect(await bench.directory.census.members == 0)
    }

    @Test("who wants to resume is sent to begin anew, before anything else", arguments: [JoinParameters.Version.v0, .v1])
    func reconnect(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", version)
        let again = try await bench.join("alice", version, request: { ($0.reconnect, $0.participantSid) = (true, alice.sid) })
        #expect(again.all.count == 1 && again.isClosed && again.session == nil)
        #expect(again.all.first?.leave.reason == .stateMismatch && again.all.first?.leave.action == .reconnect)
        // The member is still there, until the client joins afresh.
        #expect(await bench.directory.census.members == 1)
    }

    @Test("a full room refuses newcomers, and not those whose place it already is")
    func full() async throws {
        var limits = RoomDirectory.Limits()
        limits.room.members = 2
        let bench = RoomBench(limits: limits)
        let alice = try await bench.join("alice")
        _ = try await bench.join("bob")
        let carol = try await bench.join("carol")
        #expect(carol.all.map(\.leave.reason) == [.joinFailure] && carol.isClosed && carol.session == nil)
        await #expect(throws: Refusal.self) { try await bench.directory.admit("room", identity: "carol") }
        try await bench.directory.admit("room", identity: "alice")
        let again = try await bench.join("alice")
        #expect(again.session != nil && alice.isClosed)
    }

    /// Rooms in which two may wait for their media.
    private func narrow(_ patience: Duration = .seconds(60)) -> RoomBench {
        var limits = RoomDirectory.Limits()
        limits.room.waitingMembers = 2
        limits.room.waitingPatience = patience
        return RoomBench(limits: limits)
    }

    @Test("those who only talk fill no room: where too many wait for their media newcomers are asked to come back, by whichever way")
    func waiting() async throws {
        let bench = narrow()
        _ = try await bench.publish("studio")
        let early = try await bench.join("early")
        let refused = try await bench.join("late")
        #expect(refused.all.map(\.leave.reason) == [.joinFailure] && refused.session == nil)
        #expect(refused.goodbye == "Too many participants are connecting. Try again soon.")
        let door = await #expect(throws: Refusal.self) { try await bench.directory.admit("room", identity: "late") }
        let viewer = await #expect(throws: Refusal.self) { try await bench.watch() }
        let publisher = await #expect(throws: Refusal.self) { try await bench.publish("late") }
        for refusal in [door, viewer, publisher] {
            #expect(refusal?.status == .serviceUnavailable && refusal?.headers[.retryAfter] != nil)
        }
        // Who is there already takes the place of their former self.
        try await bench.directory.admit("room", identity: "early")
        let again = try await bench.join("early")
        #expect(again.session != nil && early.isClosed)
        // Whose media has come waits no more, though it may be interrupted later.
        try await bench.connect("early")
        try await bench.directory.admit("room", identity: "late")
        #expect(try await bench.join("late").session != nil)
        await #expect(throws: Refusal.self) { try await bench.directory.admit("room", identity: "later") }
    }

    @Test("whoever has waited in vain for longer than media takes makes way, the first who came first; to ask alone sends nobody away")
    func makesWay() async throws {
        let bench = narrow(.zero)
        let talkers = [try await bench.join("one"), try await bench.join("two")]
        try await bench.directory.admit("room", identity: "alice")
        #expect(!talkers[0].isClosed)
        let alice = try await bench.join("alice")
        #expect(alice.session != nil && talkers.map(\.isClosed) == [true, false])
        let leave = try #require(talkers[0].all.last).leave
        #expect(leave.reason == .connectionTimeout && leave.action == .reconnect)
        try await bench.connect("alice")
        _ = try await bench.publish("studio")
        _ = try await bench.join("bob")
        #expect(talkers[1].isClosed && !alice.isClosed)
    }

    @Test("a server that is full, or takes no new rooms, says so and ends the socket")
    func refused() async throws {
        let bench = RoomBench(transports: 1)
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        #expect(bob.all.map(\.leave.reason).last == .joinFailure && bob.isClosed && !alice.isClosed)
        #expect(await bench.directory.census.members == 1)
        await bench.directory.drain(timeout: .zero)
        #expect(alice.all.last?.leave.reason == .serverShutdown && alice.all.last?.leave.action == .reconnect)
        let carol = try await bench.join("carol", room: "other")
        #expect(carol.all.map(\.leave.reason) == [.joinFailure] && carol.isClosed)
    }

    @Test("what a worker refuses ends the client")
    func workerRefuses() async throws {
        let bench = RoomBench(transports: 1)
        bench.host.refuse(AdmissionError("The worker has no room left."))
        let alice = try await bench.join("alice")
        #expect(alice.all.last?.leave.reason == .mediaFailure && alice.isClosed)
        #expect(await bench.directory.census.members == 0)
        #expect(await bench.media.transportCount == 0)
        bench.host.refuse(nil)
        #expect(try await bench.join("alice").take().kinds == ["join", "answer"])
    }

    @Test("an empty room is gone when its time is over")
    func emptyRoom() async throws {
        var limits = RoomDirectory.Limits()
        limits.departureTimeout = .milliseconds(1)
        let bench = RoomBench(limits: limits)
        let alice = try await bench.join("alice")
        await alice.session?.ended()
        #expect(await RoomBench.eventually { await bench.directory.roomCount == 0 })
        let again = try await bench.join("alice")
        #expect(again.all.first?.join.room.sid != alice.all.first?.join.room.sid)
    }

    @Test("transports go to the least loaded worker, and tracks are named with theirs")
    func placement() async throws {
        let bench = RoomBench(workers: 2)
        let alice = try await bench.join("alice")
        _ = try await bench.join("bob")
        _ = try await alice.publish(.camera)
        let carol = try await bench.join("carol", .v0)
        try await carol.sendAnswer()
        #expect(bench.hosts.map { $0.opened.map(\.identity) } == [["alice", "carol"], ["bob"]])
        #expect(bench.hosts[0].opened.last?.sending.first?.source?.worker == 0)
        let dave = try await bench.join("dave")
        #expect(bench.hosts[1].opened.last?.sending.first?.source?.worker == 0 && dave.all.count == 2)
    }

    // MARK: Those who come by HTTP

    @Test("a WHIP publisher is seen when its media is there, and not before")
    func publisher() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        _ = bob.take()
        let whip = try await bench.publish("whip").opened
        let carol = try await bench.join("carol")
        #expect(carol.all.first?.join.otherParticipants.map(\.identity) == ["bob"])
        #expect(bob.take().updates(of: "whip").isEmpty)
        await bench.host.report(.connected(whip.id))
        let told = bob.take()
        #expect(told.kinds == ["update", "requirement"])
        let info = try #require(told.updates(of: "whip").first)
        #expect(info.state == .active && info.kind == .ingress && info.tracks.map(\.source) == [.microphone, .camera])
        #expect(await bob.sendOffer()?.midToTrackID.count == 2)
        await bench.host.report(.closed(whip.id, reason: "left"))
        #expect(bob.take().updates(of: "whip").map(\.state) == [.disconnected])
    }

    @Test("one identity has one place, whichever way it comes")
    func otherWay() async throws {
        let bench = RoomBench()
        let whip = try await bench.publish("alice").opened.id
        let alice = try await bench.join("alice")
        #expect(await bench.host.memory.until { $0.closed.map(\.id) == [whip] })
        #expect(alice.all.first?.join.otherParticipants.isEmpty == true)
        try await bench.publish("alice")
        #expect(alice.all.last?.leave.reason == .duplicateIdentity && alice.isClosed)
        #expect(await bench.directory.census.members == 1)
    }

    @Test("of a WHIP publisher that never connects nobody hears anything")
    func neverConnected() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        _ = bob.take()
        let whip = try await bench.publish("whip").opened
        await bench.host.report(.closed(whip.id, reason: "nobody came"))
        #expect(bob.take().isEmpty)
    }

    @Test("WHEP viewers are unseen, follow whoever publishes, and share identities with anybody")
    func viewers() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.camera)
        _ = alice.take()
        let ids = try await [
            bench.watch(as: "eve").opened.id, bench.watch("alice", as: "eve").opened.id, bench.watch(as: "alice").opened.id,
        ]
        #expect(alice.take().isEmpty && !alice.isClosed)
        try await bench.connect("alice")
        let track = bench.host.memory.current.current(try #require(bench.transports(of: "alice").first?.id))?.receiving.first?.track
        for id in ids { #expect(await bench.host.memory.until { $0.fed(id) == [track] }) }
        let bob = try await bench.join("bob")
        #expect(bob.all.first?.join.otherParticipants.map(\.identity) == ["alice"])
        #expect(await bench.directory.census.members == 5)
    }
}
