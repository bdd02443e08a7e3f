import MediaPrimitives
import RTP
import Testing

@Suite("VP8 descriptors")
struct VP8DescriptorTests {
    /// A key frame's first bytes: tag with P = 0, start code, 640x480.
    static let keyframe: [UInt8] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01, 0xaa]

    @Test("the smallest descriptor has one byte")
    func minimal() throws {
        let payload = [0x10] + VP8DescriptorTests.keyframe
        let descriptor = try #require(VP8Descriptor.parse(payload))
        #expect(descriptor.length == 1)
        #expect(descriptor.startsFrame && descriptor.isKeyframeStart)
        #expect(descriptor.width == 640 && descriptor.height == 480)
        #expect(descriptor.pictureID == nil && descriptor.tl0PicIdx == nil && descriptor.temporalID == nil && descriptor.keyIndex == nil)
    }

    @Test("every field lies where RFC 7741 §4.2 says")
    func full() throws {
        let payload: [UInt8] = [0xb0, 0xf0, 0xff, 0xfe, 0x7b, 0xb5, 0x01, 0x00]
        let descriptor = try #require(VP8Descriptor.parse(payload))
        #expect(descriptor.isNonReference && descriptor.startsPartition && descriptor.partition == 0)
        #expect(descriptor.pictureID == 0x7ffe && descriptor.hasLongPictureID && descriptor.pictureIDOffset == 2)
        #expect(descriptor.tl0PicIdx == 0x7b && descriptor.tl0PicIdxOffset == 4)
        #expect(descriptor.temporalID == 2 && descriptor.isLayerSync && descriptor.keyIndex == 0x15 && descriptor.temporalOffset == 5)
        #expect(descriptor.length == 6)
        #expect(descriptor.startsFrame && !descriptor.isKeyframeStart, "P = 1: an inter frame")
    }

    @Test(
        "a key frame starts only where S is set and the partition is 0",
        arguments: [(0x10, true), (0x00, false), (0x11, false), (0x30, true)] as [(UInt8, Bool)])
    func keyframeStart(first: UInt8, expected: Bool) throws {
        let payload = [first] + VP8DescriptorTests.keyframe
        let descriptor = try #require(VP8Descriptor.parse(payload))
        #expect(descriptor.isKeyframeStart == expected)
    }

    @Test("a descriptor cut short is refused at every length")
    func truncation() {
        let payload: [UInt8] = [0x90, 0xf0, 0x80, 0x01, 0x02, 0x03]
        #expect(VP8Descriptor.parse(payload)?.length == 6)
        for length in 0..<payload.count { #expect(VP8Descriptor.parse(Array(payload[..<length])) == nil) }
    }
}

@Suite("VP9 descriptors")
struct VP9DescriptorTests {
    @Test("non-flexible mode: layers and TL0PICIDX")
    func nonFlexible() throws {
        let payload: [UInt8] = [0xac, 0xff, 0xff, 0x53, 0x2a, 0x00]
        let descriptor = try #require(VP9Descriptor.parse(payload))
        #expect(descriptor.pictureID == 0x7fff && descriptor.hasLongPictureID)
        #expect(descriptor.temporalID == 2 && descriptor.isSwitchingUpPoint && descriptor.spatialID == 1)
        #expect(descriptor.isInterLayerPredicted)
        #expect(descriptor.tl0PicIdx == 0x2a)
        #expect(descriptor.startsFrame && descriptor.endsFrame && !descriptor.isInterPicturePredicted)
        #expect(descriptor.length == 5)
        #expect(!descriptor.isKeyframeStart, "an upper spatial layer is no place to start")
    }

    @Test("flexible mode: no TL0PICIDX, up to three references")
    func flexible() throws {
        for count in 1...3 {
            let references = (1...count).map { UInt8($0 << 1) | ($0 < count ? 1 : 0) }
            let payload = [0x80 | 0x40 | 0x20 | 0x10 | 0x08, 0x05, 0x00] + references + [0xaa]
            let descriptor = try #require(VP9Descriptor.parse(payload))
            #expect(descriptor.pictureID == 5 && descriptor.tl0PicIdx == nil)
            #expect(descriptor.length == 3 + count)
        }
        #expect(VP9Descriptor.parse([0x50, 0x03, 0x03, 0x03, 0x02] as [UInt8]) == nil, "a fourth reference is invalid")
    }

