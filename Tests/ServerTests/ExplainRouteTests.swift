import Congestion
import Forwarding
import Foundation
import MediaPrimitives
import Rooms
import Server
import Testing

@Suite("Explanations on the admin port")
struct ExplainRouteTests {
    /// One of all that can be told: Eve watches Ada's camera.
    private func answer() async throws -> [String: Any] {
        let bench = try await Bench()
        let ada = try await bench.rooms.publish("ada")
        let eve = try await bench.rooms.watch()
        let track = try #require(ada.opened.tracks[1])
        var estimate = BandwidthEstimator().estimate
        estimate.roundTrip = .milliseconds(40)
        var told = SubscriptionExplanation(
            subscriber: eve.opened.id, identity: "eve", track: track, reason: .bandwidth, estimate: estimate)
        told.wanted = LayerTarget(encoding: 2)
        told.allocated = LayerTarget(encoding: 0)
        told.current = LayerTarget(encoding: 0, spatial: 0, temporal: 1)
        told.since = .seconds(8)
        told.decisions = [(.seconds(8), LayerTarget(encoding: 0), .bandwidth)]
        told.publisherRoundTrip = .milliseconds(13)
        bench.host.memory.record { $0.explanations = [told] }
        await bench.host.report(.dominant(ada.opened.id, track: track))
        let answer = try await RouterClient(bench.plane.adminRouter).ask("/explain/room")
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any])
    }

    @Test("people are told by their names, tracks by kind and source, and both round trips")
    func names() async throws {
        let answer = try await answer()
        let told = try #require((answer["subscriptions"] as? [[String: Any]])?.first)
        let texts = told.compactMapValues { $0 as? String }
        #expect(texts["subscriber"] == "eve" && texts["subscriber_name"] == "EVE")
        #expect(texts["publisher"] == "ada" && texts["publisher_name"] == "ADA")
        #expect(texts["kind"] == "video" && texts["source"] == "camera" && texts["reason"] == "bandwidth")
        let numbers = told.compactMapValues { $0 as? Double }
        #expect(numbers["rtt_ms"] == 40 && numbers["publisher_rtt_ms"] == 13 && numbers["since_ms"] == 8000)
        #expect((answer["dominant_speaker"] as? [String: String])?["publisher_name"] == "ADA")
    }

    @Test("Explaining.md lists every field and every reason, and no others")
    func page() async throws {
        var fields: Set<String> = []
        func gather(_ value: Any) {
            if let object = value as? [String: Any] {
                fields.formUnion(object.keys)
                object.values.forEach(gather)
            }
            (value as? [Any])?.forEach(gather)
        }
        gather(try await answer())
        #expect(try Self.listed(under: "Fields") == fields)
        let reasons = SubscriptionExplanation.Reason.allCases.map(\.rawValue)
        #expect(try Self.listed(under: "Why a subscription has what it has") == Set(reasons))
        #expect(try Self.listed(under: "What set an estimate") == Set(BandwidthEstimate.Reason.allCases.map(\.rawValue)))
    }

    /// What the first cells of the table below a heading name, between backticks.
    private static func listed(under heading: String) throws -> Set<String> {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = try String(contentsOf: root.appending(path: "Sources/apus/Apus.docc/Explaining.md"), encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n## ").first { $0.hasPrefix(heading + "\n") })
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.dropFirst(heading == "Fields" ? 0 : 1)
        return Set(rows.flatMap { $0.split(separator: "|")[0].matches(of: /`([a-z_]+)`/).map { String($0.1) } })
    }
}
