import RTP

/// Dependency descriptors by the syntax of A.8.2, the other way around: with indications, differences and chains of their own.
struct DependencyWriter {
    private var bytes: [UInt8] = []
    private var used = 8

    static func write(_ descriptor: DependencyDescriptor, _ structure: DependencyStructure) -> [UInt8] {
        var writer = DependencyWriter()
        writer.bits(descriptor.startsFrame ? 1 : 0, 1)
        writer.bits(descriptor.endsFrame ? 1 : 0, 1)
        writer.bits(descriptor.templateID, 6)
        writer.bits(descriptor.frameNumber, 16)
        writer.bits(descriptor.bringsStructure ? 1 : 0, 1)
        writer.bits(descriptor.activeTargets == nil ? 0 : 1, 1)
        writer.bits(0b111, 3)
        if descriptor.bringsStructure { writer.write(structure) }
        if let active = descriptor.activeTargets { writer.bits(active, structure.targetCount) }
        for target in 0..<structure.targetCount { writer.bits(descriptor.indications[target].rawValue, 2) }
        for index in 0..<descriptor.differences.count {
            let minusOne = descriptor.differences[index] - 1
            let size = minusOne < 16 ? 1 : minusOne < 256 ? 2 : 3
            writer.bits(size, 2)
            writer.bits(minusOne, 4 * size)
        }
        writer.bits(0, 2)
        for chain in 0..<structure.chainCount { writer.bits(descriptor.chainDifferences[chain], 8) }
        return writer.bytes
    }

    private mutating func write(_ structure: DependencyStructure) {
        let templates = (0..<structure.templateCount).compactMap { structure.template(structure.idOffset &+ UInt8($0)) }
        bits(structure.idOffset, 6)
        bits(structure.targetCount - 1, 5)
        for (template, next) in zip(templates, templates.dropFirst()) {
            bits(template.spatialID != next.spatialID ? 2 : template.temporalID != next.temporalID ? 1 : 0, 2)
        }
        bits(3, 2)
        for template in templates { for target in 0..<structure.targetCount { bits(template.indications[target].rawValue, 2) } }
        for template in templates {
            for index in 0..<template.differences.count {
                bits(1, 1)
                bits(template.differences[index] - 1, 4)
            }
            bits(0, 1)
        }
        bits(structure.chainCount, below: structure.targetCount + 1)
        if structure.chainCount > 0 {
            for target in 0..<structure.targetCount { bits(structure.chain(protecting: target) ?? 0, below: structure.chainCount) }
            for template in templates { for chain in 0..<structure.chainCount { bits(template.chainDifferences[chain], 4) } }
        }
        bits(structure.hasResolutions ? 1 : 0, 1)
        guard structure.hasResolutions else { return }
        for layer in 0...structure.maximumSpatialID {
            let resolution = structure.resolution(ofSpatialLayer: layer)
            bits((resolution?.width ?? 1) - 1, 16)
            bits((resolution?.height ?? 1) - 1, 16)
        }
    }

    /// f(n).
    private mutating func bits(_ value: some BinaryInteger, _ count: Int) {
        for shift in (0..<count).reversed() {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: value >> shift & 1) << UInt8(7 - used)
            used += 1
        }
    }

    /// ns(n).
    private mutating func bits(_ value: Int, below limit: Int) {
        let width = Int.bitWidth - limit.leadingZeroBitCount
        let short = 1 << width - limit
        if value < short { bits(value, width - 1) } else { bits(value + short, width) }
    }
}
