import MediaPrimitives
import RTP
import Testing

/// The bytes of a text of 0 and 1, padded with zeros; whatever else is in it is for the reader.
private func bytes(_ text: String) -> [UInt8] {
    let bits = text.filter { $0 == "0" || $0 == "1" }.map { $0 == "1" ? UInt8(1) : 0 }
    return stride(from: 0, to: bits.count, by: 8).map { start in
        (0..<8).reduce(UInt8(0)) { $0 << 1 | (start + $1 < bits.count ? bits[start + $1] : 0) }
    }
}

/// The first packet of a frame, template and frame number as given.
private func frame(_ template: Int, _ number: UInt16, _ rest: String = "") -> [UInt8] {
    let bits = { (value: Int, count: Int) in
        String(repeating: "0", count: count - String(value, radix: 2).count) + String(value, radix: 2)
    }
    return bytes("11" + bits(template, 6) + bits(Int(number), 16) + rest)
}

/// A.10.2.1, L1T3: three temporal layers, each a decode target, and one chain.
private let temporalLayers = """
    000000 00010            offset 0, three targets
    00 01 01 00 11          templates of layers 0, 0, T1, T2, T2
    101010 101010 100100 010000 010000
    0 100110 100010 100000 100000
    01                      ns(4): one chain
                            ns(1): nothing, three times
    0000 0100 0010 0001 0011
    0                       no resolutions
    """
    .split(separator: "\n").map { $0.prefix { !$0.isLetter } }.joined()

/// Two spatial layers with a chain each; the ids wrap.
private let spatialLayers = """
    111111 00001            offset 63, two targets
    10 11                   templates of layers S0, S1
    1010 0010
    0 100000
    11                      ns(3): two chains
    0 1                     ns(2): target 0 by chain 0, target 1 by chain 1
    0000 0000 0001 0001
    1
    0000000101111111 0000000010110011
    0000001001111111 0000000101100111
    """
    .split(separator: "\n").map { $0.prefix { !$0.isLetter } }.joined()

private func parse(_ bytes: [UInt8], _ structure: inout DependencyStructure) -> DependencyDescriptor? {
    DependencyDescriptor.parse(bytes.span.bytes, structure: &structure)
}

private func known(_ text: String, template: Int = 0) -> DependencyStructure {
    var structure = DependencyStructure()
    _ = parse(frame(template, 1, "10000" + text), &structure)
    return structure
}

@Suite("Dependency descriptor (AV1 RTP, appendix A)")
struct DependencyDescriptorTests {
    @Test("the structure with three temporal layers of A.10.2.1 is read")
    func temporal() throws {
        var structure = DependencyStructure()
        let descriptor = try #require(parse(frame(0, 0xfffe, "10000" + temporalLayers), &structure))
        #expect(descriptor.startsFrame && descriptor.endsFrame && descriptor.bringsStructure)
        #expect(descriptor.frameNumber == 0xfffe && descriptor.templateID == 0)
        #expect(descriptor.activeTargets == 0b111)
        #expect(structure.templateCount == 5 && structure.targetCount == 3 && structure.chainCount == 1)
        #expect((0..<5).map { structure.template($0)?.temporalID } == [0, 0, 1, 2, 2])
        #expect((0..<5).map { structure.template($0)?.differences[0] } == [0, 4, 2, 1, 1])
        #expect((0..<5).map { structure.template($0)?.chainDifferences[0] } == [0, 4, 2, 1, 3])
        #expect((0..<3).map { structure.template(2)?.indications[$0] } == [.switchPoint, .discardable, .notPresent])
        #expect((0..<3).map { structure.layers(ofTarget: $0)?.temporalID } == [2, 1, 0])
        #expect((0..<3).map { structure.chain(protecting: $0) } == [0, 0, 0] && structure.chain(protecting: 3) == nil)
        #expect(!structure.hasResolutions && structure.resolution(ofSpatialLayer: 0)?.width == 0 && structure.template(5) == nil)
    }

    @Test("three bytes are a frame of a template that is known")
    func short() throws {
        var structure = known(temporalLayers)
        let descriptor = try #require(parse([0x44, 0x12, 0x34], &structure))
        #expect(!descriptor.startsFrame && descriptor.endsFrame && !descriptor.bringsStructure && descriptor.activeTargets == nil)
        #expect(descriptor.frameNumber == 0x1234 && descriptor.spatialID == 0 && descriptor.temporalID == 2)
        #expect((0..<3).map { descriptor.indications[$0] } == [.discardable, .notPresent, .notPresent])
        #expect(descriptor.differences.count == 1 && descriptor.differences[0] == 1 && descriptor.chainDifferences[0] == 3)
    }

    @Test("what a frame says of itself goes before what its template says")
    func custom() throws {
        var structure = known(temporalLayers)
        let rest = "01111 101 110100 01 1111 10 11111111 11 000000000000 11 111111111111 00 11111111"
        let descriptor = try #require(parse(frame(1, 7, rest), &structure))
        #expect(descriptor.activeTargets == 0b101)
        #expect((0..<4).map { descriptor.indications[$0] } == [.required, .discardable, .notPresent, .notPresent])
        #expect((0..<5).map { descriptor.differences[$0] } == [16, 256, 1, 4_096, 0] && descriptor.differences.count == 4)
        #expect(descriptor.chainDifferences[0] == 255 && descriptor.chainDifferences[1] == 0)
        #expect(structure == known(temporalLayers))
    }

