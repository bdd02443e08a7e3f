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

/// What one subscriber shall get of a publication, what it gets at present, and where one becomes the other.
///
/// Another encoding begins at a keyframe of it, and until then the old one goes on. Layers inside an encoding change where `Leg` says that they may.
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

    /// So long a keyframe is waited for before something else is sought: it has been asked for three times by then.
    static let patience = Interval.milliseconds(2_500)
    /// A few pictures come in this time, and with them what needs no keyframe.
    private static let pictures = Interval.milliseconds(200)

    // In a byte each, beside what else the fan-out reads; negative for none.
    private var currentLayer: Int8 = -1
    private var targetLayer: Int8 = -1
    /// An encoding to begin with while the wanted one's keyframe does not come.
    private var secondLayer: Int8 = -1
    private var targetSpatial = LayerTarget.highest
    private var targetTemporal = LayerTarget.highest
    private(set) var currentSpatial = LayerTarget.highest
    private(set) var currentTemporal = LayerTarget.highest
    /// It has taken longer than a keyframe should.
    private var isOverdue = false
    /// Since when the target is not reached; never, where it is, and until that was looked at.
    private var waitingSince = Instant.distantFuture

    package init() {}

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
    package func ignores(_ layer: Int) -> Bool { layer != Int(currentLayer) && layer != Int(targetLayer) && layer != Int(secondLayer) }

    /// Whether a keyframe of encoding `layer` would be of use: it is sent, or would be begun with.
    package func wantsKeyframe(of layer: Int) -> Bool { !ignores(layer) }

    /// The encoding whose packets go out without anything to decide between them; negative while there is something.
    @inline(__always)
    var settled: Int8 { hasChange ? -1 : currentLayer }

    /// Something about the encoding that is sent is to change at the next chance.
    package var hasChange: Bool {
        guard targetLayer == currentLayer else { return targetLayer < 0 && currentLayer >= 0 }
        return targetSpatial != currentSpatial || targetTemporal != currentTemporal
    }

    /// The layers of the present encoding to come to.
    var goal: (spatial: Int8, temporal: Int8) {
        targetLayer == currentLayer ? (targetSpatial, targetTemporal) : (currentSpatial, currentTemporal)
    }

    // MARK: The wish

    /// Takes what this subscriber shall get from now on. Returns the encoding of which a keyframe is needed for it, if it is another one; a keyframe
    /// for layers of the present one is for `review` to ask for.
    package mutating func aim(at target: LayerTarget, at now: Instant) -> Int? {
        let before = self.wanted
        targetLayer = max(-1, target.encoding)
        (targetSpatial, targetTemporal) = (target.spatial, target.temporal)
        if before != target { (secondLayer, waitingSince, isOverdue) = (-1, .distantFuture, false) }
        note(at: now)
        return self.target == current ? nil : self.target
    }

    /// What it shall get.
    package var wanted: LayerTarget { LayerTarget(encoding: targetLayer, spatial: targetSpatial, temporal: targetTemporal) }

    /// Renews the wish. Returns the encoding of which a keyframe is needed now, if any.
    ///
    /// With a `maximum` the layers are in ascending order: the highest live one up to it is taken, or else the lowest that is live. What is
    /// `allocated` is taken if it is live.
    package mutating func choose(among layers: [LayerState], maximum: Int? = nil, allocated: LayerTarget? = nil) -> Int? {
        let before = wanted
        defer { if wanted != before { (secondLayer, waitingSince, isOverdue) = (-1, .distantFuture, false) } }
        if let allocated, allocated.encoding >= 0, Int(allocated.encoding) < layers.count, layers[Int(allocated.encoding)].isLive {
            targetLayer = allocated.encoding
            (targetSpatial, targetTemporal) = (allocated.spatial, allocated.temporal)
            return target == current ? nil : target
        }
        (targetSpatial, targetTemporal) = (LayerTarget.highest, LayerTarget.highest)
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

    /// Looks whether what is wanted has come. Returns the encoding of which a keyframe is needed besides that of the wanted one: a lower one to go
    /// on with while that does not come, where nothing else does. To be asked a few times a second.
    package mutating func review(among layers: [LayerState], at now: Instant) -> Int? {
        note(at: now)
        guard let target, target != current else {
            secondLayer = -1
            // A spatial layer is entered, and one of K-SVC left, at a keyframe of the encoding itself; what needs none is reached by now.
            guard targetSpatial != currentSpatial, waitingSince <= now, now - waitingSince >= LayerSelector.pictures else { return nil }
            return current
        }
        let isFed = current.map { $0 < layers.count && layers[$0].isLive } ?? false
        guard !isFed, isOverdue else {
            secondLayer = -1
            return nil
        }
        let quality = target < layers.count ? layers[target].quality : .max
        let others = layers.indices.filter { layers[$0].isLive && $0 != target }
        let lower = others.filter { layers[$0].quality < quality }.max { layers[$0].quality < layers[$1].quality }
        let second = lower ?? others.min { layers[$0].quality < layers[$1].quality }
        secondLayer = second.flatMap { Int8(exactly: $0) } ?? -1
        return second == current ? nil : second
    }

    private mutating func note(at now: Instant) {
        let isReached = targetLayer == currentLayer && !hasChange
        if isReached { waitingSince = .distantFuture } else if waitingSince == .distantFuture { waitingSince = now }
        isOverdue = waitingSince <= now && now - waitingSince >= LayerSelector.patience
    }

    // MARK: Packets

    /// Decides about a packet of encoding `layer`. For audio every packet is a place to switch.
    package mutating func decide(layer: Int, isSwitchPoint: Bool) -> Decision {
        if layer == current {
            return .forward
        }
        guard layer == target || layer == Int(secondLayer) else {
            return .drop(current == nil && target == nil ? .awaitingKeyframe : .otherLayer)
        }
        guard isSwitchPoint else { return .drop(.awaitingKeyframe) }
        current = layer
        if layer == target { secondLayer = -1 }
        // A keyframe is where every layer may begin.
        (currentSpatial, currentTemporal) = (targetSpatial, targetTemporal)
        return .switchHere
    }

    /// From here on the layers up to these are sent.
    mutating func reach(spatial: Int8, temporal: Int8) { (currentSpatial, currentTemporal) = (spatial, temporal) }

    /// From here on nothing is sent.
    mutating func pause() { currentLayer = -1 }

    /// The subscriber cannot go on with what it has (the source changed, or was gone): the next packet sent must be a keyframe.
    package mutating func restart() {
        (currentLayer, secondLayer, waitingSince, isOverdue) = (-1, -1, .distantFuture, false)
        target = nil
    }

    // MARK: Explaining

    /// What is wanted, what is sent, and why these differ. `isLive` tells whether packets of the wanted encoding arrive.
    package func status(isLive: Bool) -> LayerStatus {
        let current =
            currentLayer < 0 ? LayerTarget.nothing : LayerTarget(encoding: currentLayer, spatial: currentSpatial, temporal: currentTemporal)
        return LayerStatus(
            target: wanted, current: current, reason: reason(isLive: isLive),
            since: waitingSince == .distantFuture ? nil : waitingSince)
    }

    private func reason(isLive: Bool) -> LayerStatus.Reason {
        if targetLayer < 0 { return .paused }
        if targetLayer != currentLayer {
            if !isLive { return .notLive }
            return isOverdue ? .keyframeOverdue : .awaitingKeyframe
        }
        if targetSpatial != currentSpatial { return isLive ? (isOverdue ? .keyframeOverdue : .awaitingKeyframe) : .notLive }
        if targetTemporal > currentTemporal { return .awaitingSwitchPoint }
        return targetTemporal < currentTemporal ? .awaitingPicture : .reached
    }
}
