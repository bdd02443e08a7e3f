import MediaPrimitives

/// What the dependency descriptor says of a frame: the header extension of "RTP Payload Format For AV1", appendix A, by which layers are told
/// apart without a look into the payload.
///
///      0 1 2 3 4 5 6 7
///     |S|E|template id|   first and last packet of the frame
///     | frame number  |
///     |    16 bits    |
///     |T|A|D|F|C| ... |   where there are more than three bytes: a structure, active targets, custom indications, differences, chains
package struct DependencyDescriptor: Hashable, Sendable {
    /// Shorter is none.
    package static let minimumLength = 3

    /// S: the packet is the first of its frame.
    package private(set) var startsFrame = false
    /// E: it is the last.
    package private(set) var endsFrame = false
    package private(set) var templateID: UInt8 = 0
    /// In decoding order; wraps.
    package private(set) var frameNumber: UInt16 = 0
    /// T: it came with a structure, and so starts a coded video sequence.
    package private(set) var bringsStructure = false
    /// Bit by bit the decode targets that are sent from here on; nil where that has not changed.
    package private(set) var activeTargets: UInt32?
    package private(set) var spatialID: UInt8 = 0
    package private(set) var temporalID: UInt8 = 0
    /// What the frame is to each target.
    package private(set) var indications = DecodeTargetIndications()
    /// Which frames it refers to.
    package private(set) var differences = FrameDifferences()
    /// Which frame of each chain came before it.
    package private(set) var chainDifferences = ChainDifferences()
    /// Where it has what each receiver gets anew.
    package var layout = DescriptorLayout()

    private init() {}

    /// Reads the value of the header extension.
    ///
    /// A structure with the offset of the one before must be equal to it. That is not asked of it: an encoder that starts anew may be in breach,
    /// and its frames follow the structure that came with them.
    ///
    /// - Parameter structure: what the last descriptor with a structure left here, for each encoding; replaced where this one brings another,
    ///   and only where all of it can be read
    /// - Returns: nil for what is cut short, outside of the limits, or refers to a template that `structure` does not have
    package static func parse(_ bytes: RawSpan, structure: inout DependencyStructure) -> DependencyDescriptor? {
        guard bytes.byteCount >= minimumLength else { return nil }
        var reader = BitReader(0..<bytes.byteCount)
        var descriptor = DependencyDescriptor()
        descriptor.startsFrame = reader.flag(of: bytes)
        descriptor.endsFrame = reader.flag(of: bytes)
        descriptor.templateID = UInt8(truncatingIfNeeded: reader.bits(6, of: bytes))
        descriptor.frameNumber = UInt16(truncatingIfNeeded: reader.bits(16, of: bytes))
        let extended = bytes.byteCount > minimumLength ? Extended(&reader, bytes) : Extended()
        guard extended.hasStructure else { return descriptor.completed(by: &structure, extended, &reader, bytes) }
        // A.8.3: with the first packet of a sequence, which is the first of a frame.
        guard descriptor.startsFrame, var brought = DependencyStructure(&reader, of: bytes) else { return nil }
        descriptor.bringsStructure = true
        descriptor.activeTargets = UInt32.max >> UInt32(truncatingIfNeeded: DependencyStructure.maximumTargets &- brought.targetCount)
        let completed = descriptor.completed(by: &brought, extended, &reader, bytes)
        if completed != nil { structure = brought }
        return completed
    }

    /// The flags of extended_descriptor_fields().
    private struct Extended {
        var hasStructure = false
        var hasActiveTargets = false
        var hasIndications = false
        var hasDifferences = false
        var hasChains = false

        init() {}

        init(_ reader: inout BitReader, _ bytes: RawSpan) {
            hasStructure = reader.flag(of: bytes)
            hasActiveTargets = reader.flag(of: bytes)
            hasIndications = reader.flag(of: bytes)
            hasDifferences = reader.flag(of: bytes)
            hasChains = reader.flag(of: bytes)
        }
    }

    /// The active targets and frame_dependency_definition(), which mean something only beside a structure. It is `inout` and not changed: borrowed, its
    /// 8 KB would be copied.
    private func completed(
        by structure: inout DependencyStructure, _ extended: Extended, _ reader: inout BitReader, _ bytes: RawSpan
    ) -> DependencyDescriptor? {
        guard let template = structure.templateInPlace(templateID) else { return nil }
        var completed = self
        completed.layout = DescriptorLayout(
            maskPosition: bytes.byteCount > DependencyDescriptor.minimumLength ? reader.position : DescriptorLayout.firstMaskPosition,
            targetCount: structure.targetCount, hasMask: extended.hasActiveTargets, bringsStructure: bringsStructure)
        if extended.hasActiveTargets { completed.activeTargets = reader.bits(structure.targetCount, of: bytes) }
        completed.spatialID = template.spatialID
        completed.temporalID = template.temporalID
        completed.indications =
            extended.hasIndications ? .init(&reader, targets: structure.targetCount, of: bytes) : template.indications
        if extended.hasDifferences {
            guard let differences = FrameDifferences(frame: &reader, of: bytes) else { return nil }
            completed.differences = differences
        } else {
            completed.differences = template.differences
        }
        completed.chainDifferences =
            extended.hasChains ? .init(&reader, chains: structure.chainCount, width: 8, of: bytes) : template.chainDifferences
        return reader.hasOverrun ? nil : completed
    }
}
