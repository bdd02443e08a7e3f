import MediaPrimitives
import RTP

/// Dependency descriptors, one after the other as a stream has them: each a byte that is its length, and its bytes.
enum DependencyHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        var structure = DependencyStructure()
        for _ in 0..<32 where !input.isAtEnd {
            let before = structure
            let bytes = input.take(Int(input.uint8()))
            let parsed = try withCopy(of: bytes) { DependencyDescriptor.parse(UnsafeRawBufferPointer($0).bytes, structure: &structure) }
            guard let descriptor = parsed else {
                try expect(structure == before, "a descriptor that was refused changed the structure")
                continue
            }
            try expect(descriptor.bringsStructure || structure == before, "another structure, and nothing brought it")
            try check(structure)
            try check(descriptor, structure)
            try checkChanges(bytes, descriptor, before, structure, seed: bytes.first ?? 0)
            // A frame of a known template with indications and chains of its own.
            if !descriptor.bringsStructure { try PlantedBug.check(bytes.bytes.uint32(at: 0)) }
        }
    }

    private static func check(_ structure: DependencyStructure) throws(Finding) {
        try expect((1...64).contains(structure.templateCount), "\(structure.templateCount) templates")
        try expect((1...32).contains(structure.targetCount), "\(structure.targetCount) decode targets")
        try expect((0...structure.targetCount).contains(structure.chainCount), "\(structure.chainCount) chains")
        for target in 0..<structure.targetCount {
            guard let layers = structure.layers(ofTarget: target) else { throw Finding("decode target \(target) has no layers") }
            try expect(layers.spatialID <= structure.maximumSpatialID && layers.temporalID < 8, "a target above all layers")
            let chain = structure.chain(protecting: target)
            try expect(chain.map { (0..<structure.chainCount).contains($0) } ?? (structure.chainCount == 0), "protected by no chain")
        }
        try expect(structure.layers(ofTarget: structure.targetCount) == nil, "a target too many")
        try expect(structure.layers(ofTarget: -1) == nil && structure.chain(protecting: .max) == nil, "a target that is none")
        var layer: UInt8 = 0
        for index in 0..<structure.templateCount {
            guard let template = structure.template(structure.idOffset &+ UInt8(index)) else {
                throw Finding("template \(index) is not there")
            }
            try expect(template.spatialID >= layer && template.spatialID <= 3 && template.temporalID < 8, "layers out of order")
            layer = template.spatialID
        }
        try expect(layer == structure.maximumSpatialID, "the highest layer is another")
    }

    /// Written with everything that the templates would say, it reads the same.
    private static func check(_ descriptor: DependencyDescriptor, _ structure: DependencyStructure) throws(Finding) {
        try expect((descriptor.activeTargets ?? 0) >> UInt32(structure.targetCount - 1) <= 1, "an active target that is none")
        for index in 0..<descriptor.differences.count {
            try expect((1...4_096).contains(descriptor.differences[index]), "a frame refers to itself")
        }
        let written = DependencyWriter.write(descriptor, structure)
        var copied = descriptor.bringsStructure ? DependencyStructure() : structure
        guard var copy = DependencyDescriptor.parse(written.span.bytes, structure: &copied) else {
            throw Finding("a descriptor written again does not parse")
        }
        copy.layout = descriptor.layout
        try expect(copy == descriptor, "the descriptor changed")
        try expect(copied == structure, "the structure changed")
    }

    /// As a subscriber gets it: another frame number, other ids of templates and another mask, and all else as it was.
    private static func checkChanges(
        _ bytes: UnsafeRawBufferPointer, _ descriptor: DependencyDescriptor, _ before: DependencyStructure,
        _ structure: DependencyStructure,
        seed: UInt8
    ) throws(Finding) {
        var changes = DescriptorLayout.Changes()
        changes.frameOffset = UInt16(seed) &* 257
        if descriptor.bringsStructure { changes.templateShift = seed & 63 }
        let all = UInt32.max >> UInt32(DependencyStructure.maximumTargets - structure.targetCount)
        changes.activeTargets = seed & 1 == 0 ? nil : UInt32(seed) &* 0x0101_0101 & all
        var written = [UInt8](repeating: 0xff, count: bytes.count + DescriptorLayout.growth)
        let count = written.withUnsafeMutableBytes { $0.baseAddress.map { descriptor.layout.write(bytes, changes, to: $0) } ?? 0 }
        try expect(count >= bytes.count && count <= written.count, "\(count) bytes of \(bytes.count)")
        var copied = before
        let parsed = written[..<count].withUnsafeBytes { DependencyDescriptor.parse($0.bytes, structure: &copied) }
        guard let copy = parsed else { throw Finding("a changed descriptor does not parse") }
        try expect(copy.frameNumber == descriptor.frameNumber &+ changes.frameOffset, "the frame number")
        try expect(copy.templateID == (descriptor.templateID &+ changes.templateShift) & 63, "the template's id")
        try expect(copy.startsFrame == descriptor.startsFrame && copy.endsFrame == descriptor.endsFrame, "the frame's limits")
        try expect(
            copy.differences == descriptor.differences && copy.indications == descriptor.indications, "the frame's part in the targets")
        try expect(copy.chainDifferences == descriptor.chainDifferences, "the chains")
        guard let wanted = changes.activeTargets else { return try expect(copy.activeTargets == descriptor.activeTargets, "the mask") }
        let sent = descriptor.layout.hasMask ? (descriptor.activeTargets ?? all) & wanted : wanted
        try expect(copy.activeTargets == sent, "the mask")
    }
}
