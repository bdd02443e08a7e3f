import ClientOffers
import Rooms
import SDP
import Server
import Signalling
import SwiftProtobuf
import Testing

/// What clients die of, row by row; `ClientRules` holds all other tests to it as well.
@Suite("What clients count on")
struct ConformanceTests {
    @Test("join comes first, with sids of the right kinds and intervals that are not zero", arguments: [JoinParameters.Version.v0, .v1])
    func join(version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", version)
        let join = try #require(alice.take().first).join
        #expect(join.hasRoom && join.room.sid.hasPrefix("RM_") && join.room.name == "room")
        #expect(join.participant.sid.hasPrefix("PA_") && join.participant.identity == "alice" && join.participant.name == "ALICE")
        #expect(join.pingInterval == 5 && join.pingTimeout == 15)
        #expect(join.serverInfo.protocol == 16 && !join.serverVersion.isEmpty)
        #expect(join.enabledPublishCodecs.map(\.mime) == ["audio/opus", "audio/red", "video/VP8", "video/H264", "video/VP9", "video/AV1"])
        #expect(join.subscriberPrimary == (version == .v0) && join.otherParticipants.isEmpty)
    }

    @Test(
        "an answer names the offer that it is to, and holds all candidates",
        arguments: [LiveKitOffers.first, ChromiumRoomOffers.first, FirefoxRoomOffers.first])
    func answers(offer: String) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", offer: ClientOffer(offer))
        #expect(alice.take().kinds == ["join", "answer"])
        for id: UInt32 in 2...4 {
            let answer = try #require(await alice.sendOffer())
            #expect(answer.id == id && answer.type == "answer")
            #expect(answer.sdp.contains("a=end-of-candidates") && answer.sdp.contains("192.0.2.1 7001 typ host"))
        }
        #expect(alice.take().kinds == ["answer", "answer", "answer"])
        #expect(bench.transports(of: "alice").count == 1)
    }

    @Test("every section that sends is in the map, and names publisher and track")
    func sections() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        let microphone = try await alice.publish(.microphone)
        let bob = try await bench.join("bob")
        let answer = try #require(bob.take().last).answer
        #expect(answer.midToTrackID == ["0": microphone.sid, "3": camera.sid])
        let media = try SessionDescription(parsing: answer.sdp).media
        for (mid, sid) in answer.midToTrackID {
            let msid = media.first { $0.mid == mid }?.mediaStreamIDs.first
            // Sound and picture of one device share a stream, to be played in step.
            #expect(msid?.stream == alice.sid + "|camera" && msid?.track == sid)
        }
    }

    @Test("a track is told of at once when it is announced, and again when it is announced again")
    func trackPublished() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = alice.take()
        for _ in 0..<2 { _ = await alice.announce(.camera) { $0.cid = "cid" } }
        let responses = alice.take()
        #expect(responses.kinds == ["trackPublished", "trackPublished"])
        #expect(responses.map(\.trackPublished.cid) == ["cid", "cid"])
        #expect(responses[0].trackPublished.track.sid.hasPrefix("TR_"))
        #expect(responses[0].trackPublished.track == responses[1].trackPublished.track)
    }

    @Test("candidates of clients are taken without a word, the last one's empty mark as well")
    func trickle() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = alice.take()
        for candidate in ["{\"candidate\":\"candidate:1 1 udp 1 192.0.2.9 9 typ host\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}", "", "{"] {
            await alice.send { request in
                request.trickle = .with {
                    $0.candidateInit = candidate
                    $0.final = candidate.isEmpty
                }
            }
        }
        await alice.send { $0.syncState = Livekit_SyncState() }
        await alice.send { _ in }
        #expect(alice.take().isEmpty && !alice.isClosed)
    }

    @Test("both kinds of ping are answered, each with its own")
    func pings() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = alice.take()
        await alice.send { $0.ping = 1_234 }
        await alice.send { $0.pingReq.timestamp = 1_234 }
        let responses = alice.take()
        #expect(responses.kinds == ["pong", "pongResp"])
        // Milliseconds: more would not fit a browser's numbers.
        let now = Int64(Bench.now * 1000)
        #expect(abs(responses[0].pong - now) < 60_000 && abs(responses[1].pongResp.timestamp - now) < 60_000)
        #expect(responses[1].pongResp.lastPingTimestamp == 1_234)
    }

    @Test("others hear of a track before it is put on a section, in versions that increase")
    func updates() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let carol = try await bench.join("carol", .v0)
        try await carol.sendAnswer()
        _ = (bob.take(), carol.take())
        let camera = try await alice.publish(.camera)
        _ = try await alice.publish(.microphone)
        let toBob = bob.take()
        // One request is enough until the client has offered.
        #expect(toBob.kinds == ["update", "requirement", "update"])
        #expect(toBob.updates(of: "alice").map(\.tracks.count) == [1, 2])
        #expect(toBob.updates(of: "alice")[0].tracks[0].sid == camera.sid)
        let versions = toBob.updates(of: "alice").map(\.version)
        #expect(versions[0] < versions[1])
        #expect(carol.take().kinds == ["update", "offer", "update"])
    }

    @Test("whoever comes is told of those who are there, and they of them")
    func coming() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.microphone)
        _ = alice.take()
        let bob = try await bench.join("bob")
        let others = try #require(bob.take().first).join.otherParticipants
        #expect(others.map(\.identity) == ["alice"] && others.first?.tracks.map(\.source) == [.microphone])
        #expect(alice.take().updates(of: "bob").map(\.state) == [.joined])
        try await bench.connect("bob")
        #expect(alice.take().updates(of: "bob").map(\.state) == [.active])
    }
}
