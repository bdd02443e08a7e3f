import MediaPrimitives

/// The templates that the dependency descriptors of a coded video sequence refer to: template_dependency_structure of "RTP Payload Format For
/// AV1", A.8.2. It comes with the first packet of the sequence and holds until the next one comes; plain bits, so that keeping it allocates
/// nothing.
package struct DependencyStructure: Sendable {
    /// What template_id's six bits can tell apart.
    package static let maximumTemplates = 64
    /// dt_cnt_minus_one has five bits.
    package static let maximumTargets = 32
    /// AV1's spatial_id has two bits, its temporal_id three.
    package static let maximumSpatialID: UInt8 = 3
    package static let maximumTemporalID: UInt8 = 7

    /// What the frames of one kind have in common.
    package struct Template: Hashable, Sendable {
        package fileprivate(set) var spatialID: UInt8 = 0
        package fileprivate(set) var temporalID: UInt8 = 0
        package fileprivate(set) var indications = DecodeTargetIndications()
        package fileprivate(set) var differences = FrameDifferences()
        package fileprivate(set) var chainDifferences = ChainDifferences()
    }

    /// A frame size in pixels that no frame of a spatial layer exceeds; 0 by 0 where the structure does not tell.
    package struct Resolution: Hashable, Sendable {
        package fileprivate(set) var width: UInt32 = 0
        package fileprivate(set) var height: UInt32 = 0
    }

    /// template_id_offset: the id of the first template.
    package private(set) var idOffset: UInt8 = 0
    /// 0 where nothing is known yet: then no descriptor can be read that does not bring a structure.
    package private(set) var templateCount = 0
    /// Decode targets: combinations of layers that a viewer may be sent.
    package private(set) var targetCount = 0
    /// Chains: frames that a viewer of the targets they protect must all get. 0 where they are not used.
    package private(set) var chainCount = 0
    package private(set) var maximumSpatialID: UInt8 = 0
    package private(set) var hasResolutions = false
    private var templates = InlineArray<64, Template>(repeating: Template())
    private var protectors = SIMD32<UInt8>()
    private var targetSpatialIDs = SIMD32<UInt8>()
    private var targetTemporalIDs = SIMD32<UInt8>()
    private var resolutions = InlineArray<4, Resolution>(repeating: Resolution())

    /// Nothing is known.
    package init() {}

    /// The template of frame_dependency_template_id; nil where there is none, as when the packet with a newer structure was lost.
    package func template(_ id: UInt8) -> Template? {
        let index = Int((id &- idOffset) & 63)
        return index < templateCount ? templates[index] : nil
    }

    /// The same for each packet: `template` copies all of them.
    mutating func templateInPlace(_ id: UInt8) -> Template? {
        let index = Int((id &- idOffset) & 63)
        guard index < templateCount else { return nil }
        return templates.mutableSpan[index]
    }

    /// The highest layers of a decode target; nil where there is no such target.
    package func layers(ofTarget target: Int) -> (spatialID: UInt8, temporalID: UInt8)? {
        (0..<targetCount).contains(target) ? (targetSpatialIDs[target], targetTemporalIDs[target]) : nil
    }

    /// The chain that protects a decode target; nil where there are none.
    package func chain(protecting target: Int) -> Int? {
        chainCount > 0 && (0..<targetCount).contains(target) ? Int(protectors[target]) : nil
    }

    package func resolution(ofSpatialLayer layer: UInt8) -> Resolution? { layer <= maximumSpatialID ? resolutions[Int(layer)] : nil }

    // MARK: Reading

    /// Nil for more templates or layers than there are ids for. What is cut short shows in `reader`.
    init?(_ reader: inout BitReader, of bytes: RawSpan) {
        idOffset = UInt8(truncatingIfNeeded: reader.bits(6, of: bytes))
        targetCount = Int(reader.bits(5, of: bytes)) &+ 1
        guard takeLayers(&reader, bytes) else { return nil }
        for index in 0..<templateCount { templates[index].indications = .init(&reader, targets: targetCount, of: bytes) }
        for index in 0..<templateCount {
            guard let differences = FrameDifferences(template: &reader, of: bytes) else { return nil }
            templates[index].differences = differences
        }
        takeChains(&reader, bytes)
        deriveTargetLayers()
        hasResolutions = reader.flag(of: bytes)
        if hasResolutions {
            for layer in 0...Int(maximumSpatialID) {
                resolutions[layer].width = reader.bits(16, of: bytes) &+ 1
                resolutions[layer].height = reader.bits(16, of: bytes) &+ 1
            }
        }
    }

    /// template_layers(): next_layer_idc is 0 for the same layer again, 1 for the next temporal layer, 2 for the next spatial layer, 3 at the end.
    private mutating func takeLayers(_ reader: inout BitReader, _ bytes: RawSpan) -> Bool {
        var (spatialID, temporalID): (UInt8, UInt8) = (0, 0)
        while templateCount < DependencyStructure.maximumTemplates {
            templates[templateCount].spatialID = spatialID
            templates[templateCount].temporalID = temporalID
            templateCount = templateCount &+ 1
            switch reader.bits(2, of: bytes) {
            case 0: break
            case 1:
                temporalID = temporalID &+ 1
                guard temporalID <= DependencyStructure.maximumTemporalID else { return false }
            case 2:
                temporalID = 0
                spatialID = spatialID &+ 1
                guard spatialID <= DependencyStructure.maximumSpatialID else { return false }
            default:
                maximumSpatialID = spatialID
                return true
            }
        }
        return false
    }

    /// There are no more chains than targets.
    private mutating func takeChains(_ reader: inout BitReader, _ bytes: RawSpan) {
        chainCount = Int(reader.bits(below: targetCount &+ 1, of: bytes))
        guard chainCount > 0 else { return }
        for target in 0..<targetCount { protectors[target] = UInt8(truncatingIfNeeded: reader.bits(below: chainCount, of: bytes)) }
        for index in 0..<templateCount {
            templates[index].chainDifferences = .init(&reader, chains: chainCount, width: 4, of: bytes)
        }
    }

    /// decode_target_layers(): a target goes as high as the highest template that it has a part in.
    private mutating func deriveTargetLayers() {
        for target in 0..<targetCount {
            for index in 0..<templateCount where templates[index].indications[target] != .notPresent {
                targetSpatialIDs[target] = max(targetSpatialIDs[target], templates[index].spatialID)
                targetTemporalIDs[target] = max(targetTemporalIDs[target], templates[index].temporalID)
            }
        }
    }
}

extension DependencyStructure: Equatable {
    package static func == (one: DependencyStructure, other: DependencyStructure) -> Bool {
        one.idOffset == other.idOffset && one.templateCount == other.templateCount && one.targetCount == other.targetCount
            && one.chainCount == other.chainCount && one.hasResolutions == other.hasResolutions && one.protectors == other.protectors
            && one.maximumSpatialID == other.maximumSpatialID
            && one.resolutions.indices.allSatisfy { one.resolutions[$0] == other.resolutions[$0] }
            && (0..<one.templateCount).allSatisfy { one.templates[$0] == other.templates[$0] }
    }
}
