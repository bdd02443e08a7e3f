import Congestion
import Forwarding
import Foundation
import HTTPTypes
import Hummingbird
import MediaPrimitives
import Rooms

/// `/explain/{room}`: for each subscription what is wanted, allowed and sent, and why.
struct ExplainRoutes: Sendable {
    let directory: RoomDirectory
    let workers: [any MediaHost]

    /// As it is answered; Explaining.md says what each field means.
    private struct Answer: Encodable {
        struct Layer: Encodable {
            var encoding: Int
            /// nil for all that there are.
            var spatial: Int?
            var temporal: Int?
        }
        struct Decision: Encodable {
            var ago_ms: Int
            var allocated: Layer?
            var reason: String
        }
        struct Speaker: Encodable {
            var publisher: String
            var publisher_name: String?
            var track: String
        }
        struct Subscription: Encodable {
            var subscriber: String
            var subscriber_name: String?
            var publisher: String?
            var publisher_name: String?
            var track: String?
            var kind: String?
            var source: String?
            var wanted: Layer?
            var allocated: Layer?
            var current: Layer?
            var reason: String
            var since_ms: Int?
            var estimate_bps: Int
            var estimate_reason: String
            var loss: Double
            var rtt_ms: Double?
            var publisher_rtt_ms: Double?
            var queue_ms: Double
            var held_packets: Int
            var decisions: [Decision]
        }
        var room: String
        /// Who has the floor, and by which track.
        var dominant_speaker: Speaker?
        var subscriptions: [Subscription]
    }

    func add(to router: Router<ServerContext>) {
        router.get("/explain/{room}") { [self] _, context in
            let name = context.parameters.get("room")?.removingPercentEncoding ?? ""
            guard let names = await directory.find(name, { await $0.names }) else {
                throw Refusal(.notFound, "There is no room of that name.")
            }
            var subscriptions: [Answer.Subscription] = []
            for worker in workers {
                for explanation in await worker.explain(name) { subscriptions.append(Self.answer(explanation, names)) }
            }
            let speaker = names.dominant.map {
                Answer.Speaker(publisher: $0.publisher, publisher_name: $0.publisherName, track: $0.sid)
            }
            return try JSONBody.response(
                Answer(room: name, dominant_speaker: speaker, subscriptions: subscriptions), status: .ok)
        }
    }

    private static func answer(_ explanation: SubscriptionExplanation, _ names: RoomNames) -> Answer.Subscription {
        let (estimate, track) = (explanation.estimate, names.tracks[explanation.track])
        return Answer.Subscription(
            subscriber: explanation.identity, subscriber_name: names.people[explanation.subscriber], publisher: track?.publisher,
            publisher_name: track?.publisherName, track: track?.sid, kind: track?.kind, source: track?.source,
            wanted: explanation.wanted.map(layer), allocated: explanation.allocated.map(layer), current: explanation.current.map(layer),
            reason: explanation.reason.rawValue, since_ms: explanation.since.map(milliseconds), estimate_bps: estimate.target.bitsPerSecond,
            estimate_reason: estimate.reason.rawValue, loss: estimate.loss,
            rtt_ms: (explanation.roundTrip ?? (estimate.roundTrip > .zero ? estimate.roundTrip : nil))?.milliseconds,
            publisher_rtt_ms: explanation.publisherRoundTrip?.milliseconds, queue_ms: estimate.queue.milliseconds,
            held_packets: explanation.held,
            decisions: explanation.decisions.map {
                Answer.Decision(ago_ms: milliseconds($0.age), allocated: $0.allocated.map(layer), reason: $0.reason.rawValue)
            })
    }

    private static func layer(_ target: LayerTarget) -> Answer.Layer {
        Answer.Layer(
            encoding: Int(target.encoding), spatial: target.spatial == LayerTarget.highest ? nil : Int(target.spatial),
            temporal: target.temporal == LayerTarget.highest ? nil : Int(target.temporal))
    }

    private static func milliseconds(_ interval: Interval) -> Int { Int(interval.milliseconds.rounded()) }
}
