import MediaPrimitives
import Negotiation
import RTP
import Rooms
import SDP
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("Publishing over LiveKit's protocol")
struct PublishingTests {
    /// What the worker receives of `identity`'s first transport.
    private func received(_ bench: RoomBench, _ identity: String) throws -> [ReceivingSection] {
        let id = try #require(bench.transports(of: identity).first?.id)
        return bench.host.memory.current.current(id)?.receiving ?? []
    }

    @Test("a track is announced, offered and answered, and then it is everybody's")
    func publish() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        _ = (alice.take(), bob.take())
        let (cid, info) = await alice.announce(.camera) { $0.name = "front" }
        #expect(alice.take().kinds == ["trackPublished"])
        // Nothing flows yet, so nobody else hears of it.
        #expect(bob.take().isEmpty)
        let mid = alice.offer.send(cid, kind: "video")
        let answer = try #require(await alice.sendOffer())
        #expect(alice.take().kinds == ["answer"])
        let section = try #require(try SessionDescription(parsing: answer.sdp).media.first { $0.mid == mid })
        #expect(section.direction == .recvonly && section.simulcast?.receive.count == 3)

        let told = bob.take()
        #expect(told.kinds == ["update", "requirement"])
        let track = try #require(told.updates(of: "alice").last?.tracks.first)
        #expect(track.sid == info?.sid && track.name == "front" && track.mid == mid && track.mimeType == "video/VP8")
        #expect(track.simulcast && track.layers.map(\.quality) == [.low, .medium, .high] && track.layers.map(\.rid) == ["q", "h", "f"])
        #expect(track.codecs.map(\.cid) == [cid] && told.updates(of: "alice").last?.isPublisher == true)
        let receiving = try received(bench, "alice")
        #expect(receiving.map(\.parameters.mid) == [mid] && receiving.first?.parameters.rids == ["q", "h", "f"])

