import Forwarding
import MediaPrimitives
import RTP

/// One subscriber of two encodings, whose packets are what they like: steps of packets, of wishes, of requests to send again.
///
/// Each packet is a byte of flags (bits 0 and 1 its codec, 2 the encoding, 3 the marker, 4 whether it comes late by its number, 5 whether the
/// timestamp moves), a sequence number's step, and the lengths and bytes of descriptor and payload.
enum LayerHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        var scene = LayerScene()
        for _ in 0..<128 where !input.isAtEnd {
            let step = input.uint8()
            switch step & 7 {
            case 0...4:
                let flags = step >> 3 | input.uint8() << 5
                try scene.receive(&input, flags: flags)
            case 5:
                try scene.aim(
                    LayerTarget(
                        encoding: Int8(step >> 3 & 3) - 1, spatial: Int8(truncatingIfNeeded: input.uint8() & 7),
                        temporal: Int8(truncatingIfNeeded: step >> 5)))
            case 6: try scene.resend(input.uint16())
            default: scene.wait(Int64(input.uint8()))
            }
            try scene.checkDepartures()
        }
    }
}

private struct LayerScene: ~Copyable {
    private static let parameters: RTPParameters = {
        var map = HeaderExtensionMap()
        for kind in HeaderExtension.allCases { map[kind] = 1 + kind.rawValue }
        let codecs = [(Codec.vp8, 96), (.vp9, 98), (.h264, 102), (.av1, 45)] as [(Codec, UInt8)]
        return RTPParameters(
            mid: "v", kind: .video,
            codecs: codecs.map { CodecParameters(codec: $0.0, payloadType: $0.1, rtxPayloadType: $0.1 + 1, nack: true) }, extensions: map,
            streams: [.init(ssrc: SSRC(1), rtxSSRC: SSRC(2))])
    }()

    private let encodings = (0..<2).map { layer in
        let encoding = Encoding(layer: layer, rid: nil, parameters: LayerScene.parameters)
        encoding.bind(SSRC(UInt32(10 + layer)))
        return encoding
    }
    private let stream = SendStream(LayerScene.parameters, entropy: .seeded(1))
    private var queue = DepartureQueue(capacity: 64)
    private var sequences: [UInt16] = [65_530, 0]
    private var timestamps: [UInt32] = [0, 0]
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var numbers: [UInt16: Int] = [:]
    private var sent = 0
    private let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: DatagramBatch.slotSize, alignment: 16)

    init() { stream.leg.pointee.isReady = true }

    deinit { packet.deallocate() }

    mutating func aim(_ target: LayerTarget) throws(Finding) {
        _ = stream.leg.pointee.selector.aim(at: target, at: now)
        try join()
    }

    /// Begins with what has come since the wanted encoding's last keyframe, if it can.
    private mutating func join() throws(Finding) {
        let selector = stream.leg.pointee.selector
        guard let layer = selector.target, layer != selector.current, layer < encodings.count else { return }
        let encoding = encodings[layer]
        guard var replay = encoding.replay(at: now), queue.hasRoom(for: replay.packets, oneIn: 1) else { return }
        while let step = replay.next() {
            switch step {
            case .media(let media): try fanOut(media, encoding)
            case .padding(let sequence): if stream.leg.pointee.selector.current == layer { stream.leg.pointee.leaveOut(sequence) }
            }
        }
    }

    mutating func wait(_ milliseconds: Int64) {
        now = now + .milliseconds(milliseconds)
        _ = stream.leg.pointee.review(among: encodings.map { $0.state(at: now) }, at: now)
        _ = stream.leg.pointee.layerStatus(isLive: true)
    }

    mutating func receive(_ input: inout ByteInput, flags: UInt8) throws(Finding) {
        let layer = Int(flags >> 2 & 1)
        let step = UInt16(input.uint8() & 0x0f)
        if flags & 0x20 != 0 { timestamps[layer] &+= 3_000 }
        let number = flags & 0x10 != 0 ? sequences[layer] &- step : sequences[layer] &+ step
        if flags & 0x10 == 0 { sequences[layer] = number }
        let header = OutgoingHeader(
            payloadType: [96, 98, 102, 45][Int(flags & 3)], marker: flags & 8 != 0, sequenceNumber: SequenceNumber(number),
            timestamp: timestamps[layer], ssrc: SSRC(UInt32(10 + layer)))
        let bytes = ByteWriter.array(capacity: 64) { _ = header.write(into: &$0, HeaderExtensionMap()) } ?? []
        guard let parsed = RTPHeader.parse(bytes.span.bytes) else { throw Finding("a header does not parse") }
        let dependencies = input.take(Int(input.uint8()))
        let payload = input.take(Int(input.uint8()))
        let reception = encodings[layer].receive(
            parsed, HeaderExtensionValues(), payload: payload, descriptor: dependencies, at: now)
        switch reception {
        case .media(let media): try fanOut(media, encodings[layer])
        case .padding(let sequence): if stream.leg.pointee.selector.current == layer { stream.leg.pointee.leaveOut(sequence) }
        case .nothing, .invalid: break
        }
    }

    /// As a publication does.
    private mutating func fanOut(_ media: MediaPacket, _ encoding: Encoding) throws(Finding) {
        guard let shared = SharedPacket(media, in: encoding.ring) else { throw Finding("a packet is gone at once") }
        queue.keep(encoding.ring)
        let leg = stream.leg
        if leg.pointee.take(shared, transport: 0, into: &queue) { return }
        guard leg.pointee.selector.decide(layer: media.layer, isSwitchPoint: media.isSwitchPoint) == .switchHere else { return }
        stream.align(to: media, elapsed: nil)
        leg.pointee.epoch = media.epoch
        leg.pointee.forward(shared, transport: 0, into: &queue)
    }

    mutating func resend(_ sequence: UInt16) throws(Finding) {
        let known = numbers[sequence] != nil
        let encodings = encodings
        let isSent = stream.resend(sequence, at: now, ring: { $0 < 2 ? encodings[$0].ring : nil }, transport: 0, into: &queue)
        try expect(known || !isSent, "sent again what never was")
    }

    /// What leaves parses, and no number is given to two packets.
    mutating func checkDepartures() throws(Finding) {
        while let transport = queue.nextDestination() {
            while let ready = queue.take(transport, into: packet, room: 32, sendTime: 0, transportSequence: 0) {
                let bytes = UnsafeRawBufferPointer(rebasing: packet[..<ready.length])
                guard let header = RTPHeader.parse(bytes.bytes) else { throw Finding("what leaves does not parse") }
                let values = HeaderExtensionValues.parse(bytes.bytes, header, LayerScene.parameters.extensions)
                try expect(values.mid == ShortText("v"), "without its section's name")
                try expect(values.descriptorLength == 0 || values.descriptorLength > 2, "a descriptor that is none")
                guard header.ssrc == SSRC(1) else { continue }
                let number = header.sequenceNumber.rawValue
                // Numbers come around after 65,536.
                if let before = numbers[number] { try expect(sent - before > 30_000, "number \(number) twice") }
                numbers[number] = sent
                sent += 1
                try PlantedBug.check(bytes.bytes.uint32(at: header.payloadOffset + 6))
            }
        }
    }
}
