import Forwarding
import MediaPrimitives
import RTP
import Testing

extension RTPParameters {
    /// All codecs: VP8 as 96, VP9 as 98, H.264 as 102, AV1 as 45; each one's retransmissions have the next number.
    static let layered = RTPParameters(
        mid: "v", kind: .video,
        codecs: [(Codec.vp8, 96), (.vp9, 98), (.h264, 102), (.av1, 45)].map {
            CodecParameters(codec: $0.0, payloadType: $0.1, rtxPayloadType: $0.1 + 1, nack: true, pli: true)
        }, extensions: .all, streams: [Stream(ssrc: SSRC(1_000), rtxSSRC: SSRC(2_000))])
}

/// A publication with layers and one who watches it, as `Publication` feeds its subscriptions; and what a decoder would find.
final class LayeredViewer {
    let sources: [LayeredSource]
    let encodings: [Encoding]
    let stream: SendStream
    private var queue = DepartureQueue(capacity: 4_096)
    private let extensions: HeaderExtensionMap
    private(set) var packets: [Received] = []
    private var lastSequence: Int64?
    private var ids = 0
    /// Where a number was left open on purpose, and where the first packet of a source lies.
    private(set) var switches: [Int64] = []
    /// Packets of the sources that came, by frame and index.
    private var arrived: Set<Int> = []
    var now = at(0)

    /// One packet as it came out.
    struct Received {
        var sequence: Int64
        var packet: SentPacket
        var descriptor: [UInt8]
        /// The frame's id and the packet's place in it; nil for an empty packet.
        var stamp: (frame: Int, index: Int)?
    }

    init(_ sources: [LayeredSource], sending: RTPParameters = .layered, seed: UInt64 = 1) {
        self.sources = sources
        extensions = sending.extensions
        encodings = sources.map { source in
            let encoding = Encoding(layer: source.layer, rid: nil, parameters: .layered)
            encoding.bind(SSRC(UInt32(1_000 + source.layer)))
            return encoding
        }
        stream = SendStream(sending, entropy: .seeded(seed))
        stream.leg.pointee.isReady = true
    }

    var selector: LayerSelector { stream.leg.pointee.selector }
    var frames: [Int: SourceFrame] { Dictionary(uniqueKeysWithValues: sources.flatMap(\.frames).map { ($0.id, $0) }) }

    func aim(_ encoding: Int8, spatial: Int8 = LayerTarget.highest, temporal: Int8 = LayerTarget.highest) {
        _ = stream.leg.pointee.selector.aim(at: LayerTarget(encoding: encoding, spatial: spatial, temporal: temporal), at: now)
    }

    func picture(of source: Int, isKey: Bool = false, packets: Int = 2) -> [LayeredSource.Packet] {
        sources[source].next(isKey: isKey, packets: packets) {
            ids += 1
            return ids
        }
    }

    /// A picture comes as it left.
    func play(_ source: Int = 0, isKey: Bool = false, packets: Int = 2) {
        for packet in picture(of: source, isKey: isKey, packets: packets) { receive(packet, from: source) }
    }

    func receive(_ packet: LayeredSource.Packet, from source: Int) {
        let frame = sources[source].frames[packet.frame]
        // What comes behind a keyframe that it belongs before is not taken.
        if receive(packet.source, descriptor: packet.descriptor, from: source) { arrived.insert(frame.id << 8 | packet.index) }
    }

    /// Whether it was new media.
    @discardableResult
    func receive(_ packet: SourcePacket, descriptor: [UInt8] = [], from source: Int) -> Bool {
        let encoding = encodings[source]
        let reception = encoding.receive(packet, descriptor: descriptor, at: now)
        switch reception {
        case .media(let media): fanOut(media, encoding)
        case .padding(let sequence):
            if selector.current == source { stream.leaveOut(sequence) }
        case .nothing, .invalid, nil: break
        }
        for sent in queue.takeAll(extensions) { note(sent) }
        if case .media = reception { return true }
        return false
    }

    private func fanOut(_ media: MediaPacket, _ encoding: Encoding) {
        guard let shared = SharedPacket(media, in: encoding.ring) else { return }
        queue.keep(encoding.ring)
        let leg = stream.leg
        if leg.pointee.take(shared, transport: 7, into: &queue) { return }
        guard leg.pointee.selector.decide(layer: media.layer, isSwitchPoint: media.isSwitchPoint) == .switchHere else { return }
        stream.align(to: media, elapsed: nil)
        leg.pointee.epoch = media.epoch
        switches.append(lastSequence ?? -1)
        leg.pointee.forward(shared, transport: 7, into: &queue)
    }

    /// Begins with what has come of `source` from its newest keyframe on; false where it cannot.
    func join(_ source: Int = 0) -> Bool {
        guard var replay = encodings[source].replay(at: now) else { return false }
        queue.keep(encodings[source].ring)
        while let step = replay.next() {
            switch step {
            case .media(let media): fanOut(media, encodings[source])
            case .padding(let sequence): stream.leaveOut(sequence)
            }
        }
        for sent in queue.takeAll(extensions) { note(sent) }
        return true
    }

    private func note(_ sent: SentPacket) {
        let step = lastSequence.map { Int64(Int16(bitPattern: sent.sequence &- UInt16(truncatingIfNeeded: $0))) }
        let sequence = (lastSequence ?? Int64(sent.sequence)) + (step ?? 0)
        lastSequence = max(lastSequence ?? sequence, sequence)
        packets.append(Received(sequence: sequence, packet: sent, descriptor: sent.descriptor, stamp: stamp(sent.payload)))
    }

    private func stamp(_ payload: [UInt8]) -> (frame: Int, index: Int)? {
        guard payload.count >= 5, payload[payload.count - 5] == 0xee else { return nil }
        let bytes = payload.suffix(4).map { Int($0) }
        return (bytes[0] << 16 | bytes[1] << 8 | bytes[2], bytes[3])
    }

    /// Asks again for what went out as `sequence`.
    func resend(_ sequence: UInt16) -> SentPacket? {
        _ = stream.resend(
            sequence, at: now, ring: { $0 < encodings.count ? encodings[$0].ring : nil }, transport: 7, into: &queue)
        return queue.takeAll(extensions).last
    }

    /// In the order of sequence numbers.
    var ordered: [Received] { packets.sorted { $0.sequence < $1.sequence } }

    /// The layers that came out of the pictures from `picture` on.
    func layers(of source: Int = 0, from picture: Int) -> Set<[Int]> {
        let frames = frames
        let own = Set(sources[source].frames.map(\.id))
        return Set(
            packets.compactMap { $0.stamp.flatMap { own.contains($0.frame) ? frames[$0.frame] : nil } }.filter { $0.picture >= picture }
                .map { [$0.spatial, $0.temporal] })
    }

    /// Of a frame, which packets have come from the source.
    func hasArrived(_ frame: Int, _ index: Int) -> Bool { arrived.contains(frame << 8 | index) }
}

extension Encoding {
    func receive(_ packet: SourcePacket, descriptor: [UInt8], at now: Instant) -> Reception? {
        let bytes = packet.bytes
        guard let header = RTPHeader.parse(bytes.span.bytes) else { return nil }
        let values = HeaderExtensionValues.parse(bytes.span.bytes, header, .all)
        return bytes.withUnsafeBytes { buffer in
            let payload = UnsafeRawBufferPointer(rebasing: buffer[header.payloadOffset..<(header.payloadOffset + header.payloadLength)])
            return descriptor.withUnsafeBytes { receive(header, values, payload: payload, descriptor: $0, at: now) }
        }
    }
}