        // Of free sections there are enough: only an offer is missing.
        #expect(told.last?.mediaSectionsRequirement.numAudios == 0 && told.last?.mediaSectionsRequirement.numVideos == 0)
        let theirs = try #require(await bob.sendOffer())
        #expect(theirs.midToTrackID == ["3": track.sid])
        #expect(bob.take().kinds == ["answer"])
        let id = try #require(bench.transports(of: "bob").first?.id)
        #expect(bench.host.memory.current.fed(id) == receiving.map(\.track))
    }

    @Test("where free sections do not suffice, as many are asked for as are missing")
    func missingSections() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        let alice = try await bench.join("alice")
        _ = bob.take()
        for _ in 0..<5 { _ = try await alice.publish(.camera) }
        for _ in 0..<4 { _ = try await alice.publish(.microphone) }
        // The request of the first track is still open.
        #expect(bob.take().kinds.filter { $0 == "requirement" }.count == 1)
        await bob.sendOffer()
        let requirement = try #require(bob.take().last).mediaSectionsRequirement
        #expect(requirement.numAudios == 1 && requirement.numVideos == 2)
        bob.offer.receive(audios: 1, videos: 2)
        let answer = try #require(await bob.sendOffer())
        #expect(answer.midToTrackID.count == 9)
        #expect(bob.take().kinds == ["answer"])
    }

    @Test("a section that sends no more ends its track, whatever name is left on it")
    func unpublish() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (_, mid) = try await alice.publish(.camera)
        await bob.sendOffer()
        _ = bob.take()
        alice.offer.stop(mid)
        #expect(await alice.sendOffer() != nil)
        #expect(try received(bench, "alice").isEmpty)
        let told = bob.take()
        #expect(told.kinds == ["update", "requirement"])
        #expect(told.updates(of: "alice").map(\.tracks.count) == [0] && told.updates(of: "alice").first?.isPublisher == false)
        // Nothing is sent from now on, though the client has not offered yet.
        let id = try #require(bench.transports(of: "bob").first?.id)
        #expect(await bench.host.memory.until { $0.fed(id) == [] })
        #expect(await bob.sendOffer()?.midToTrackID.isEmpty == true)
    }

    @Test("a track that is published again is another track, and takes the same sections")
    func republish() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (first, mid) = try await alice.publish(.camera)
        let before = try #require(await bob.sendOffer())
        alice.offer.stop(mid)
        await alice.sendOffer()
        await bob.sendOffer()
        let (cid, info) = await alice.announce(.camera)
        alice.offer.send(cid, by: mid)
        await alice.sendOffer()
        let after = try #require(await bob.sendOffer())
        let second = try #require(info?.sid)
        #expect(first != second && before.midToTrackID == ["3": first] && after.midToTrackID == ["3": second])
        #expect(!after.sdp.contains(first))
        // Under other SSRCs: libwebrtc plays nothing from one that comes back after a silence.
        let ssrcs = try [before, after].map {
            try #require(try SessionDescription(parsing: $0.sdp).media.first { $0.mid == "3" }).sourceGroups
        }
        #expect(ssrcs[0] != ssrcs[1] && !ssrcs[0].isEmpty)
    }

    @Test("a section that sends another track without a pause ends the one and begins the other")
    func replacedTrack() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (first, mid) = try await alice.publish(.camera)
        let former = try received(bench, "alice").map(\.track)
        let (cid, info) = await alice.announce(.screenShare)
        alice.offer.send(cid, by: mid)
        _ = bob.take()
        await alice.sendOffer()
        #expect(bob.take().updates(of: "alice").last?.tracks.map(\.sid) == [info?.sid ?? ""] && info?.sid != first)
        let now = try received(bench, "alice")
        #expect(now.map(\.parameters.mid) == [mid] && now.map(\.track) != former)
    }

    @Test("what is sent without having been announced is not received")
    func unannounced() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let mid = alice.offer.send("nobody knows", kind: "video")
        let answer = try #require(await alice.sendOffer())
        #expect(try SessionDescription(parsing: answer.sdp).media.first { $0.mid == mid }?.direction == .inactive)
        #expect(try received(bench, "alice").isEmpty)
    }

    @Test("Firefox names its tracks otherwise: the announced one of the kind stands in")
    func otherNames() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let microphone = await alice.announce(.microphone)
        let camera = await alice.announce(.camera)
        _ = alice.offer.send("{a}", kind: "video")
        _ = alice.offer.send("{b}", kind: "audio")
        await alice.sendOffer()
        let bob = try await bench.join("bob")
        let tracks = try #require(bob.all.first).join.otherParticipants.flatMap(\.tracks)
        #expect(Set(tracks.map(\.sid)) == Set([microphone.info?.sid, camera.info?.sid].compactMap { $0 }))
    }

    @Test("tracks come with the join, where the client wants them to")
    func withJoin() async throws {
        let bench = RoomBench()
        var offer = ClientOffer.liveKit
        let mid = offer.send("early", kind: "audio")
        let alice = try await bench.join(
            "alice", offer: offer,
            request: { request in
                request.addTrackRequests = [
                    .with {
                        $0.cid = "early"
                        $0.type = .audio
                        $0.source = .microphone
                    }
                ]
            })
        #expect(alice.take().kinds == ["join", "trackPublished", "answer"])
        #expect(try received(bench, "alice").map(\.parameters.mid) == [mid])
    }

    @Test("a mute is told to others once, however often the client repeats it")
    func mute() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (sid, _) = try await alice.publish(.microphone)
        _ = (alice.take(), bob.take())
        for muted in [true, true, false, false, false] { await alice.send { $0.mute = .with { ($0.sid, $0.muted) = (sid, muted) } } }
        #expect(bob.take().updates(of: "alice").map { $0.tracks.map(\.muted) } == [[true], [false]])
        // Another's is none of ours.
        await bob.send { $0.mute = .with { ($0.sid, $0.muted) = (sid, true) } }
        #expect(alice.take().updates(of: "bob").isEmpty && bob.take().isEmpty)
        // One that has no media yet comes muted.
        let (cid, info) = await alice.announce(.camera)
        await alice.send { $0.mute = .with { ($0.sid, $0.muted) = (info?.sid ?? "", true) } }
        _ = alice.offer.send(cid, kind: "video")
        await alice.sendOffer()
        #expect(bob.take().updates(of: "alice").last?.tracks.last?.muted == true)
    }

    @Test("new credentials restart ICE on the same transport, with fresh ones of ours")
    func restart() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let first = try #require(alice.take().last).answer.sdp
        alice.offer.restartICE("anew")
        let second = try #require(await alice.sendOffer()).sdp
        let id = try #require(bench.transports(of: "alice").first?.id)
        #expect(bench.host.restarted == [id] && bench.transports(of: "alice").count == 1)
        let ufrags = try [first, second].map { try SessionDescription(parsing: $0).media.first?.iceUfrag }
        #expect(ufrags[0] != ufrags[1])
        #expect(await alice.sendOffer() != nil && bench.host.restarted == [id])
    }

    @Test("an offer that is none ends the client with a reason")
    func nonsense() async throws {
        let bench = RoomBench(transports: 2)
        let alice = try await bench.join("alice")
        await alice.send { $0.offer.sdp = "nonsense" }
        let leave = try #require(alice.take().last).leave
        #expect(leave.reason == .mediaFailure && leave.action == .disconnect && alice.isClosed)
        #expect(alice.goodbye?.hasPrefix("An offer was refused: ") == true)
        #expect(await bench.directory.census.members == 0)
        #expect(await bench.host.memory.until { $0.closed.count == 1 })
    }
}
