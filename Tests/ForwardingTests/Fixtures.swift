import Forwarding
import MediaPrimitives
import RTP
import Testing

/// Milliseconds on the tests' clock.
func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

extension HeaderExtensionMap {
    /// mid, rid, repaired-rid, abs-send-time, transport-cc, audio level and dependency descriptor as 1 to 7.
    static let all: HeaderExtensionMap = {
        var map = HeaderExtensionMap()
        for (index, kind) in HeaderExtension.allCases.enumerated() { map[kind] = UInt8(index + 1) }
        return map
    }()
}

extension RTPParameters {
    /// VP8 as 96 with 97 for its retransmissions, H.264 as 102 and 103.
    static let video = RTPParameters(
        mid: "v", kind: .video,
        codecs: [
            CodecParameters(codec: .vp8, payloadType: 96, rtxPayloadType: 97, nack: true, pli: true),
            CodecParameters(codec: .h264, payloadType: 102, rtxPayloadType: 103, nack: true, pli: true),
        ], extensions: .all, streams: [Stream(ssrc: SSRC(1_000), rtxSSRC: SSRC(2_000))])

    /// Opus as 111, without NACK.
    static let audio = RTPParameters(
        mid: "a", kind: .audio, codecs: [CodecParameters(codec: .opus, payloadType: 111)], extensions: .all,
        streams: [Stream(ssrc: SSRC(3_000))])

    func with(rids: [String] = [], mid: String? = nil, streams: [Stream]? = nil) -> RTPParameters {
        var copy = self
        copy.rids = rids
        copy.mid = mid ?? copy.mid
        copy.streams = streams ?? copy.streams
        return copy
    }
}

/// One RTP packet in the clear, as a publisher sends it.
struct SourcePacket {
    var payloadType: UInt8 = 96
    var marker = false
    var sequence: UInt16
    var timestamp: UInt32 = 0
    var ssrc = SSRC(1_000)
    var audioLevel: UInt8?
    var payload: [UInt8] = [0x10, 0x01]

    var bytes: [UInt8] {
        ByteWriter.array(capacity: 2_000) { writer in
            var header = OutgoingHeader(
                payloadType: payloadType, marker: marker, sequenceNumber: SequenceNumber(sequence), timestamp: timestamp, ssrc: ssrc)
            header.audioLevel = audioLevel
            _ = header.write(into: &writer, .all)
            writer.bytes(payload)
        } ?? []
    }
}

extension Encoding {
    /// Receives `packet` as the media stream's, or as the retransmission stream's.
    func receive(_ packet: SourcePacket, asRetransmission: Bool = false, at now: Instant) -> Reception? {
        let bytes = packet.bytes
        guard let header = RTPHeader.parse(bytes.span.bytes) else { return nil }
        let values = HeaderExtensionValues.parse(bytes.span.bytes, header, .all)
        return bytes.withUnsafeBytes { buffer in
            let payload = UnsafeRawBufferPointer(rebasing: buffer[header.payloadOffset..<(header.payloadOffset + header.payloadLength)])
            return asRetransmission
                ? receive(retransmission: header, values, payload: payload, at: now) : receive(header, values, payload: payload, at: now)
        }
    }

    /// The same, where it must be new media.
    func media(_ packet: SourcePacket, asRetransmission: Bool = false, at now: Instant) -> MediaPacket? {
        if case .media(let media) = receive(packet, asRetransmission: asRetransmission, at: now) { media } else { nil }
    }
}

extension Encoding.Reception {
    /// The case's name, for comparisons.
    var kind: String {
        switch self {
        case .media: "media"
        case .padding: "padding"
        case .nothing: "nothing"
        case .invalid: "invalid"
        }
    }
}

/// VP8 payloads (RFC 7741 §4.2) with all fields.
enum VP8 {
    static func payload(
        pictureID: UInt16?, isLong: Bool = true, tl0: UInt8 = 0, keyIndex: UInt8 = 0, isKey: Bool = false, starts: Bool = true,
        size: Int = 20
    )
        -> [UInt8]
    {
        var bytes: [UInt8] = [starts ? 0x90 : 0x80, (pictureID == nil ? 0 : 0x80) | 0x70]
        if let pictureID {
            if isLong {
                bytes += [0x80 | UInt8(pictureID >> 8 & 0x7f), UInt8(pictureID & 0xff)]
            } else {
                bytes += [UInt8(pictureID & 0x7f)]
            }
        }
        bytes += [tl0, keyIndex & 0x1f]
        // Key frame tag, start code, 640 by 360.
        if starts { bytes += isKey ? [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01] : [0x11] }
        return bytes + [UInt8](repeating: 0xab, count: size)
    }
}

/// One packet as it left for a subscriber.
struct SentPacket {
    var transport: Int
    var kind: PacketKind
    var header: RTPHeader
    var values: HeaderExtensionValues
    var payload: [UInt8]
    /// The dependency descriptor; empty where there is none.
    var descriptor: [UInt8]
    var sequence: UInt16 { header.sequenceNumber.rawValue }
    var vp8: VP8Descriptor? { VP8Descriptor.parse(payload.span.bytes) }
}

extension DepartureQueue {
    /// Everything that waits, parsed as the receiver would.
    mutating func takeAll(_ map: HeaderExtensionMap = .all) -> [SentPacket] {
        var packets: [SentPacket] = []
        take { transport, kind, bytes in
            guard let parsed = RTPHeader.parse(bytes.span.bytes) else { return }
            let values = HeaderExtensionValues.parse(bytes.span.bytes, parsed, map)
            packets.append(
                SentPacket(
                    transport: transport, kind: kind, header: parsed, values: values, payload: Array(bytes[parsed.payloadOffset...]),
                    descriptor: bytes.withUnsafeBytes { Array(values.descriptor(of: $0)) }))
        }
        return packets
    }

    /// Hands what waits to `body`, as it leaves, until all is gone or as many as `budget`.
    mutating func take(_ budget: Int = .max, _ body: (Int, PacketKind, [UInt8]) -> Void) {
        var budget = budget
        let packet = UnsafeMutableRawBufferPointer.allocate(byteCount: DatagramBatch.slotSize, alignment: 16)
        defer { packet.deallocate() }
        while let transport = nextDestination() {
            while budget > 0, let ready = take(transport, into: packet, room: 32, sendTime: 0, transportSequence: 0) {
                budget -= 1
                body(transport, ready.kind, Array(packet[..<ready.length]))
            }
            if budget == 0 { return }
        }
    }
}

extension SendStream {
    /// As the fan-out forwards a packet to one of many.
    func forward(_ packet: MediaPacket, from ring: PayloadRing, transport: Int, into queue: inout DepartureQueue) {
        guard let shared = SharedPacket(packet, in: ring) else { return }
        queue.keep(ring)
        leg.pointee.forward(shared, transport: Int32(transport), into: &queue)
    }

    func leaveOut(_ sequence: Int64) { leg.pointee.leaveOut(sequence) }
}

/// As `#expect`, for conditions that change what they ask: the macro cannot capture those.
func check(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) { #expect(condition, sourceLocation: sourceLocation) }