    @Test("a key frame with its scalability structure")
    func keyframe() throws {
        var payload: [UInt8] = [0x80 | 0x20 | 0x08 | 0x02, 0x81, 0x00, 0x00, 0x00]
        payload += [1 << 5 | 0x10 | 0x08, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68]
        payload += [2, 0x04, 0x01, 0x38, 0x01, 0x02]
        // Two pictures: the first with one reference, the second with two.
        let descriptor = try #require(VP9Descriptor.parse((payload + [0x11])))
        #expect(descriptor.isKeyframeStart)
        #expect(descriptor.hasScalabilityStructure && descriptor.spatialLayerCount == 2)
        #expect(descriptor.width == 640 && descriptor.height == 360)
        #expect(descriptor.length == payload.count - 1 + 1)
        for length in 0..<payload.count { #expect(VP9Descriptor.parse(Array(payload[..<length])) == nil, "length \(length)") }
    }
}

@Suite("H.264 payloads")
struct H264DescriptorTests {
    @Test(
        "where a key frame starts",
        arguments: [
            ([0x67, 0x42, 0, 0x1f], true, true, true),  // SPS alone (mode 0)
            ([0x68, 0xce], false, false, true),  // PPS alone
            ([0x65, 0x88, 0x84], true, false, true),  // IDR, first slice
            ([0x65, 0x48, 0x84], false, false, false),  // IDR, a later slice
            ([0x41, 0x9a], false, false, true),  // another picture
            ([0x09, 0xf0], false, false, true),  // access unit delimiter
            ([0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88], true, true, true),  // STAP-A
            ([0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x67, 0x42], true, true, true),  // STAP-A with a delimiter
            ([0x78, 0, 2, 0x68, 0xce, 0, 2, 0x06, 0x05], false, false, true),  // STAP-A without SPS
            ([0x78, 0, 2, 0x65, 0x88, 0, 2, 0x67, 0x42], true, false, true),  // SPS after the picture
            ([0x7c, 0x85, 0x88], true, false, true),  // FU-A, IDR starts
            ([0x7c, 0x05, 0x88], false, false, false),  // FU-A, IDR goes on
            ([0x7c, 0x45, 0x88], false, false, false),  // FU-A, IDR ends
            ([0x7c, 0x81, 0x9a], false, false, true),  // FU-A, another picture starts
            ([0x7c, 0x85, 0x48], false, false, false),  // FU-A, a later slice of an IDR starts
        ] as [([UInt8], Bool, Bool, Bool)])
    func keyframes(payload: [UInt8], isKeyframeStart: Bool, startsWithParameterSets: Bool, startsFrame: Bool) throws {
        let descriptor = try #require(H264Descriptor.parse(payload))
        #expect(descriptor.isKeyframeStart == isKeyframeStart)
        #expect(descriptor.startsWithParameterSets == startsWithParameterSets)
        #expect(descriptor.startsFrame == startsFrame)
    }

    @Test(
        "empty, reserved and cut payloads are refused",
        arguments: [[], [0x60], [0x7e], [0x7f], [0x7c], [0x78], [0x78, 0, 0], [0x78, 0, 2]] as [[UInt8]])
    func refused(payload: [UInt8]) { #expect(H264Descriptor.parse(payload) == nil) }
}

/// Headers as x264 and SVT-AV1 write them, by the size of their picture.
@Suite("Picture sizes")
struct PictureSizeTests {
    static let parameterSets: [([UInt8], UInt16, UInt16)] = [
        ([0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc6, 0x0c, 0xa8], 1280, 720),
        // 23 rows of macroblocks, of which half a row is cut off.
        ([0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x84, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xf2, 0x3c, 0x58, 0xba, 0x80], 640, 360),
        ([0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x78, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc5, 0x0a, 0xa8], 320, 180),
        // High profile.
        ([0x67, 0x64, 0, 0x1f, 0xac, 0xb2, 0, 0xa0, 0x0b, 0x74, 0x20, 0, 0, 3, 0, 0x20, 0, 0, 7, 0x91, 0xe3, 0x06, 0x49], 1280, 720),
    ]
    static let sequenceHeaders: [([UInt8], UInt16, UInt16)] = [
        ([0x0a, 0x0b, 0, 0, 0, 0x2d, 0x4c, 0xff, 0xb3, 0xc6, 0xaf, 0x98, 0x04], 1280, 720),
        ([0x0a, 0x0b, 0, 0, 0, 0x04, 0x3c, 0xfe, 0xcc, 0x6a, 0xf9, 0x80, 0x40], 320, 180),
        // Without its length, as RTP has it.
        ([0x08, 0, 0, 0, 0x2d, 0x4c, 0xff, 0xb3, 0xc6, 0xaf, 0x98, 0x04], 1280, 720),
    ]

