import MediaPrimitives
import RTP
import Rooms
import SDP
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("What clients subscribe to")
struct SubscriptionTests {
    private func choose(_ client: TestClient, _ sids: [String], _ subscribe: Bool, of participant: String = "") async {
        await client.send { request in
            request.subscription = .with {
                $0.trackSids = sids
                $0.subscribe = subscribe
                // The same ones may come both ways.
                if !participant.isEmpty {
                    $0.participantTracks = [
                        .with {
                            $0.participantSid = participant
                            $0.trackSids = sids
                        }
                    ]
                }
            }
        }
    }

    @Test("whoever does not subscribe by itself gets what it asks for, and no more")
    func choice() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob", request: { $0.connectionSettings.autoSubscribe = false })
        let camera = try await alice.publish(.camera)
        let microphone = try await alice.publish(.microphone)
        // It hears of them all the same.
        #expect(bob.take().kinds == ["join", "answer", "update", "update"])
        await choose(bob, [microphone.sid], true, of: alice.sid)
        #expect(bob.take().kinds == ["requirement"])
        #expect(await bob.sendOffer()?.midToTrackID == ["0": microphone.sid])
        await choose(bob, [camera.sid], true)
        #expect(await bob.sendOffer()?.midToTrackID == ["0": microphone.sid, "3": camera.sid])
        _ = bob.take()
        await choose(bob, [microphone.sid], false)
        #expect(bob.take().kinds == ["requirement"])
        let id = try #require(bench.transports(of: "bob").first?.id)
        let tracks = bench.host.memory.current.current(try #require(bench.transports(of: "alice").first?.id))?.receiving.map(\.track)
        #expect(await bench.host.memory.until { $0.fed(id) == [tracks?.first] })
        #expect(await bob.sendOffer()?.midToTrackID == ["3": camera.sid])
    }

