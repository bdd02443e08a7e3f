import RTP

/// What the dependency descriptors of one encoding have told so far.
struct DependencyTracker: ~Copyable {
    private var structure = DependencyStructure()
    private var structureFrame: UInt16 = 0
    private var active: UInt32 = 0
    /// Changes with the structure and with what of it is sent.
    private var numbering: UInt32 = 0
    private let targets: UnsafeMutablePointer<DecodeTargets>
    /// Of the last packet.
    private let facts: UnsafeMutablePointer<DescriptorFacts>

    init() {
        targets = .allocate(capacity: 1)
        targets.initialize(to: DecodeTargets())
        facts = .allocate(capacity: 1)
        facts.initialize(to: DescriptorFacts())
    }

    deinit {
        targets.deallocate()
        facts.deallocate()
    }

    /// What a packet with the dependency descriptor `bytes` is among the layers. `isNewPicture`: it has another timestamp than the one before, and
    /// came in order.
    mutating func layers(_ bytes: UnsafeRawBufferPointer, isNewPicture: Bool, isLate: Bool) -> PacketLayers {
        let descriptor = read(bytes, isLate: isLate)
        var layers = descriptor.map { self.layers($0, isNewPicture: isNewPicture) } ?? unreadable(bytes, isNewPicture: isNewPicture)
        facts.pointee.length = UInt8(clamping: bytes.count)
        facts.pointee.tellsKeyframes = numbering != 0
        layers.descriptor = UnsafePointer(facts)
        return layers
    }

    /// All that any descriptor tells.
    private func unreadable(_ bytes: UnsafeRawBufferPointer, isNewPicture: Bool) -> PacketLayers {
        facts.pointee = DescriptorFacts()
        facts.pointee.frameNumber = UInt16(bytes[1]) << 8 | UInt16(bytes[2])
        var layers = PacketLayers()
        layers.startsPicture = isNewPicture
        return layers
    }

    /// Reads the descriptor of a packet. Nil where it cannot be read: its structure was lost, or it is none.
    private mutating func read(_ bytes: UnsafeRawBufferPointer, isLate: Bool) -> DependencyDescriptor? {
        if isLate, bytes.count > DependencyDescriptor.minimumLength, bytes[3] & 0x80 != 0 {
            // A structure that comes late is taken only where no newer one has.
            var own = structure
            guard let descriptor = DependencyDescriptor.parse(bytes.bytes, structure: &own) else { return nil }
            if structure.templateCount == 0 || Int16(bitPattern: descriptor.frameNumber &- structureFrame) > 0 {
                take(descriptor, own)
            }
            return descriptor
        }
        if bytes.count > DependencyDescriptor.minimumLength, bytes[3] & 0x80 != 0 {
            var own = structure
            guard let descriptor = DependencyDescriptor.parse(bytes.bytes, structure: &own) else { return nil }
            take(descriptor, own)
            return descriptor
        }
        guard let descriptor = DependencyDescriptor.parse(bytes.bytes, structure: &structure) else { return nil }
        if !isLate, let now = descriptor.activeTargets, now != active {
            active = now
            renew()
        }
        return descriptor
    }

    private mutating func take(_ descriptor: DependencyDescriptor, _ own: DependencyStructure) {
        structureFrame = descriptor.frameNumber
        let now = descriptor.activeTargets ?? 0
        guard numbering == 0 || own != structure || now != active else { return }
        (structure, active) = (own, now)
        renew()
    }

    private mutating func renew() {
        targets.pointee = DecodeTargets(structure, active: active)
        numbering = max(1, numbering &+ 1)
    }

    /// The size of the highest layer's frames, where the structure tells.
    var height: Int { structure.hasResolutions ? Int(structure.resolution(ofSpatialLayer: structure.maximumSpatialID)?.height ?? 0) : 0 }

    private mutating func layers(_ descriptor: DependencyDescriptor, isNewPicture: Bool) -> PacketLayers {
        var layers = PacketLayers()
        layers.spatialID = descriptor.spatialID
        layers.temporalID = descriptor.temporalID
        layers.startsFrame = descriptor.startsFrame
        layers.endsFrame = descriptor.endsFrame
        layers.startsPicture = descriptor.startsFrame && isNewPicture
        layers.startsKeyPicture = layers.startsPicture && descriptor.bringsStructure
        layers.maximumSpatial = structure.maximumSpatialID
        layers.targets = descriptor.indications.present
        if descriptor.endsFrame, layers.maximumSpatial > 0 {
            layers.ends = layers.targets & targets.pointee.targets(ofSpatialLayer: descriptor.spatialID)
        }
        layers.numbering = numbering
        facts.pointee = DescriptorFacts(
            numbers: UnsafePointer(targets), switches: descriptor.indications.switchPoints, frameNumber: descriptor.frameNumber,
            differences: descriptor.differences, bringsStructure: descriptor.bringsStructure, templateStart: structure.idOffset,
            templateEnd: (structure.idOffset &+ UInt8(truncatingIfNeeded: structure.templateCount)) & 63, layout: descriptor.layout)
        return layers
    }
}
