import MediaPrimitives
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("What a token permits")
struct GrantTests {
    @Test("who may not publish is told so, and is not received")
    func canPublish() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", grant: { $0.canPublish = false })
        #expect(alice.take().first?.join.participant.permission.canPublish == false)
        let (cid, info) = await alice.announce(.camera)
        let response = try #require(alice.take().last).requestResponse
        #expect(info == nil && response.reason == .notAllowed && response.message.contains("canPublish"))
        #expect(response.addTrack.cid == cid)
        _ = alice.offer.send(cid, kind: "video")
        await alice.sendOffer()
        let id = try #require(bench.transports(of: "alice").first?.id)
        #expect(bench.host.memory.current.current(id)?.receiving.isEmpty == true)
    }

    @Test("sources that a token names are the only ones")
    func sources() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", grant: { $0.canPublishSources = ["microphone", "screen_share"] })
        #expect(alice.all.first?.join.participant.permission.canPublishSources == [.microphone, .screenShare])
        for (source, isAllowed) in [
            (Livekit_TrackSource.camera, false), (.microphone, true), (.screenShare, true), (.screenShareAudio, false), (.unknown, false),
        ] {
            #expect((await alice.announce(source).info != nil) == isAllowed, "\(source)")
        }
    }

    @Test("who may not subscribe gets nothing, and hears of it all")
    func canSubscribe() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob", grant: { $0.canSubscribe = false })
        let camera = try await alice.publish(.camera)
        #expect(bob.take().kinds == ["join", "answer", "update"])
        await bob.send { request in request.subscription = .with { ($0.trackSids, $0.subscribe) = ([camera.sid], true) } }
        #expect(await bob.sendOffer()?.midToTrackID.isEmpty == true)
        #expect(bob.take().kinds == ["answer"])
    }

    @Test("who is hidden is seen by nobody, and sees all")
    func hidden() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        _ = alice.take()
        let spy = try await bench.join("spy", grant: { $0.hidden = true })
        #expect(spy.all.first?.join.otherParticipants.map(\.identity) == ["alice"])
        #expect(spy.all.last?.answer.midToTrackID == ["3": camera.sid])
        try await bench.connect("spy")
        let bob = try await bench.join("bob")
        #expect(bob.all.first?.join.otherParticipants.map(\.identity) == ["alice"])
        await bob.send { $0.leave = Livekit_LeaveRequest() }
        await spy.send { $0.leave = Livekit_LeaveRequest() }
        #expect(alice.take().updates(of: "spy").isEmpty)
    }

    @Test("what somebody hidden publishes is put on nobody's sections: they could not be told whose it is")
    func hiddenPublisher() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = alice.take()
        let spy = try await bench.join("spy", grant: { $0.hidden = true })
        _ = try await spy.publish(.camera)
        #expect(alice.take().isEmpty)
        #expect(await alice.sendOffer()?.midToTrackID.isEmpty == true)
    }

    @Test("data is permitted to nobody: it would not pass")
    func data() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", grant: { $0.canPublishData = true })
        let bob = try await bench.join("bob")
        for client in [alice, bob] { #expect(client.all.first?.join.participant.permission.canPublishData == false) }
        #expect(bob.all.first?.join.otherParticipants.map(\.permission.canPublishData) == [false])
    }

    @Test(
        "what kind of participant it is says the token; whatever we do not know is a standard one",
        arguments: [
            (nil, .standard), ("standard", .standard), ("ingress", .ingress), ("egress", .egress), ("sip", .sip), ("agent", .agent),
            ("robot", .standard), ("", .standard),
        ] as [(String?, Livekit_ParticipantInfo.Kind)])
    func kind(_ claim: String?, _ kind: Livekit_ParticipantInfo.Kind) async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        let alice = try await bench.join("alice", claims: { $0.kind = claim })
        #expect(alice.all.first?.join.participant.kind == kind)
        #expect(bob.take().updates(of: "alice").map(\.kind) == [kind])
        let carol = try await bench.join("carol")
        #expect(carol.all.first?.join.otherParticipants.first { $0.identity == "alice" }?.kind == kind)
    }

    @Test("name, metadata and attributes are changed by who may, within limits, and told to all")
    func metadata() async throws {
        let bench = RoomBench()
        let bob = try await bench.join("bob")
        let alice = try await bench.join("alice", grant: { $0.canUpdateOwnMetadata = true })
        let mallory = try await bench.join("mallory")
        _ = (alice.take(), bob.take(), mallory.take())
        func update(_ client: TestClient, _ change: (inout Livekit_UpdateParticipantMetadata) -> Void) async -> [Livekit_SignalResponse] {
            await client.send { request in
                request.updateMetadata = .with {
                    $0.requestID = 7
                    change(&$0)
                }
            }
            return client.take()
        }
        var told = await update(alice) { ($0.name, $0.metadata, $0.attributes) = ("Alice A.", "{}", ["mood": "good", "hand": "up"]) }
        #expect(told.kinds == ["update", "requestResponse"])
        #expect(told.last?.requestResponse.reason == .ok && told.last?.requestResponse.requestID == 7)
        var info = try #require(bob.take().updates(of: "alice").last)
        #expect(info.name == "Alice A." && info.metadata == "{}" && info.attributes == ["mood": "good", "hand": "up"])
        _ = await update(alice) { $0.attributes = ["hand": ""] }
        info = try #require(bob.take().updates(of: "alice").last)
        #expect(info.name == "Alice A." && info.attributes == ["mood": "good"])

        for change in [
            { $0.metadata = String(repeating: "x", count: 64 * 1024 + 1) }, { $0.name = String(repeating: "x", count: 257) },
            { $0.attributes = ["x": String(repeating: "x", count: 64 * 1024)] },
        ] as [(inout Livekit_UpdateParticipantMetadata) -> Void] {
            told = await update(alice, change)
            #expect(told.map(\.requestResponse.reason) == [.limitExceeded])
        }
        told = await update(mallory) { $0.name = "admin" }
        #expect(told.last?.requestResponse.reason == .notAllowed && told.last?.requestResponse.requestID == 7)
        #expect(bob.take().isEmpty)
    }

    @Test("attributes do not grow beyond their limit by many small changes")
    func metadataGrows() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", grant: { $0.canUpdateOwnMetadata = true })
        for number in 0..<3 {
            await alice.send { request in
                request.updateMetadata = .with { $0.attributes = ["\(number)": String(repeating: "x", count: 7_000)] }
            }
        }
        #expect(alice.all.filter { $0.message?.kind == "requestResponse" }.map(\.requestResponse.reason) == [.ok, .ok, .limitExceeded])
    }

    @Test("a member has so many tracks and no more, announced ones included, and gets places back")
    func tracks() async throws {
        var limits = RoomDirectory.Limits()
        limits.room.tracksPerMember = 2
        let bench = RoomBench(limits: limits)
        let alice = try await bench.join("alice")
        let (_, mid) = try await alice.publish(.camera)
        _ = await alice.announce(.microphone)
        #expect(await alice.announce(.screenShare).info == nil)
        #expect(alice.all.last?.requestResponse.reason == .limitExceeded)
        alice.offer.stop(mid)
        await alice.sendOffer()
        #expect(await alice.announce(.screenShare).info != nil)
    }

    @Test("what is neither sound nor picture cannot be published, nor with more layers than there are")
    func unsupported() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = await alice.announce(.unknown) { $0.type = .data }
        #expect(alice.all.last?.requestResponse.reason == .unsupportedType)
        _ = await alice.announce(.camera) { $0.layers = Array(repeating: Livekit_VideoLayer(), count: 9) }
        #expect(alice.all.last?.requestResponse.reason == .limitExceeded)
    }
}
