import RTP

/// The layers of a synthetic AV1 stream as its dependency descriptors tell them ("RTP Payload Format For AV1", appendix A): the templates, and
/// which of them a frame follows. Frames follow their templates to the letter, so that a descriptor has three bytes, and a structure behind them
/// where a coded video sequence begins.
///
/// Spatial layers refer to each other in keyframes only (L2T3_KEY and the like of W3C webrtc-svc); temporal ones are those of `VideoShape`:
///
///      pictures from a keyframe   0  1  2  3  4
///      two layers                 0  1  0  1  0    1 refers to the 0 before it
///      three layers               0  2  1  2  0    2 refers to the 0 or 1 before it, 1 to the 0 before it
package struct LayerStructure: Sendable {
    private struct Template {
        var spatialID: Int
        var temporalID: Int
        /// One for each decode target: 0 not present, 1 discardable, 2 switch, 3 required.
        var indications: [Int]
        /// How many frames back its references lie; each spatial layer of a picture is a frame.
        var differences: [Int]
        /// For each spatial layer how many frames back the last one lies that whoever watches that layer must have.
        var chains: [Int]
    }

    private let spatialLayers: Int
    private let temporalLayers: Int
    private let sizes: [(width: UInt16, height: UInt16)]
    private let templates: [Template]

    /// Nil for content that has no descriptors.
    init?(_ content: VideoContent) {
        switch content {
        case .synthetic(let shape):
            guard shape.codec == .av1 else { return nil }
            self.init(shape)
        case .recorded(let recording, _):
            guard recording.codec == .av1 else { return nil }
            self.init(spatialLayers: 1, temporalLayers: 1, sizes: [(max(1, recording.width), max(1, recording.height))])
        }
    }

    package init(_ shape: VideoShape) {
        self.init(
            spatialLayers: shape.spatialLayers, temporalLayers: shape.temporalLayers,
            sizes: (0..<shape.spatialLayers).map { shape.size(ofSpatialLayer: $0) })
    }

    /// One to three layers of each kind.
    init(spatialLayers: Int, temporalLayers: Int, sizes: [(width: UInt16, height: UInt16)]) {
        self.spatialLayers = spatialLayers
        self.temporalLayers = temporalLayers
        self.sizes = sizes
        templates = (0..<spatialLayers).flatMap { spatialID in
            ([nil] + LayerStructure.sorted(temporalLayers)).map { position in
                LayerStructure.template(spatialID, position, spatialLayers, temporalLayers)
            }
        }
    }

    /// A picture's place among the temporal layers.
    private struct Position: Equatable {
        var temporalID: Int
        /// Pictures back to what it refers to, and to the last of temporal layer 0.
        var reference: Int
        var base: Int
    }

    /// From the picture that is one after a keyframe until they repeat.
    private static func positions(_ temporalLayers: Int) -> [Position] {
        switch temporalLayers {
        case 1: [Position(temporalID: 0, reference: 1, base: 1)]
        case 2: [Position(temporalID: 1, reference: 1, base: 1), Position(temporalID: 0, reference: 2, base: 2)]
        default:
            [
                Position(temporalID: 2, reference: 1, base: 1), Position(temporalID: 1, reference: 2, base: 2),
                Position(temporalID: 2, reference: 1, base: 3), Position(temporalID: 0, reference: 4, base: 4),
            ]
        }
    }

    /// As templates are: by layer.
    private static func sorted(_ temporalLayers: Int) -> [Position?] {
        positions(temporalLayers).sorted { ($0.temporalID, $0.base) < ($1.temporalID, $1.base) }
    }

    /// `position` is nil in a keyframe.
    private static func template(_ spatialID: Int, _ position: Position?, _ spatialLayers: Int, _ temporalLayers: Int) -> Template {
        let temporalID = position?.temporalID ?? 0
        var indications: [Int] = []
        for targetSpatial in 0..<spatialLayers {
            for targetTemporal in 0..<temporalLayers {
                let isPresent = position == nil ? targetSpatial >= spatialID : targetSpatial == spatialID && targetTemporal >= temporalID
                indications.append(!isPresent ? 0 : temporalID > 0 && targetTemporal == temporalID ? 1 : 2)
            }
        }
        let chains = (0..<spatialLayers).map { chain in
            guard let position else { return spatialID == 0 ? 0 : spatialID - min(spatialID - 1, chain) }
            // Of the same picture, where both are of layer 0.
            if position.temporalID == 0, chain < spatialID { return spatialID - chain }
            return position.base * spatialLayers + spatialID - chain
        }
        let reference = position.map { $0.reference * spatialLayers } ?? (spatialID > 0 ? 1 : nil)
        return Template(
            spatialID: spatialID, temporalID: temporalID, indications: indications, differences: reference.map { [$0] } ?? [],
            chains: chains)
    }

    // MARK: Writing

    /// The descriptor of a packet.
    ///
    /// - Parameters:
    ///   - distance: pictures since the last keyframe; 0 for one
    ///   - frameNumber: counts the frames of all spatial layers
    package func descriptor(
        startsFrame: Bool, endsFrame: Bool, spatialID: Int, distance: UInt32, frameNumber: UInt16
    ) -> [UInt8] {
        var writer = BitWriter()
        writer.bits(startsFrame ? 1 : 0, 1)
        writer.bits(endsFrame ? 1 : 0, 1)
        writer.bits(template(spatialID, distance), 6)
        writer.bits(Int(frameNumber), 16)
        if startsFrame, spatialID == 0, distance == 0 {
            // Of the five flags only the first: a structure comes.
            writer.bits(0b10000, 5)
            write(into: &writer)
        }
        return writer.bytes
    }

    private func template(_ spatialID: Int, _ distance: UInt32) -> Int {
        let positions = LayerStructure.positions(temporalLayers)
        let first = spatialID * (positions.count + 1)
        guard distance > 0 else { return first }
        let position = positions[Int(distance - 1) % positions.count]
        return first + 1 + (LayerStructure.sorted(temporalLayers).firstIndex(of: position) ?? 0)
    }

    /// template_dependency_structure() of A.8.2.
    private func write(into writer: inout BitWriter) {
        let targets = spatialLayers * temporalLayers
        writer.bits(0, 6)
        writer.bits(targets - 1, 5)
        for (template, next) in zip(templates, templates.dropFirst()) {
            writer.bits(template.spatialID != next.spatialID ? 2 : template.temporalID != next.temporalID ? 1 : 0, 2)
        }
        writer.bits(3, 2)
        for template in templates { for indication in template.indications { writer.bits(indication, 2) } }
        for template in templates {
            for difference in template.differences {
                writer.bits(1, 1)
                writer.bits(difference - 1, 4)
            }
            writer.bits(0, 1)
        }
        writer.bits(spatialLayers, below: targets + 1)
        for target in 0..<targets { writer.bits(target / temporalLayers, below: spatialLayers) }
        for template in templates { for difference in template.chains { writer.bits(difference, 4) } }
        writer.bits(1, 1)
        for size in sizes {
            writer.bits(Int(size.width) - 1, 16)
            writer.bits(Int(size.height) - 1, 16)
        }
    }
}

/// Writes numbers of any width, high bits first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var used = 8

    /// f(n).
    mutating func bits(_ value: Int, _ count: Int) {
        for shift in (0..<count).reversed() {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> shift & 1) << UInt8(7 - used)
            used += 1
        }
    }

    /// ns(n).
    mutating func bits(_ value: Int, below limit: Int) {
        let width = Int.bitWidth - limit.leadingZeroBitCount
        let short = 1 << width - limit
        if value < short { bits(value, width - 1) } else { bits(value + short, width) }
    }
}
