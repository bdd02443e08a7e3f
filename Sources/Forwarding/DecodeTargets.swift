import RTP

/// The decode targets of a dependency structure as subscribers are given them: which one has which layers, and which are parts of which.
struct DecodeTargets {
    private(set) var count = 0
    /// The target of each pair of layers, or the best below; the index is 8 times the spatial one and the temporal one.
    private var ofLayers = InlineArray<32, UInt8>(repeating: 0)
    /// The same whether they are sent or not.
    private var ofAllLayers = InlineArray<32, UInt8>(repeating: 0)
    /// The targets all of whose frames belong to a target, itself included; target n as bit 2n.
    private var parts = InlineArray<32, UInt64>(repeating: 0)
    /// The targets of each spatial layer.
    private var ofSpatial = InlineArray<4, UInt64>(repeating: 0)
    private var layers = InlineArray<32, UInt8>(repeating: 0)
    /// Those that the source sends; target n as bit n.
    private(set) var active: UInt32 = 0

    init() {}

    init(_ structure: borrowing DependencyStructure, active: UInt32) {
        self.active = active
        count = structure.targetCount
        for target in 0..<count {
            guard let own = structure.layers(ofTarget: target) else { continue }
            layers[target] = own.spatialID << 3 | own.temporalID
            ofSpatial[Int(own.spatialID & 3)] |= 1 << UInt64(2 * target)
        }
        // A frame of one that is not of the other makes it no part.
        for target in 0..<count { parts[target] = (0..<UInt64(count)).reduce(0) { $0 | 1 << (2 * $1) } }
        for index in 0..<structure.templateCount {
            guard let template = structure.template(structure.idOffset &+ UInt8(truncatingIfNeeded: index)) else { continue }
            let present = template.indications.present
            for target in 0..<count where present >> UInt64(2 * target) & 1 == 0 { parts[target] &= ~present }
        }
        for spatial: UInt8 in 0..<4 {
            for temporal: UInt8 in 0..<8 {
                ofLayers[Int(spatial << 3 | temporal)] = best(spatial, temporal, of: active)
                ofAllLayers[Int(spatial << 3 | temporal)] = best(spatial, temporal, of: .max)
            }
        }
    }

    /// The highest target within the layers: of those that are sent, if any is.
    private func best(_ spatial: UInt8, _ temporal: UInt8, of sent: UInt32) -> UInt8 {
        var best: Int?
        var lowest = 0
        let isAnySent = sent != 0
        for target in 0..<count {
            if layers[target] < layers[lowest] { lowest = target }
            guard layers[target] >> 3 <= spatial, layers[target] & 7 <= temporal, !isAnySent || sent >> UInt32(target) & 1 == 1 else {
                continue
            }
            if best.map({ layers[target] > layers[$0] }) ?? true { best = target }
        }
        return UInt8(truncatingIfNeeded: best ?? lowest)
    }

    /// The target of `spatial` and `temporal`, or the best below them, of those that are sent; `isSent` false means of all.
    func bit(spatial: Int8, temporal: Int8, isSent: Bool = true) -> UInt64 {
        let index = Int(min(3, max(0, spatial))) << 3 | Int(temporal & 7)
        return 1 << UInt64(2 &* (isSent ? ofLayers[index] : ofAllLayers[index]))
    }

    /// Whether everything of `part` belongs to `whole`; both as bits.
    func isPart(_ part: UInt64, of whole: UInt64) -> Bool { parts[whole.trailingZeroBitCount >> 1 & 31] & part != 0 }

    func hasSameSpatialLayer(_ one: UInt64, _ other: UInt64) -> Bool {
        layers[one.trailingZeroBitCount >> 1 & 31] >> 3 == layers[other.trailingZeroBitCount >> 1 & 31] >> 3
    }

    func targets(ofSpatialLayer layer: UInt8) -> UInt64 { ofSpatial[Int(layer & 3)] }

    /// What a receiver of `target` can decode of what is sent, where that is less than all; target n as bit n.
    func mask(of target: UInt64) -> UInt32? {
        var mask: UInt32 = 0
        let own = parts[target.trailingZeroBitCount >> 1 & 31]
        for index in 0..<count where own >> UInt64(2 &* index) & 1 == 1 { mask |= 1 << UInt32(truncatingIfNeeded: index) }
        mask &= active
        return mask == active ? nil : mask
    }
}