    @Test("ids wrap after 63, and each spatial layer has its size")
    func spatial() throws {
        var structure = DependencyStructure()
        let first = try #require(parse(frame(63, 1, "10000" + spatialLayers), &structure))
        #expect(first.spatialID == 0 && first.activeTargets == 0b11)
        #expect(structure.maximumSpatialID == 1 && structure.chain(protecting: 1) == 1)
        #expect(structure.resolution(ofSpatialLayer: 0).map { [$0.width, $0.height] } == [384, 180])
        #expect(structure.resolution(ofSpatialLayer: 1).map { [$0.width, $0.height] } == [640, 360])
        #expect(structure.resolution(ofSpatialLayer: 2) == nil)
        let second = try #require(parse(frame(0, 2), &structure))
        #expect(second.spatialID == 1 && second.indications[0] == .notPresent && second.indications[1] == .switchPoint)
        #expect(second.chainDifferences[1] == 1 && second.differences[0] == 1)
    }

    @Test(
        "the number of chains is written in fewer bits where it is small (A.8.2)",
        arguments: [(0, "00"), (1, "01"), (2, "10"), (3, "110"), (4, "111")])
    func nonSymmetric(count: Int, code: String) throws {
        // Four targets, one template, no differences; ns(count) for each target, 4 bits for each chain.
        let protectors = String(repeating: ["", "", "0", "0", "00"][count], count: 4)
        let chains = String(repeating: "0001", count: count)
        let structure = known("000000 00011 11 10101010 0" + code + protectors + chains + "0")
        #expect(structure.chainCount == count)
        #expect(structure.template(0)?.chainDifferences[3] == (count == 4 ? 1 : 0))
    }

    @Test("a newer structure replaces the one before; one that is cut short does not")
    func replaced() {
        var structure = known(temporalLayers)
        let newer = frame(63, 1, "10000" + spatialLayers)
        for length in 0..<newer.count {
            #expect(parse(Array(newer[..<length]), &structure) == nil, "\(length) bytes")
            #expect(structure == known(temporalLayers), "\(length) bytes")
        }
        #expect(parse(newer, &structure) != nil)
        #expect(structure == known(spatialLayers, template: 63) && structure != known(temporalLayers))
    }

    @Test(
        "what is beyond the limits is refused",
        arguments: [
            ("a fifth spatial layer", "10000 000000 00000 10 10 10 10 11" + String(repeating: "0", count: 99)),
            ("a ninth temporal layer", "10000 000000 00000 01 01 01 01 01 01 01 01 11" + String(repeating: "0", count: 99)),
            ("65 templates", "10000 000000 00000" + String(repeating: "00", count: 64) + "11" + String(repeating: "0", count: 999)),
            ("17 references in a template", "10000 000000 00000 11 10" + String(repeating: "10000", count: 17) + "0 0 0 0"),
            ("17 references of a frame", "00010" + String(repeating: "010000", count: 17) + "00"),
        ])
    func limits(_ what: String, _ rest: String) {
        var structure = known(temporalLayers)
        #expect(parse(frame(0, 1, rest), &structure) == nil)
        #expect(structure == known(temporalLayers))
    }

    @Test("as many as there may be are read")
    func atTheLimits() throws {
        var structure = DependencyStructure()
        // Four spatial layers, eight temporal ones in the last, 64 templates; 32 targets, 32 chains, 16 references in each.
        let layers = "10 10 10" + String(repeating: "01", count: 7) + String(repeating: "00", count: 53) + "11"
        let text =
            "000001 11111" + layers + String(repeating: "11", count: 64 * 32)
            + String(repeating: String(repeating: "11111", count: 16) + "0", count: 64) + "111111"
            + String(repeating: "11111", count: 32) + String(repeating: "1111", count: 64 * 32) + "0"
        let descriptor = try #require(parse(frame(0, 1, "10000" + text), &structure))
        #expect(descriptor.spatialID == 3 && descriptor.temporalID == 7 && descriptor.activeTargets == .max)
        #expect(structure.templateCount == 64 && structure.targetCount == 32 && structure.chainCount == 32)
        #expect(descriptor.differences.count == 16 && descriptor.differences[15] == 16 && descriptor.chainDifferences[31] == 15)
        #expect(descriptor.indications[31] == .required && descriptor.indications[32] == .notPresent)
    }

    @Test("a template that is not there, or a structure in the middle of a frame, is refused")
    func unknown() {
        var structure = DependencyStructure()
        #expect(parse(frame(0, 1), &structure) == nil)
        structure = known(temporalLayers)
        #expect(parse(frame(5, 1), &structure) == nil)
        #expect(parse(frame(6, 1, "10000" + spatialLayers), &structure) == nil)
        var later = frame(63, 1, "10000" + spatialLayers)
        later[0] &= 0x7f
        #expect(parse(later, &structure) == nil && structure == known(temporalLayers))
    }

    @Test("no input traps")
    func hostile() {
        let seeds = [frame(0, 1, "10000" + temporalLayers), frame(63, 1, "11111" + spatialLayers + "11 1111 00 11111111 11111111")]
        var structure = DependencyStructure()
        withHostileInputs(seeds) { _ = parse($0, &structure) }
    }
}