    @Test("a parameter set tells it, alone and in an aggregate", arguments: parameterSets)
    func parameterSet(bytes: [UInt8], width: UInt16, height: UInt16) throws {
        for payload in [bytes, [0x78, 0, UInt8(bytes.count)] + bytes + [0, 2, 0x68, 0xce]] {
            let size = try #require(PayloadDescriptor.parse(codec: .h264, payload: payload).size)
            #expect(size.width == width && size.height == height)
        }
    }

    @Test("a sequence header tells it, alone and before a frame", arguments: sequenceHeaders)
    func sequenceHeader(bytes: [UInt8], width: UInt16, height: UInt16) throws {
        for payload in [[0x18] + bytes, [0x28, UInt8(bytes.count)] + bytes + [0x32, 0]] {
            let size = try #require(PayloadDescriptor.parse(codec: .av1, payload: payload).size)
            #expect(size.width == width && size.height == height)
        }
    }

    @Test("cut short they tell nothing, and nothing traps; what they begin, they begin all the same")
    func cut() {
        for length in 1..<9 {
            let payload = Array(Self.parameterSets[0].0[..<length])
            let descriptor = PayloadDescriptor.parse(codec: .h264, payload: payload)
            #expect(descriptor.size == nil && descriptor.isKeyframeStart)
        }
        for length in 1..<8 {
            let payload = [0x18] + Array(Self.sequenceHeaders[2].0[..<length])
            let descriptor = PayloadDescriptor.parse(codec: .av1, payload: payload)
            #expect(descriptor.size == nil && descriptor.isKeyframeStart)
        }
    }

    @Test("codes of any length and sizes beyond all measure are survived", arguments: [0x00, 0x01, 0x42, 0xff] as [UInt8])
    func hostile(byte: UInt8) {
        for length in 0..<64 {
            let bytes = [UInt8](repeating: byte, count: length)
            for profile: UInt8 in [0x42, 0x64] { _ = H264Descriptor.parse([0x67, profile, 0, 0x1f] + bytes) }
            _ = AV1Descriptor.parse([0x18, 0x08] + bytes)
            _ = AV1Descriptor.parse([0x18, 0x0e, 0x00, 0x80] + bytes)
        }
    }
}

@Suite("AV1 payloads")
struct AV1DescriptorTests {
    @Test(
        "where a coded video sequence starts",
        arguments: [
            ([0x18, 0x0a, 0x0b, 0x00], true, true),  // W 1, N: a sequence header alone
            ([0x28, 0x02, 0x0a, 0x0b, 0x32, 0x00], true, true),  // W 2, N: sequence header and frame
            ([0x08, 0x02, 0x0a, 0x0b, 0x02, 0x32, 0x00], true, true),  // W 0, N: every element has a length
            ([0x28, 0x01, 0x12, 0x0a, 0x0b], true, true),  // a temporal delimiter first
            ([0x18, 0x32, 0x00], false, true),  // N without a sequence header
            ([0x20, 0x02, 0x0a, 0x0b, 0x32, 0x00], false, true),  // a sequence header repeated mid-sequence
            ([0x10, 0x32, 0x00], false, true),  // a frame
            ([0x90, 0x32, 0x00], false, false),  // the rest of one
            ([0x10, 0x22, 0x00], false, false),  // a tile group
        ] as [([UInt8], Bool, Bool)])
    func keyframes(payload: [UInt8], isKeyframeStart: Bool, startsFrame: Bool) throws {
        let descriptor = try #require(AV1Descriptor.parse(payload))
        #expect(descriptor.isKeyframeStart == isKeyframeStart)
        #expect(descriptor.startsFrame == startsFrame)
    }

