import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

@Suite("What publishers are told to send")
struct DemandTests {
    /// What a client was told since it was last asked: the older field, by quality.
    private func told(_ client: TestClient) throws -> [[Livekit_VideoQuality: Bool]] {
        try client.take().compactMap { response in
            guard case .subscribedQualityUpdate(let update) = response.message else { return nil }
            let codec = try #require(update.subscribedCodecs.first)
            #expect(update.subscribedCodecs.count == 1 && codec.codec == "vp8" && codec.qualities == update.subscribedQualities)
            #expect(update.subscribedQualities.map(\.quality) == [.low, .medium, .high])
            return Dictionary(uniqueKeysWithValues: update.subscribedQualities.map { ($0.quality, $0.enabled) })
        }
    }

    private func publisher(of bench: RoomBench) throws -> (id: ParticipantID, section: ReceivingSection) {
        let id = try #require(bench.transports(of: "alice").first?.id)
        return (id, try #require(bench.host.memory.current.current(id)?.receiving.first))
    }

    @Test("the qualities that somebody watches are told to the publisher, and to nobody else", arguments: [JoinParameters.Version.v0, .v1])
    func qualities(_ version: JoinParameters.Version) async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice", version, grant: { $0.canSubscribe = false })
        let bob = try await bench.join("bob")
        let (sid, _) = try await alice.publish(.camera)
        let (id, section) = try publisher(of: bench)
        #expect(section.heedsDemand)
        _ = alice.take()
        for layers in [1, 2, 3, 0] { await bench.host.report(.demand(id, track: section.track, layers: layers)) }
        let updates = alice.all.compactMap { if case .subscribedQualityUpdate(let update) = $0.message { update } else { nil } }
        #expect(updates.map(\.trackSid) == Array(repeating: sid, count: 4))
        #expect(
            try told(alice) == [
                [.low: true, .medium: false, .high: false], [.low: true, .medium: true, .high: false],
                [.low: true, .medium: true, .high: true], [.low: false, .medium: false, .high: false],
            ])
        #expect(try told(bob).isEmpty)
        await bench.host.report(.demand(id, track: TrackID(rawValue: 1), layers: 1))
        #expect(try told(alice).isEmpty)
    }

    @Test("an end that comes first makes it void")
    func ended() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        let (_, mid) = try await alice.publish(.camera)
        let (id, section) = try publisher(of: bench)
        alice.offer.stop(mid)
        await alice.sendOffer()
        await bench.host.report(.demand(id, track: section.track, layers: 0))
        #expect(try told(alice).isEmpty)
    }

    @Test("sound, WHIP, and all where it is not wanted, are sent whole")
    func whole() async throws {
        let bench = RoomBench()
        let alice = try await bench.join("alice")
        _ = try await alice.publish(.microphone)
        #expect(try !publisher(of: bench).section.heedsDemand)
        let (_, opened) = try await bench.publish("carol", in: "other")
        #expect(opened.parameters.receiving.allSatisfy { !$0.heedsDemand })

        var limits = RoomDirectory.Limits()
        limits.room.dynacast = false
        let plain = RoomBench(limits: limits)
        _ = try await plain.join("alice").publish(.camera)
        #expect(try !publisher(of: plain).section.heedsDemand)
    }
}
