import Forwarding
import MediaPrimitives
import RTP
import Transports

/// The participants of one room on this worker, and who feeds whom.
package final class Room {
    package let name: String
    /// In the order in which they came, which is the order in which they are followed.
    private(set) var participants: [Participant] = []

    init(name: String) { self.name = name }

    var isEmpty: Bool { participants.isEmpty }

    func add(_ participant: Participant, at now: Instant) {
        participants.append(participant)
        feed(participant.subscriptions, at: now)
    }

    /// Its transport is up: what it publishes can be followed.
    func noteConnected(_ participant: Participant, at now: Instant) {
        if !participant.publications.isEmpty { feedAll(at: now) }
    }

    func remove(_ participant: Participant, at now: Instant) {
        participants.removeAll { $0 === participant }
        for subscription in participant.subscriptions { subscription.follow(nil, at: now) }
        var orphaned = false
        for publication in participant.publications {
            for subscription in publication.removeAllSubscriptions() {
                subscription.follow(nil, at: now)
                orphaned = true
            }
        }
        if orphaned { feedAll(at: now) }
    }

    private func feedAll(at now: Instant) {
        for participant in participants { feed(participant.subscriptions, at: now) }
    }

    /// Finds a source for each subscription that has none.
    private func feed(_ subscriptions: [Subscription], at now: Instant) {
        for subscription in subscriptions where subscription.publication == nil {
            if let publication = source(for: subscription) { subscription.follow(publication, at: now) }
        }
    }

    private func source(for subscription: Subscription) -> Publication? {
        // Who has not connected, and perhaps never will, publishes nothing yet.
        for participant in participants where participant.slot != subscription.transport && participant.transport.isConnected {
            if case .participant(let identity) = subscription.following, identity != participant.identity { continue }
            let match = participant.publications.first { publication in
                publication.kind == subscription.stream.kind
                    && publication.parameters.codecs.allSatisfy { subscription.stream.accepts($0.codec) }
            }
            if let match { return match }
            // Picture and sound come from the same publisher, even where it has only one of them.
            if subscription.following == .longestPublishing, !participant.publications.isEmpty { return nil }
        }
        return nil
    }
}
