import MediaPrimitives
import RTP
import Rooms
import SDP
import Server
import Signalling
import SwiftProtobuf
import Testing

/// Clients with a connection for each direction.
@Suite("Clients of the former kind (v0)")
struct DualTests {
    private func lastOffer(_ client: TestClient) throws -> Livekit_SessionDescription {
        try #require(client.all.last { $0.message?.isOffer ?? false }).offer
    }

    @Test("is offered a connection at once, though there is nothing to receive")
    func empty() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob", .v0)
        #expect(bob.take().kinds == ["join", "offer"])
        let media = try SessionDescription(parsing: try lastOffer(bob).sdp).media
        #expect(media.map(\.direction) == [.inactive] && media.first?.candidates.count == 2)
        #expect(bench.host.opened.isEmpty)
        try await bob.sendAnswer()
        #expect(bench.transports(of: "bob").count == 1)
        #expect(bob.take().isEmpty)
    }

    @Test("is offered what is there, and the next only after the answer, all of it together")
    func coalescing() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let first = try await alice.publish(.camera)
        let bob = try await bench.join("bob", .v0)
        #expect(try lastOffer(bob).midToTrackID == ["0": first.sid])
        _ = bob.take()
        let second = try await alice.publish(.microphone)
        let third = try await alice.publish(.screenShare)
        #expect(bob.take().kinds == ["update", "update"])
        try await bob.sendAnswer()
        #expect(bob.take().kinds == ["offer"])
        let offer = try lastOffer(bob)
        #expect(offer.id == 2 && Set(offer.midToTrackID.values) == [first.sid, second.sid, third.sid])
        #expect(offer.midToTrackID["0"] == first.sid)
        try await bob.sendAnswer()
        #expect(bob.take().isEmpty)
        let id = try #require(bench.transports(of: "bob").first?.id)
        #expect(bench.host.memory.current.fed(id).compactMap(\.self).count == 3)
        // Sections say which track it is, too: one that is used again keeps its first name in some clients.
        let streams = try SessionDescription(parsing: offer.sdp).media.map { $0.mediaStreamIDs.first?.stream ?? "" }
        #expect(streams.allSatisfy { $0.hasPrefix(alice.sid + "|TR_") })
    }

    @Test("sends by a connection of its own, which comes when it is needed")
    func publishing() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob", .v0)
        try await bob.sendAnswer()
        #expect(bench.transports(of: "bob").count == 1)
        let alice = try await bench.join("alice")
        _ = (alice.take(), bob.take())
        let (sid, mid) = try await bob.publish(.camera)
        #expect(bob.take().kinds == ["trackPublished", "answer"])
        #expect(alice.take().kinds == ["update", "requirement"])
        #expect(await alice.sendOffer()?.midToTrackID == ["3": sid])
        let transports = bench.transports(of: "bob")
        #expect(transports.map(\.parameters.receiving.count) == [0, 1])
        #expect(transports.last?.parameters.receiving.first?.parameters.mid == mid)
        // Its own track is not among what it gets.
        #expect(try lastOffer(bob).id == 1)
    }

    @Test("a section whose track has ended is offered silent, and used for the next")
    func reuse() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob", .v0)
        try await bob.sendAnswer()
        let first = try await alice.publish(.camera)
        let before = try lastOffer(bob)
        let mid = try #require(before.midToTrackID.first { $0.value == first.sid }).key
        try await bob.sendAnswer()
        alice.offer.stop(first.mid)
        await alice.sendOffer()
        let silent = try lastOffer(bob)
        #expect(silent.midToTrackID.isEmpty && silent.id == before.id + 1)
        try await bob.sendAnswer()
        let second = try await alice.publish(.camera)
        let after = try lastOffer(bob)
        #expect(after.midToTrackID == [mid: second.sid])
        let media = try [before, silent, after].map { try SessionDescription(parsing: $0.sdp).media }
        #expect(media[0].map(\.mid) == media[1].map(\.mid) && media[0].map(\.mid) == media[2].map(\.mid))
        #expect(media[0].last?.sourceGroups != media[2].last?.sourceGroups && media[1].last?.direction == .inactive)
    }

    @Test("a track that it does not decode is said to be so, and not offered again")
    func undecodable() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        let bob = try await bench.join("bob", .v0)
        _ = bob.take()
        try await bob.sendAnswer(decoding: ["H264"])
        let told = bob.take()
        #expect(told.first?.subscriptionResponse.trackSid == camera.sid && told.first?.subscriptionResponse.err == .seCodecUnsupported)
        for _ in told.dropFirst() { try await bob.sendAnswer(decoding: ["H264"]) }
        #expect(told.count <= 2 && bob.take().isEmpty)
    }

    @Test("late and foreign answers are passed over")
    func staleAnswers() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob", .v0)
        let text = try ClientAnswer.text(to: try lastOffer(bob).sdp)
        for id: UInt32 in [7, 2] { await bob.send { $0.answer = .with { ($0.type, $0.sdp, $0.id) = ("answer", text, id) } } }
        #expect(bench.host.opened.isEmpty && !bob.isClosed)
        try await bob.sendAnswer()
        try await bob.sendAnswer()
        #expect(bench.host.opened.count == 1 && !bob.isClosed)
    }

    @Test("who may not receive is offered nothing, and told to offer")
    func senderOnly() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob", .v0, grant: { $0.canSubscribe = false })
        #expect(bob.take().kinds == ["join"] && bob.all.first?.join.subscriberPrimary == false)
        _ = try await bob.publish(.camera)
        #expect(bob.take().kinds == ["trackPublished", "answer"])
        try await bench.connect("bob")
        let alice = try await bench.join("alice")
        #expect(alice.all.first?.join.otherParticipants.first?.state == .active)
    }

    @Test("counts as there when the connection by which it receives is up")
    func active() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob", .v0)
        _ = try await bob.publish(.camera)
        _ = alice.take()
        try await bench.connect("bob")
        #expect(alice.take().updates(of: "bob").isEmpty)
        try await bob.sendAnswer()
        let id = try #require(bench.transports(of: "bob").last?.id)
        await bench.host.report(.connected(id))
        #expect(alice.take().updates(of: "bob").map(\.state) == [.active])
    }
}
