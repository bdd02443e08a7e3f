import RTP

/// Tells of each packet of an encoding what it is among the layers: by the dependency descriptor where there is one, which encryption leaves in the
/// clear, and otherwise by what VP8 and VP9 have in front of their payloads.
struct LayerObserver: ~Copyable {
    private var timestamp: UInt32?
    /// The highest layers that have come.
    private(set) var maximumSpatial: UInt8 = 0
    private(set) var maximumTemporal: UInt8 = 0
    /// There is more than one.
    var hasLayers: Bool { maximumSpatial | maximumTemporal != 0 }
    /// VP9: spatial layers refer to each other in key pictures only.
    private var isKeySVC = false
    /// VP9: the highest spatial layer of the last key picture.
    private var top: UInt8 = 0
    /// Nil until the first descriptor comes: most encodings have none, and what they tell takes 10 KB.
    private var dependencies: UnsafeMutablePointer<DependencyTracker>?

    init() {}

    /// For packets that `other` has seen before, once more from a keyframe on: it knows what there is to come.
    init(like other: borrowing LayerObserver) {
        (maximumSpatial, maximumTemporal) = (other.maximumSpatial, other.maximumTemporal)
        (isKeySVC, top) = (other.isKeySVC, other.top)
    }

    deinit {
        dependencies?.deinitialize(count: 1)
        dependencies?.deallocate()
    }

    /// `descriptor` is the packet's dependency descriptor, empty where it has none; `isLate` that it fills a gap.
    @inline(__always)
    mutating func observe(
        _ payload: PayloadDescriptor, descriptor: UnsafeRawBufferPointer, timestamp: UInt32, isLate: Bool
    ) -> PacketLayers {
        let isNewPicture = !isLate && timestamp != self.timestamp
        if !isLate { self.timestamp = timestamp }
        var layers: PacketLayers
        if descriptor.count >= DependencyDescriptor.minimumLength {
            let tracker = dependencies ?? begin()
            layers = tracker.pointee.layers(descriptor, isNewPicture: isNewPicture, isLate: isLate)
        } else {
            switch payload {
            case .vp8(let vp8): layers = observe(vp8, isNewPicture: isNewPicture)
            case .vp9(let vp9): layers = observe(vp9, isNewPicture: isNewPicture)
            default: layers = observe(payload, isNewPicture: isNewPicture)
            }
        }
        maximumSpatial = max(maximumSpatial, layers.spatialID)
        maximumTemporal = max(maximumTemporal, layers.temporalID)
        return layers
    }

    /// The height that a packet's structure tells; 0 where it brings none.
    func height(_ layers: PacketLayers) -> Int {
        layers.descriptor?.pointee.bringsStructure == true ? dependencies?.pointee.height ?? 0 : 0
    }

    private mutating func begin() -> UnsafeMutablePointer<DependencyTracker> {
        let new = UnsafeMutablePointer<DependencyTracker>.allocate(capacity: 1)
        new.initialize(to: DependencyTracker())
        dependencies = new
        return new
    }

    /// Of a codec whose payloads tell of no layers.
    private func observe(_ payload: PayloadDescriptor, isNewPicture: Bool) -> PacketLayers {
        var layers = PacketLayers()
        layers.startsFrame = payload.startsFrame
        layers.startsPicture = isNewPicture
        layers.startsKeyPicture = isNewPicture && payload.isKeyframeStart
        return layers
    }

    @inline(__always)
    private func observe(_ vp8: VP8Descriptor, isNewPicture: Bool) -> PacketLayers {
        var layers = PacketLayers()
        layers.temporalID = vp8.temporalID ?? 0
        layers.startsFrame = vp8.startsFrame
        layers.startsPicture = vp8.startsFrame && isNewPicture
        layers.startsKeyPicture = layers.startsPicture && vp8.isKeyframeStart
        layers.isSwitchPoint = vp8.isLayerSync
        layers.maximumTemporal = max(maximumTemporal, layers.temporalID)
        if layers.temporalID > 0 { layers.targets = PacketLayers.targets(spatial: 0, temporal: layers.temporalID) }
        return layers
    }

    private mutating func observe(_ vp9: VP9Descriptor, isNewPicture: Bool) -> PacketLayers {
        var layers = PacketLayers()
        let isKey = !vp9.isInterPicturePredicted
        layers.spatialID = vp9.spatialID
        layers.temporalID = vp9.temporalID
        layers.startsFrame = vp9.startsFrame
        layers.endsFrame = vp9.endsFrame
        // With its lowest frame: one of which that is missing may still come late.
        layers.startsPicture = vp9.startsFrame && isNewPicture && vp9.spatialID == 0
        layers.startsKeyPicture = layers.startsPicture && isKey
        layers.isSwitchPoint = vp9.isSwitchingUpPoint
        layers.opensHigherLayers = vp9.isSwitchingUpPoint
        if vp9.spatialLayerCount > 0 { maximumSpatial = vp9.spatialLayerCount &- 1 }
        if layers.startsKeyPicture { top = vp9.spatialLayerCount > 0 ? vp9.spatialLayerCount &- 1 : 0 }
        if isKey { top = max(top, vp9.spatialID) }
        // Where no upper layer refers to a frame, those who get one go without it; and then they cannot go down without a key picture.
        if !isKey, vp9.spatialID < top { isKeySVC = vp9.isNotReferencedByUpperLayers }
        layers.maximumSpatial = max(maximumSpatial, vp9.spatialID)
        layers.maximumTemporal = max(maximumTemporal, vp9.temporalID)
        layers.isKeySVC = isKeySVC
        if !isKey, isKeySVC, vp9.spatialID < top {
            layers.targets = PacketLayers.targets(onlySpatial: vp9.spatialID, temporal: vp9.temporalID)
        } else if vp9.spatialID > 0 || vp9.temporalID > 0 {
            layers.targets = PacketLayers.targets(spatial: vp9.spatialID, temporal: vp9.temporalID)
        }
        if vp9.endsFrame, layers.maximumSpatial > 0 {
            layers.ends = PacketLayers.targets(onlySpatial: vp9.spatialID, temporal: vp9.temporalID)
        }
        return layers
    }
}
