import MediaPrimitives

/// What the selector needs to know of one encoding of a publication.
package struct LayerState: Sendable {
    /// Packets arrive.
    package var isLive: Bool
    /// Rank by quality among the publication's encodings: larger is better.
    package var quality: Int

    package init(isLive: Bool, quality: Int) {
        self.isLive = isLive
        self.quality = quality
    }
}

/// Chooses which encoding of a publication one subscriber gets, and where the switch may happen.
///
/// The wish is the best live layer that the subscriber has use for; the switch happens at a keyframe of it, and until then the old one goes on.
/// (Estimates and budgets come with congestion control; they will change `choose`, not `decide`.)
package struct LayerSelector: Sendable {
    /// What becomes of one packet for this subscriber.
    package enum Decision: Equatable, Sendable {
        /// Goes out, on the line of what went before.
        case forward
        /// Goes out as the first of its encoding: every number is aligned anew.
        case switchHere
        case drop(Reason)
    }

    /// Why a packet was not forwarded. A closed list.
    package enum Reason: Equatable, Sendable {
        /// Of an encoding that this subscriber does not get.
        case otherLayer
        /// The subscriber has nothing to decode it from; a keyframe has been asked for.
        case awaitingKeyframe
    }

    // In a byte each, beside what else the fan-out reads for each packet; negative for none.
    private var currentLayer: Int8 = -1
    private var targetLayer: Int8 = -1

    /// The encoding being sent; nil before the first keyframe.
    package private(set) var current: Int? {
        get { currentLayer < 0 ? nil : Int(currentLayer) }
        set { currentLayer = newValue.flatMap { Int8(exactly: $0) } ?? -1 }
    }
    /// The encoding wanted; nil while none is live.
    package private(set) var target: Int? {
        get { targetLayer < 0 ? nil : Int(targetLayer) }
        set { targetLayer = newValue.flatMap { Int8(exactly: $0) } ?? -1 }
    }

    /// Whether a packet of encoding `layer` is neither sent nor a place to begin, whatever is in it.
    @inline(__always)
    package func ignores(_ layer: Int) -> Bool { layer != Int(currentLayer) && layer != Int(targetLayer) }

    package init() {}

    /// Renews the wish. Returns the encoding of which a keyframe is needed now, if any.
    ///
    /// With a `maximum` the layers are in ascending order: the highest live one up to it is taken, or else the lowest that is live. What is
    /// `allocated` is taken if it is live.
    package mutating func choose(among layers: [LayerState], maximum: Int? = nil, allocated: Int? = nil) -> Int? {
        if let allocated, allocated < layers.count, layers[allocated].isLive {
            target = allocated
            return target == current ? nil : target
        }
        if let maximum {
            let allowed = layers.indices.last { $0 <= maximum && layers[$0].isLive }
            target = allowed ?? layers.indices.first { layers[$0].isLive } ?? target ?? (layers.isEmpty ? nil : 0)
            return target == current ? nil : target
        }
        var best: Int?
        for (index, layer) in layers.enumerated() where layer.isLive {
            if let chosen = best, layers[chosen].quality >= layer.quality { continue }
            best = index
        }
        // Measured rates waver: another one must be better by more than a quarter.
        if let chosen = best, let target, target < layers.count, layers[target].isLive,
            layers[chosen].quality &- layers[target].quality <= layers[target].quality / 4
        {
            best = target
        }
        // With nothing live the old wish stays: the publisher may be muted.
        target = best ?? target ?? (layers.isEmpty ? nil : 0)
        return target == current ? nil : target
    }

    /// Decides about a packet of encoding `layer`. For audio every packet is a place to switch.
    package mutating func decide(layer: Int, isSwitchPoint: Bool) -> Decision {
        if layer == current {
            return .forward
        }
        guard layer == target else { return .drop(current == nil && target == nil ? .awaitingKeyframe : .otherLayer) }
        guard isSwitchPoint else { return .drop(.awaitingKeyframe) }
        current = layer
        return .switchHere
    }

    /// The subscriber cannot go on with what it has (the source changed, or was gone): the next packet sent must be a keyframe.
    package mutating func restart() {
        current = nil
        target = nil
    }
}
