import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Redundant audio to subscribers")
struct RedundancyForwardingTests {
    private static let source = RTPParameters(
        mid: "a", kind: .audio,
        codecs: [CodecParameters(codec: .opus, payloadType: 111), CodecParameters(codec: .red, payloadType: 63, format: "111/111")],
        extensions: .all, streams: [.init(ssrc: SSRC(3_000))])

    private static func taking(opus: UInt8, red: UInt8?) -> RTPParameters {
        var parameters = source
        parameters.codecs = [CodecParameters(codec: .opus, payloadType: opus)]
        if let red { parameters.codecs.append(CodecParameters(codec: .red, payloadType: red, format: "\(opus)/\(opus)")) }
        return parameters
    }

    private let encoding = Encoding(layer: 0, rid: nil, parameters: source)

    /// What a subscriber is sent of packets with these payload types and payloads.
    private func forward(_ packets: [(UInt8, [UInt8])], to parameters: RTPParameters) -> (sent: [SentPacket], octets: UInt32) {
        encoding.bind(SSRC(1_000))
        let stream = SendStream(parameters, entropy: .seeded(1))
        var queue = DepartureQueue(capacity: 64)
        var isAligned = false
        for (index, (payloadType, payload)) in packets.enumerated() {
            let packet = SourcePacket(
                payloadType: payloadType, sequence: UInt16(100 + index), timestamp: UInt32(960 * index), audioLevel: 30, payload: payload)
            switch encoding.receive(packet, at: at(Int64(20 * index))) {
            case .media(let media):
                if !isAligned { stream.align(to: media, elapsed: nil) }
                isAligned = true
                stream.forward(media, from: encoding.ring, transport: 7, into: &queue)
            case .padding(let sequence): stream.leaveOut(sequence)
            case .nothing, .invalid, nil: break
            }
        }
        return (queue.takeAll(), stream.octetsSent)
    }

    private let frames: [[UInt8]] = [[0xfc, 1], [0xfc, 2, 2], [0xfc, 3, 3, 3]]
    private var packets: [(UInt8, [UInt8])] {
        frames.indices.map { index in
            let older = index == 0 ? [] : [(UInt32(960), frames[index - 1])]
            let payload = ByteWriter.array { _ = RedundantAudio.write(older: older, primary: frames[index], payloadType: 111, into: &$0) }
            return (63, payload ?? [])
        }
    }

    @Test("whoever has agreed to it gets it as it came")
    func whole() {
        let (sent, octets) = forward(packets, to: Self.taking(opus: 111, red: 62))
        #expect(sent.map(\.payload) == packets.map(\.1) && sent.allSatisfy { $0.header.payloadType == 62 && $0.values.audioLevel == 30 })
        #expect(Int(octets) == packets.reduce(0) { $0 + $1.1.count })
    }

    @Test("others get the new frames, and so does whoever has another payload type for Opus", arguments: [nil, 62] as [UInt8?])
    func primary(red: UInt8?) {
        let (sent, octets) = forward(packets, to: Self.taking(opus: 109, red: red))
        #expect(sent.map(\.payload) == frames && sent.allSatisfy { $0.header.payloadType == 109 && $0.values.audioLevel == 30 })
        #expect(Int(octets) == frames.reduce(0) { $0 + $1.count })
        #expect(zip(sent, sent.dropFirst()).allSatisfy { $1.sequence == $0.sequence &+ 1 })
    }

    @Test("plain packets between redundant ones go to everybody", arguments: [nil, 62] as [UInt8?])
    func mixed(red: UInt8?) {
        let (sent, _) = forward([packets[0], (111, [9, 9]), packets[2]], to: Self.taking(opus: 111, red: red))
        #expect(sent.map(\.header.payloadType) == (red == nil ? [111, 111, 111] : [62, 111, 62]))
        #expect(sent[1].payload == [9, 9])
    }

    @Test("what is malformed, of another codec or without a new frame is not sent, and an empty one leaves no hole")
    func refused() {
        let (sent, _) = forward(
            [packets[0], (63, [0xef, 0]), (63, [0x60, 1]), (63, [0x6f]), packets[2]], to: Self.taking(opus: 111, red: nil))
        #expect(sent.map(\.payload) == [frames[0], frames[2]])
        // Two numbers were sent under and are missing; the empty one moves up.
        #expect(sent[1].sequence == sent[0].sequence &+ 3)
    }
}
