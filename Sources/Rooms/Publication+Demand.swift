import Forwarding
import MediaPrimitives
import RTP

/// Which layers somebody watches.
extension Publication {
    var isRelayed: Bool { if case .relay = origin { true } else { false } }

    /// Somebody has come or gone, or wants something else.
    func noteAudience(at now: Instant) { if demand != nil || (isRelayed && kind == .video) { demandDeadline = min(demandDeadline, now) } }

    /// How many layers, from the lowest, somebody wants. Whoever has no room for them at present wants them all the same: they would not be there
    /// when there is room again.
    var wantedLayers: Int {
        var wanted = demandElsewhere.values.max() ?? 0
        for subscription in audience.subscriptions where !subscription.wish.isPaused {
            wanted = max(wanted, subscription.wish.maximumLayer.map { $0 + 1 } ?? encodings.count)
        }
        return min(wanted, encodings.count)
    }

    /// How many, from the lowest, somebody is sent, or is to be next: whoever wants a lower one gets it with its keyframe, or has nothing else.
    func servedLayers(at now: Instant) -> Int {
        var served = 0
        for subscription in audience.subscriptions {
            for case .some(let layer) in [subscription.selector.current, subscription.selector.target]
            where layer >= served && layer < encodings.count && encodings[layer].state(at: now).isLive { served = layer + 1 }
        }
        return served
    }

    /// How many layers the publisher is to be told to send, where that has changed, and whether they have become more. It is taken as told.
    func takeDemand(at now: Instant) -> (layers: Int, isMore: Bool)? {
        let former = demand?.told ?? 0
        let told = demand?.update(wanted: wantedLayers, served: servedLayers(at: now), at: now)
        demandDeadline = demand?.nextDeadline ?? .distantFuture
        guard let told else { return nil }
        supply(layers: told, at: now)
        return (told, told > former)
    }

    /// The publisher sends so many layers, from the lowest, or is about to.
    func supply(layers: Int, at now: Instant) {
        for (layer, encoding) in encodings.enumerated() {
            if layer < layers { encoding.switchOn(at: now) } else { encoding.switchOff(at: now) }
        }
    }
}
