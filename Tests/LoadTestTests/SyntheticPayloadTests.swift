import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import Testing

@Suite("Synthetic payloads")
struct SyntheticPayloadTests {
    /// What a shape's first pictures are made of: the first a keyframe.
    private func pictures(_ shape: VideoShape, count: Int = 9) -> [[(payload: [UInt8], stamp: PayloadStamp)]] {
        (0..<count).map { number in
            let picture = SyntheticPicture(shape, frame: UInt32(number), isKeyframe: number == 0)
            return (0..<picture.count).map { index in
                let stamp = PayloadStamp(
                    source: 7, layer: 0, isKeyframe: number == 0, frame: UInt32(number), index: index, count: picture.count,
                    ordinal: UInt32(number), captured: Instant(nanoseconds: Int64(number)))
                return (stamp.payload(of: picture), stamp)
            }
        }
    }

    private func shape(_ codec: Codec, _ width: UInt16 = 1_280, _ height: UInt16 = 720) -> VideoShape {
        var shape = VideoShape(width: width, height: height, packetsPerFrame: 4)
        shape.codec = codec
        return shape
    }

    @Test("a forwarder reads from them what it reads from real ones", arguments: [Codec.vp8, .vp9, .h264, .av1])
    func descriptors(codec: Codec) throws {
        for (number, packets) in pictures(shape(codec)).enumerated() {
            #expect(packets.count == (number == 0 ? 8 : 4))
            for (index, packet) in packets.enumerated() {
                let descriptor = PayloadDescriptor.parse(codec: codec, payload: packet.payload.span.bytes)
                #expect(descriptor != .malformed)
                #expect(descriptor.isKeyframeStart == (number == 0 && index == 0))
                #expect(descriptor.startsFrame == (index == 0))
                if number == 0, index == 0 {
                    let size = try #require(descriptor.size)
                    #expect(size.width == 1_280 && size.height == 720)
                }
                #expect(packet.payload.count == 800)
            }
        }
    }

    @Test("they say what they are, and a changed byte is noticed", arguments: [Codec.vp8, .vp9, .h264, .av1])
    func stamps(codec: Codec) {
        for packet in pictures(shape(codec)).joined() {
            #expect(PayloadStamp.parse(codec, packet.payload.span.bytes) == packet.stamp)
            var changed = packet.payload
            changed[changed.count - 1] ^= 0x55
            #expect(PayloadStamp.parse(codec, changed.span.bytes) == nil)
            let cut = Array(packet.payload.prefix(10))
            #expect(PayloadStamp.parse(codec, cut.span.bytes) == nil)
        }
    }

    @Test("VP9 layers are whole frames in order, each above referring to the one below, or in keyframes only", arguments: [false, true])
    func spatialLayers(isKeySVC: Bool) throws {
        var shape = shape(.vp9)
        shape.isKeySVC = isKeySVC
        shape.spatialLayers = 3
        shape.temporalLayers = 3
        var temporal: [UInt8] = []
        for (number, packets) in pictures(shape).enumerated() {
            let descriptors = try packets.map { packet in
                let parsed = VP9Descriptor.parse(packet.payload.span.bytes)
                return try #require(parsed)
            }
            #expect(descriptors.filter(\.startsFrame).map(\.spatialID) == [0, 1, 2])
            #expect(descriptors.filter(\.endsFrame).map(\.spatialID) == [0, 1, 2])
            #expect(descriptors.map(\.spatialID) == descriptors.map(\.spatialID).sorted())
            #expect(descriptors.allSatisfy { $0.isInterLayerPredicted == ($0.spatialID > 0 && (number == 0 || !isKeySVC)) })
            #expect(descriptors.allSatisfy { $0.isNotReferencedByUpperLayers == ($0.spatialID == 2 || isKeySVC && number > 0) })
            #expect(Set(descriptors.map(\.pictureID)).count == 1)
            #expect(descriptors[0].spatialLayerCount == (number == 0 ? 3 : 0))
            temporal.append(descriptors[0].temporalID)
        }
        #expect(temporal == [0, 2, 1, 2, 0, 2, 1, 2, 0])
    }

    @Test("a microphone that is silent sends one packet in 400 ms, and marks the first when it speaks again")
    func silence() throws {
        let entropy = Entropy.seeded(1)
        let start = Instant(nanoseconds: 0)
        let stream = PublishedStream(
            codec: CodecParameters(codec: .opus, payloadType: 111), mid: "0", rid: nil, firstSequence: 0, firstTimestamp: 0,
            clockSkew: .zero,
            wallClock: WallClock(instant: start, unixNanoseconds: 0), origin: start, entropy: entropy)
        let microphone = AudioSource(stream: stream, source: 1, at: start)
        let batch = DatagramBatch(capacity: 8)
        let transport = try LoneTransport.make()
        func run(_ milliseconds: Range<Int64>) -> UInt32 {
            let before = stream.packets
            for at in stride(from: milliseconds.lowerBound, to: milliseconds.upperBound, by: 20) {
                microphone.handleTimeout(at: start + .milliseconds(at), over: transport, into: batch)
            }
            return stream.packets - before
        }
        #expect(run(0..<1_000) == 50)
        microphone.isSilent = true
        #expect(run(1_000..<3_000) == 5)
        microphone.isSilent = false
        #expect(run(3_000..<3_200) == 10)
    }
}