    @Test("bytes of a continued OBU are not taken for a header")
    func continued() throws {
        let payload: [UInt8] = [0x80 | 0x20, 0x01, 0x0a, 0x32, 0x00]
        let descriptor = try #require(AV1Descriptor.parse(payload))
        #expect(descriptor.hasSequenceHeader == false)
    }

    @Test(
        "empty and contradictory payloads are refused",
        arguments: [[], [0x10], [0x98, 0x0a], [0x00, 0x05, 0x0a], [0x00, 0xff], [0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]]
            as [[UInt8]])
    func refused(payload: [UInt8]) { #expect(AV1Descriptor.parse(payload) == nil) }
}

@Suite("Payload descriptors")
struct PayloadDescriptorTests {
    @Test("one face for all codecs")
    func faces() {
        let keyframe = [0x10] + VP8DescriptorTests.keyframe
        let vp8 = PayloadDescriptor.parse(codec: .vp8, payload: keyframe)
        #expect(vp8.isKeyframeStart && vp8.startsFrame && vp8.temporalID == 0)
        #expect(vp8.size?.width == 640 && vp8.size?.height == 480)
        let vp9 = PayloadDescriptor.parse(codec: .vp9, payload: [0xa8, 0x01, 0x53, 0x00, 0x00] as [UInt8])
        #expect(vp9.spatialID == 1 && vp9.temporalID == 2 && !vp9.isKeyframeStart)
        #expect(PayloadDescriptor.parse(codec: .h264, payload: [0x67, 0x42] as [UInt8]).isKeyframeStart)
        #expect(PayloadDescriptor.parse(codec: .av1, payload: [0x18, 0x0a, 0x0b] as [UInt8]).isKeyframeStart)
        #expect(PayloadDescriptor.parse(codec: .opus, payload: [0xfc] as [UInt8]) == .opaque)
        #expect(PayloadDescriptor.opaque.isKeyframeStart && PayloadDescriptor.opaque.startsFrame)
    }

    @Test("descriptors are stored with every packet, and stay within three words")
    func size() { #expect(MemoryLayout<PayloadDescriptor>.size <= 24) }

    @Test("nothing is a key frame in an empty or malformed payload", arguments: Codec.allCases)
    func emptyAndMalformed(codec: Codec) {
        #expect(PayloadDescriptor.parse(codec: codec, payload: [] as [UInt8]) == .empty)
        #expect(!PayloadDescriptor.empty.isKeyframeStart && !PayloadDescriptor.malformed.startsFrame)
        #expect(PayloadDescriptor.parse(codec: .vp8, payload: [0x80] as [UInt8]) == .malformed)
    }

    @Test("hostile payloads never trap", arguments: Codec.allCases)
    func hostile(codec: Codec) {
        let seeds: [[UInt8]] = [
            [0x90, 0xf0, 0x80, 0x01, 0x02, 0x03] + VP8DescriptorTests.keyframe,
            [0xfa, 0x81, 0x00, 0x00, 0x03, 0x02, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 2, 0x04, 0x01, 0x38, 0x01, 0x02],
            [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88], [0x7c, 0x85, 0x88],
            [0x08, 0x02, 0x0a, 0x0b, 0x02, 0x32, 0x00],
        ]
        withHostileInputs(seeds, count: 10_000, seed: UInt64(codec.rawValue)) { bytes in
            let descriptor = PayloadDescriptor.parse(codec: codec, payload: bytes)
            switch descriptor {
            case .vp8(let vp8): #expect(vp8.length <= bytes.count)
            case .vp9(let vp9): #expect(vp9.length <= bytes.count)
            default: break
            }
        }
    }
}