    @Test("who declines a track does not get it by itself again, and another's track is no matter of theirs")
    func declined() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let carol = try await bench.join("carol")
        let (sid, _) = try await alice.publish(.camera)
        await choose(bob, [sid, "TR_nobody"], false)
        #expect(await bob.sendOffer()?.midToTrackID.isEmpty == true)
        #expect(await carol.sendOffer()?.midToTrackID == ["3": sid])
        _ = bob.take()
        let second = try await alice.publish(.screenShare)
        #expect(bob.take().kinds == ["update", "requirement"])
        #expect(await bob.sendOffer()?.midToTrackID == ["3": second.sid])
    }

    @Test("who declines a track and changes their mind before they have offered gets it again")
    func changedMind() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let dave = try await bench.join("dave", .v0)
        let (sid, _) = try await alice.publish(.camera)
        await bob.sendOffer()
        for _ in 0..<2 { try await dave.sendAnswer() }
        let track = bench.host.memory.current.current(try #require(bench.transports(of: "alice").first?.id))?.receiving.first?.track
        for client in [bob, dave] {
            let id = try #require(bench.transports(of: client.identity).first?.id)
            #expect(bench.host.memory.current.fed(id).contains(track))
            await choose(client, [sid], false)
            #expect(await bench.host.memory.until { !$0.fed(id).contains(track) })
            await choose(client, [sid], true)
            if client === bob { await client.sendOffer() }
            while client === dave, client.take().kinds.contains("offer") { try await client.sendAnswer() }
            #expect(await bench.host.memory.until { $0.fed(id).contains(track) })
        }
    }

    @Test("a client's wishes reach the worker: paused, or no larger than it can show")
    func settings() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let (sid, _) = try await alice.publish(.camera)
        await bob.sendOffer()
        let id = try #require(bench.transports(of: "bob").first?.id)
        func wish(_ change: (inout Livekit_UpdateTrackSettings) -> Void, _ expected: SubscriptionWish) async {
            await bob.send { request in
                request.trackSetting = .with {
                    $0.trackSids = [sid]
                    change(&$0)
                }
            }
            #expect(await bench.host.memory.until { $0.current(id)?.sending.map(\.wish) == [expected] }, "\(expected)")
        }
        await wish({ ($0.width, $0.height) = (320, 180) }, SubscriptionWish(maximumLayer: 0))
        await wish({ ($0.disabled, $0.quality) = (true, .high) }, SubscriptionWish(isPaused: true))
        await wish({ ($0.width, $0.height) = (641, 361) }, SubscriptionWish(maximumLayer: 1))
        await wish({ ($0.width, $0.height) = (800, 450) }, SubscriptionWish(maximumLayer: 2))
        await wish({ ($0.width, $0.height) = (10_000, 10_000) }, SubscriptionWish(maximumLayer: 2))
        await wish({ $0.quality = .low }, SubscriptionWish(maximumLayer: 0))
        await wish({ $0.quality = .medium }, SubscriptionWish(maximumLayer: 1))
        await wish({ $0.quality = .high }, SubscriptionWish())
        // None of it needs a word with the client.
        #expect(bob.take().kinds == ["join", "answer", "update", "requirement", "answer"])
    }

    @Test("a track that the client cannot decode is said to be so, once, and not tried again")
    func undecodable() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        var offer = ClientOffer.liveKit
        offer.forget("VP8")
        let bob = try await bench.join("bob", offer: offer)
        let camera = try await alice.publish(.camera)
        _ = bob.take()
        #expect(await bob.sendOffer()?.midToTrackID.isEmpty == true)
        let told = bob.take()
        #expect(told.kinds.sorted() == ["answer", "subscriptionResponse"])
        let response = try #require(told.first { $0.message?.kind == "subscriptionResponse" }).subscriptionResponse
        #expect(response.trackSid == camera.sid && response.err == .seCodecUnsupported)
        await bob.sendOffer()
        #expect(bob.take().kinds == ["answer"])
        // What it can play comes all the same.
        let microphone = try await alice.publish(.microphone)
        #expect(bob.take().kinds == ["update", "requirement"])
        #expect(await bob.sendOffer()?.midToTrackID == ["0": microphone.sid])
    }

    @Test("a section whose track has ended carries the next one, under its name and with streams of its own")
    func reuse() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let bob = try await bench.join("bob")
        let carol = try await bench.join("carol")
        let first = try await alice.publish(.camera)
        let before = try #require(await carol.sendOffer())
        let streams = try #require(bench.transports(of: "carol").first?.id)
        let ssrcs = bench.host.memory.current.current(streams)?.sending.map { $0.parameters.streams }
        await alice.send { $0.leave = Livekit_LeaveRequest() }
        await carol.sendOffer()
        let second = try await bob.publish(.camera)
        let after = try #require(await carol.sendOffer())
        #expect(before.midToTrackID == ["3": first.sid] && after.midToTrackID == ["3": second.sid])
        let section = try #require(try SessionDescription(parsing: after.sdp).media.first { $0.mid == "3" })
        #expect(section.mediaStreamIDs.first?.stream == bob.sid + "|camera" && section.mediaStreamIDs.first?.track == second.sid)
        #expect(bench.host.memory.current.current(streams)?.sending.map { $0.parameters.streams } != ssrcs)
    }

    @Test("who comes late has everything in the first answer")
    func late() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let camera = try await alice.publish(.camera)
        let bob = try await bench.join("bob")
        #expect(bob.take().kinds == ["join", "answer"])
        let opened = try #require(bench.transports(of: "bob").first)
        #expect(bob.all.last?.answer.midToTrackID == ["3": camera.sid])
        #expect(opened.parameters.sending.map(\.source?.id).count == 1 && opened.parameters.sending.first?.source?.worker == 0)
    }

    @Test(
        "Firefox gets the second voice, and the second picture, only when it has applied the answer that names it, others at once",
        arguments: [Livekit_TrackSource.microphone, .camera], [false, true])
    func second(of source: Livekit_TrackSource, offersAgain: Bool) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let carol = try await bench.join("carol")
        let fox = try await bench.join("fox", offer: .firefox)
        let bob = try await bench.join("bob")
        _ = try await alice.publish(source)
        for client in [fox, bob] { await client.sendOffer() }
        let (foxID, bobID) = (try #require(bench.transports(of: "fox").first?.id), try #require(bench.transports(of: "bob").first?.id))
        // The first one at once: there is none that could take its packets.
        #expect(bench.host.memory.current.fed(foxID).compactMap(\.self).count == 1)
        _ = try await carol.publish(source)
        for client in [fox, bob] { #expect(await client.sendOffer()?.midToTrackID.count == 2) }
        #expect(bench.host.memory.current.fed(bobID).compactMap(\.self).count == 2)
        #expect(bench.host.memory.current.fed(foxID).compactMap(\.self).count == 1 && bench.host.memory.current.fed(foxID).count == 2)
        if offersAgain {
            await fox.sendOffer()
            #expect(bench.host.memory.current.fed(foxID).compactMap(\.self).count == 2)
        }
        #expect(await bench.host.memory.until { $0.fed(foxID).compactMap(\.self).count == 2 })
    }

    @Test("however late that answer arrives")
    func secondAfterLateAnswer() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let carol = try await bench.join("carol")
        let fox = try await bench.join("fox", offer: .firefox)
        _ = try await alice.publish(.camera)
        await fox.sendOffer()
        let id = try #require(bench.transports(of: "fox").first?.id)
        fox.sink.memory.record { $0.arrives = false }
        _ = try await carol.publish(.camera)
        await fox.sendOffer()
        #expect(await !bench.host.memory.until(deadline: .seconds(1)) { $0.fed(id).compactMap(\.self).count == 2 })
        fox.sink.arrive()
        #expect(await bench.host.memory.until { $0.fed(id).compactMap(\.self).count == 2 })
    }

    @Test("and so it does where the first has ended meanwhile, of which it was not told")
    func secondAfterFirst() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let carol = try await bench.join("carol")
        let fox = try await bench.join("fox", offer: .firefox)
        let first = try await alice.publish(.camera)
        #expect(await fox.sendOffer()?.midToTrackID == ["3": first.sid])
        let id = try #require(bench.transports(of: "fox").first?.id)
        alice.offer.stop(first.mid)
        await alice.sendOffer()
        #expect(await bench.host.memory.until { $0.fed(id).isEmpty })
        let (sid, _) = try await carol.publish(.camera)
        #expect(await fox.sendOffer()?.midToTrackID == ["4": sid])
        #expect(bench.host.memory.current.fed(id) == [nil])
        #expect(await bench.host.memory.until { $0.fed(id).compactMap(\.self).count == 1 })
    }
}
