import RTP

/// Which layers of its encoding one subscriber gets, as what a packet is compared with: one decode target, a bit of `PacketLayers`.
struct LayerFilter {
    private var target: UInt64 = .max
    /// The source's number of the packet that the target begins with.
    private(set) var boundary: Int64 = .min
    /// What was sent before that, for what comes late: the newest first.
    private var former = InlineArray<4, Former>(repeating: Former())

    private struct Former {
        var target: UInt64 = .max
        var boundary: Int64 = .min
        /// By which alignment of numbers.
        var alignment: UInt8 = 0
    }

    private(set) var numbering: UInt32 = 0
    /// The source has stopped sending what the subscriber gets, and what it should get instead has not begun.
    private(set) var isBehind = false
    /// What the subscriber can decode, as the dependency descriptor tells it; nil for all that is sent.
    private(set) var activeTargets: UInt32?

    /// Everything passes.
    init() {}

    /// Whether a packet is part of what the subscriber gets.
    @inline(__always)
    func passes(_ layers: PacketLayers, sequence: Int64) -> Bool {
        layers.targets & (sequence >= boundary ? target : before(sequence).target) != 0
    }

    /// The marker bit, where what is the highest layer for this subscriber ends with the packet.
    @inline(__always)
    func marker(_ layers: PacketLayers, sequence: Int64) -> UInt8 {
        layers.ends & (sequence >= boundary ? target : before(sequence).target) != 0 ? 0x80 : 0
    }

    /// By which alignment of numbers a packet is sent, where `newest` is that of the present target.
    @inline(__always)
    func alignment(ofPacket sequence: Int64, newest: UInt8) -> UInt8 { sequence >= boundary ? newest : before(sequence).alignment }

    private func before(_ sequence: Int64) -> Former {
        for index in former.indices where sequence >= former[index].boundary { return former[index] }
        return former[former.count - 1]
    }

    /// The first packet of a source: nothing came before it.
    mutating func begin(_ layers: PacketLayers, _ selector: LayerSelector) {
        target = layers.target(spatial: selector.currentSpatial, temporal: selector.currentTemporal)
        (boundary, numbering, isBehind) = (.min, layers.numbering, false)
        activeTargets = layers.numbers?.pointee.mask(of: target)
    }

    /// The same layers have other bits.
    mutating func renumber(_ layers: PacketLayers, _ selector: LayerSelector) {
        let (spatial, temporal) = (selector.currentSpatial, selector.currentTemporal)
        target =
            layers.numbers?.pointee.bit(spatial: spatial, temporal: temporal, isSent: false)
            ?? PacketLayers.bit(spatial: spatial, temporal: temporal)
        (boundary, numbering) = (.min, layers.numbering)
        isBehind = layers.target(spatial: spatial, temporal: temporal) != target
        activeTargets = layers.numbers?.pointee.mask(of: target)
    }

    /// From `packet` on, the newest, what is wanted is sent as far as it allows that. Returns the layers that are.
    mutating func step(
        _ selector: LayerSelector, _ layers: PacketLayers, _ frames: FrameNumbers, sequence: Int64, alignment: UInt8
    ) -> (spatial: Int8, temporal: Int8) {
        let (spatial, temporal, new) = layers.numbers == nil ? next(selector, layers) : next(selector, layers, frames)
        if new != target {
            for index in (1..<former.count).reversed() { former[index] = former[index - 1] }
            former[0] = Former(target: target, boundary: boundary, alignment: alignment)
            (target, boundary) = (new, sequence)
            activeTargets = layers.numbers?.pointee.mask(of: target)
        }
        isBehind = layers.target(spatial: spatial, temporal: temporal) != target
        return (spatial, temporal)
    }

    /// By the codec's own descriptor. Downwards with any picture, upwards in the temporal layers where the codec says that it may be, and in the
    /// spatial ones with a key picture.
    private func next(_ selector: LayerSelector, _ layers: PacketLayers) -> (Int8, Int8, UInt64) {
        var (spatial, temporal) = (selector.currentSpatial, selector.currentTemporal)
        guard layers.startsPicture else { return (spatial, temporal, target) }
        let goal = selector.goal
        if layers.startsKeyPicture {
            (spatial, temporal) = goal
        } else {
            temporal = min(temporal, goal.temporal)
            if goal.temporal > temporal {
                if layers.opensHigherLayers, Int8(layers.temporalID) <= temporal {
                    temporal = goal.temporal
                } else if layers.isSwitchPoint, Int8(layers.temporalID) == temporal &+ 1 {
                    temporal &+= 1
                }
            }
            if !layers.isKeySVC { spatial = min(spatial, goal.spatial) }
            // Above the highest there is nothing to come to.
            if min(temporal, goal.temporal) >= Int8(layers.maximumTemporal) { temporal = goal.temporal }
            if min(spatial, goal.spatial) >= Int8(layers.maximumSpatial) { spatial = goal.spatial }
        }
        return (spatial, temporal, PacketLayers.bit(spatial: spatial, temporal: temporal))
    }

    /// By the dependency descriptor ("RTP Payload Format For AV1", A.3): to the target that is wanted where the frame is a switch point of it and can
    /// itself be decoded, or to any that is a part of the present one.
    private func next(_ selector: LayerSelector, _ layers: PacketLayers, _ frames: FrameNumbers) -> (Int8, Int8, UInt64) {
        let (spatial, temporal) = (selector.currentSpatial, selector.currentTemporal)
        guard let facts = layers.descriptor?.pointee, let numbers = facts.numbers else { return (spatial, temporal, target) }
        let goal = selector.goal
        let wanted = layers.target(spatial: goal.spatial, temporal: goal.temporal)
        if wanted == target || layers.startsKeyPicture { return (goal.spatial, goal.temporal, wanted) }
        if layers.startsFrame, facts.switches & wanted != 0,
            layers.startsPicture || numbers.pointee.hasSameSpatialLayer(wanted, target), canDecode(facts, frames)
        {
            return (goal.spatial, goal.temporal, wanted)
        }
        guard layers.startsPicture else { return (spatial, temporal, target) }
        let lowerTemporal = min(temporal, goal.temporal)
        let lowerSpatial = min(spatial, goal.spatial)
        let lower = layers.target(spatial: lowerSpatial, temporal: lowerTemporal)
        if numbers.pointee.isPart(lower, of: target) { return (lowerSpatial, lowerTemporal, lower) }
        let slower = layers.target(spatial: spatial, temporal: lowerTemporal)
        if numbers.pointee.isPart(slower, of: target) { return (spatial, lowerTemporal, slower) }
        return (spatial, temporal, target)
    }

    /// Whether every frame that this one refers to was sent.
    private func canDecode(_ facts: DescriptorFacts, _ frames: FrameNumbers) -> Bool {
        for index in 0..<facts.differences.count where !frames.has(facts.differences[index], before: facts.frameNumber) { return false }
        return true
    }
}
