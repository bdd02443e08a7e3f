import HeadlessClients
import MediaPrimitives
import RTP
import Testing

@Suite("Dependency descriptors of synthetic AV1")
struct LayerStructureTests {
    static let modes = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]

    private func shape(_ spatial: Int, _ temporal: Int) -> VideoShape {
        var shape = VideoShape()
        shape.codec = .av1
        shape.spatialLayers = spatial
        shape.temporalLayers = temporal
        shape.isKeySVC = spatial > 1
        return shape
    }

    @Test(
        "a parser reads from them the layers, and that every frame refers to one below or of its own layer, two chains of keyframes long",
        arguments: modes)
    func reading(spatial: Int, temporal: Int) throws {
        let layers = LayerStructure(shape(spatial, temporal))
        var structure = DependencyStructure()
        var number: UInt16 = 65_530
        /// Of each frame that was written its layers and its picture.
        var frames: [UInt16: (spatialID: UInt8, temporalID: UInt8, picture: Int)] = [:]
        var chains: [UInt16?] = Array(repeating: nil, count: spatial)
        for picture in 0..<18 {
            let distance = picture % 9
            let temporalID = [[0], [0, 1], [0, 2, 1, 2]][temporal - 1][distance % [1, 2, 4][temporal - 1]]
            if distance == 0 { chains = Array(repeating: nil, count: spatial) }
            for spatialID in 0..<spatial {
                let bytes = layers.descriptor(
                    startsFrame: true, endsFrame: false, spatialID: spatialID, distance: UInt32(distance), frameNumber: number)
                let parsed = DependencyDescriptor.parse(bytes.span.bytes, structure: &structure)
                let descriptor = try #require(parsed)
                #expect(descriptor.startsFrame && !descriptor.endsFrame && descriptor.frameNumber == number)
                #expect(descriptor.bringsStructure == (distance == 0 && spatialID == 0))
                #expect(bytes.count == 3 || descriptor.bringsStructure)
                #expect(descriptor.spatialID == spatialID && descriptor.temporalID == temporalID)
                // A keyframe's lowest layer refers to nothing, those above to the one below; others to their own, of no higher temporal layer.
                #expect(descriptor.differences.count == (distance == 0 && spatialID == 0 ? 0 : 1))
                if descriptor.differences.count > 0 {
                    let reference = try #require(frames[number &- descriptor.differences[0]])
                    if distance == 0 {
                        #expect(reference == (UInt8(spatialID - 1), 0, picture))
                    } else {
                        #expect(reference.spatialID == spatialID && reference.temporalID <= temporalID && reference.picture < picture)
                        #expect(
                            temporalID == 0 ? reference.temporalID == 0 : reference.picture == picture - temporalStep(temporal, temporalID))
                    }
                }
                for chain in 0..<spatial {
                    #expect(descriptor.chainDifferences[chain] == chains[chain].map { UInt8(number &- $0) } ?? 0)
                    if temporalID == 0, distance == 0 ? chain >= spatialID : chain == spatialID { chains[chain] = number }
                }
                for target in 0..<(spatial * temporal) {
                    let (targetSpatial, targetTemporal) = (target / temporal, target % temporal)
                    let isPart = distance == 0 ? targetSpatial >= spatialID : targetSpatial == spatialID && targetTemporal >= temporalID
                    #expect((descriptor.indications[target] != .notPresent) == isPart)
                    #expect((descriptor.indications[target] == .discardable) == (isPart && temporalID > 0 && targetTemporal == temporalID))
                }
                frames[number] = (UInt8(spatialID), UInt8(temporalID), picture)
                number &+= 1
            }
        }
        #expect(structure.targetCount == spatial * temporal && structure.chainCount == spatial)
        for target in 0..<structure.targetCount {
            let found = try #require(structure.layers(ofTarget: target))
            #expect(found.spatialID == target / temporal && found.temporalID == target % temporal)
            #expect(structure.chain(protecting: target) == target / temporal)
        }
        for layer in 0..<spatial {
            let width = UInt32(1_280 >> (spatial - 1 - layer))
            #expect(structure.resolution(ofSpatialLayer: UInt8(layer))?.width == width)
        }
    }

    /// Pictures back to what a picture above temporal layer 0 refers to.
    private func temporalStep(_ temporal: Int, _ temporalID: Int) -> Int { temporal == 3 && temporalID == 1 ? 2 : 1 }

    @Test("AV1 layers are frames of their own, each an OBU with their numbers; only the picture's first packet starts a sequence")
    func payloads() throws {
        let shape = shape(3, 3)
        for number in 0..<5 {
            let picture = SyntheticPicture(shape, frame: UInt32(number), isKeyframe: number == 0)
            var starts: [UInt8] = []
            for index in 0..<picture.count {
                let stamp = PayloadStamp(
                    source: 7, layer: 0, isKeyframe: number == 0, frame: UInt32(number), index: index, count: picture.count, ordinal: 0,
                    captured: Instant(nanoseconds: 0))
                let payload = stamp.payload(of: picture)
                #expect(PayloadStamp.parse(.av1, payload.span.bytes) == stamp)
                let parsed = AV1Descriptor.parse(payload.span.bytes)
                let descriptor = try #require(parsed)
                #expect(descriptor.isKeyframeStart == (number == 0 && index == 0))
                // The OBU's header and its extension: temporal_id, spatial_id.
                let obu = number == 0 && index == 0 ? 1 + 1 + Int(payload[1]) : 1
                if !descriptor.continuesOBU { starts.append(payload[obu + 1] >> 3 & 3) }
                if !descriptor.continuesOBU { #expect(payload[obu] == 0x34 && payload[obu + 1] >> 5 == [0, 2, 1, 2, 0][number]) }
                #expect(descriptor.isContinued || index == picture.count - 1 || picture.count > 3)
            }
            #expect(starts == [0, 1, 2])
        }
    }
}
