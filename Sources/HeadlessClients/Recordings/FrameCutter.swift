import MediaPrimitives
import RTP

/// Cuts coded frames into RTP payloads, those of VP8 and VP9 without their descriptors.
struct FrameCutter {
    struct Cut {
        var isKeyframe: Bool
        var payloads: [[UInt8]]
    }

    private let codec: Codec
    private var h264 = H264Cutter()

    init(_ codec: Codec) { self.codec = codec }

    /// Nil for what is no frame of the codec.
    mutating func cut(_ frame: [UInt8]) -> Cut? {
        switch codec {
        case .vp8: FrameCutter.isKeyframe(vp8: frame).map { Cut(isKeyframe: $0, payloads: FrameCutter.slices(frame)) }
        case .vp9: FrameCutter.isKeyframe(vp9: frame).map { Cut(isKeyframe: $0, payloads: FrameCutter.slices(frame)) }
        case .h264: h264.cut(frame)
        case .av1: AV1Cutter.cut(frame)
        case .opus, .red: nil
        }
    }

    /// Room for the longest descriptor that is written (RFC 9628 §4.2, with a structure of one layer).
    private static let descriptorLength = 8

    private static func slices(_ frame: [UInt8]) -> [[UInt8]] {
        RecordedPacket.parts(of: 0..<frame.count, limit: RecordedPacket.longestPayload - descriptorLength).map { Array(frame[$0]) }
    }

    /// RFC 6386 §9.1: the lowest bit is clear, and a start code follows the tag.
    private static func isKeyframe(vp8 frame: [UInt8]) -> Bool? {
        let bytes = frame.span.bytes
        guard let first = bytes.uint8(at: 0), bytes.byteCount >= 3 else { return nil }
        guard first & 1 == 0 else { return false }
        return bytes.uint24(at: 3) == 0x9d_012a && bytes.byteCount >= 10 ? true : nil
    }

    /// VP9 bitstream specification §6.2, profile 0: the marker 2, two bits of profile, show_existing_frame, frame_type (0: key); a key frame goes
    /// on with a sync code. Of a superframe this is the first frame.
    private static func isKeyframe(vp9 frame: [UInt8]) -> Bool? {
        let bytes = frame.span.bytes
        guard let first = bytes.uint8(at: 0), first & 0xf0 == 0x80 else { return nil }
        guard first & 0x0c == 0 else { return false }
        return bytes.uint24(at: 1) == 0x49_8342 ? true : nil
    }
}

/// H.264 by RFC 6184 in packetization mode 1: small NAL units together in a STAP-A (§5.7.1), large ones in FU-A fragments (§5.8).
struct H264Cutter {
    // A keyframe that came without parameter sets is sent with those of before: whoever joins there has no others.
    private var sequenceSet: [UInt8]?
    private var pictureSet: [UInt8]?

    private static let limit = RecordedPacket.longestPayload

    mutating func cut(_ frame: [UInt8]) -> FrameCutter.Cut? {
        var units = H264Cutter.units(frame)
        guard !units.isEmpty, units.allSatisfy({ $0[0] & 0x80 == 0 && (1...23).contains($0[0] & 0x1f) }) else { return nil }
        let isKeyframe = units.contains { $0[0] & 0x1f == 5 }
        let sets = (units.first { $0[0] & 0x1f == 7 }, units.first { $0[0] & 0x1f == 8 })
        sequenceSet = sets.0 ?? sequenceSet
        pictureSet = sets.1 ?? pictureSet
        if isKeyframe {
            guard let sequenceSet, let pictureSet else { return nil }
            if sets.0 == nil || sets.1 == nil {
                units = [sequenceSet, pictureSet] + units.filter { $0[0] & 0x1f != 7 && $0[0] & 0x1f != 8 }
            }
        }
        return FrameCutter.Cut(isKeyframe: isKeyframe, payloads: H264Cutter.payloads(units))
    }

    /// The NAL units of a byte stream (H.264 annex B): between start codes of three bytes, without the zeros before the next.
    private static func units(_ frame: [UInt8]) -> [[UInt8]] {
        var units: [[UInt8]] = []
        var start: Int?
        var at = 0
        func end(_ limit: Int) {
            guard let start else { return }
            var limit = limit
            while limit > start, frame[limit - 1] == 0 { limit -= 1 }
            if limit > start { units.append(Array(frame[start..<limit])) }
        }
        while at + 2 < frame.count {
            if frame[at + 2] > 1 {
                at += 3
            } else if frame[at] == 0, frame[at + 1] == 0, frame[at + 2] == 1 {
                end(at)
                at += 3
                start = at
            } else {
                at += 1
            }
        }
        end(frame.count)
        return units
    }

    private static func payloads(_ units: [[UInt8]]) -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        var together: [[UInt8]] = []
        func flush() {
            if together.count > 1 { payloads.append(aggregate(together)) } else { payloads += together }
            together = []
        }
        for unit in units {
            let length = together.reduce(1) { $0 + 2 + $1.count }
            if length + 2 + unit.count > limit { flush() }
            if unit.count > limit { payloads += fragments(unit) } else { together.append(unit) }
        }
        flush()
        return payloads
    }

    private static func aggregate(_ units: [[UInt8]]) -> [UInt8] {
        var payload = [24 | (units.map { $0[0] & 0x60 }.max() ?? 0)]
        for unit in units { payload += [UInt8(unit.count >> 8), UInt8(truncatingIfNeeded: unit.count)] + unit }
        return payload
    }

    private static func fragments(_ unit: [UInt8]) -> [[UInt8]] {
        let parts = RecordedPacket.parts(of: 1..<unit.count, limit: limit - 2)
        return parts.enumerated().map { index, part in
            let edges: UInt8 = (index == 0 ? 0x80 : 0) | (index == parts.count - 1 ? 0x40 : 0)
            return [unit[0] & 0x60 | 28, edges | unit[0] & 0x1f] + unit[part]
        }
    }
}

/// AV1 by "RTP Payload Format For AV1": the OBUs of a temporal unit without their sizes, as many in a packet as there is room for.
enum AV1Cutter {
    private static let limit = RecordedPacket.longestPayload
    /// A fragment shorter than this begins in the next packet.
    private static let shortestFragment = 16

    static func cut(_ unit: [UInt8]) -> FrameCutter.Cut? {
        guard let elements = elements(unit), !elements.isEmpty else { return nil }
        let isKeyframe = isKeyframe(elements)
        var payloads: [[UInt8]] = []
        var packet = Packet(startsSequence: isKeyframe)
        for element in elements {
            var rest = element[...]
            while !rest.isEmpty {
                // Two bytes of length, should another one follow.
                let room = limit - packet.length - 2
                if room < min(rest.count, shortestFragment) {
                    payloads.append(packet.payload(isContinued: rest.startIndex > 0))
                    packet = Packet(continues: rest.startIndex > 0)
                    continue
                }
                packet.add(rest.prefix(room))
                rest = rest.dropFirst(room)
            }
        }
        payloads.append(packet.payload(isContinued: false))
        return FrameCutter.Cut(isKeyframe: isKeyframe, payloads: payloads)
    }

    /// The OBUs without their sizes; delimiters, tile lists and padding are left out (§4.4, §5). Nil for what is no temporal unit.
    private static func elements(_ unit: [UInt8]) -> [[UInt8]]? {
        var elements: [[UInt8]] = []
        var at = 0
        while at < unit.count {
            let header = unit[at]
            guard header & 0x80 == 0 else { return nil }
            let headerLength = header & 0x04 == 0 ? 1 : 2
            var body = at + headerLength
            var size = unit.count - body
            if header & 0x02 != 0 {
                guard let written = length(unit, at: body) else { return nil }
                body += written.bytes
                size = written.value
            }
            guard size >= 0, size <= unit.count - body else { return nil }
            if ![2, 8, 15].contains(header >> 3 & 0x0f) {
                elements.append([header & ~0x02] + unit[(at + 1)..<(at + headerLength)] + unit[body..<(body + size)])
            }
            at = body + size
        }
        return elements
    }

    /// leb128() (AV1 specification §4.10.5).
    private static func length(_ unit: [UInt8], at: Int) -> (value: Int, bytes: Int)? {
        var value = 0
        for index in 0..<5 where at + index < unit.count {
            value |= Int(unit[at + index] & 0x7f) << (7 * index)
            if unit[at + index] & 0x80 == 0 { return (value, index + 1) }
        }
        return nil
    }

    /// A sequence header, and a frame that is not shown again, has type 0 (KEY_FRAME) and is shown (AV1 specification §5.9.2).
    private static func isKeyframe(_ elements: [[UInt8]]) -> Bool {
        guard elements.contains(where: { $0[0] >> 3 == 1 }), let frame = elements.first(where: { [3, 6].contains($0[0] >> 3) }) else {
            return false
        }
        let body = frame[0] & 0x04 == 0 ? 1 : 2
        return body < frame.count && frame[body] & 0xf0 == 0x10
    }

    /// A payload that is being filled.
    private struct Packet {
        var continues = false
        var startsSequence = false
        var elements: [ArraySlice<UInt8>] = []
        /// With a length of two bytes before each.
        var length = 1

        mutating func add(_ element: ArraySlice<UInt8>) {
            elements.append(element)
            length += 2 + element.count
        }

        /// The aggregation header (§4.4): Z, Y, W and N; W counts up to three elements, of which the last has no length.
        func payload(isContinued: Bool) -> [UInt8] {
            let count = elements.count <= 3 ? elements.count : 0
            var payload = [(continues ? 0x80 : 0) | (isContinued ? 0x40 : 0) | UInt8(count) << 4 | (startsSequence ? 0x08 : 0)]
            for (index, element) in elements.enumerated() {
                if count == 0 || index < count - 1 {
                    if element.count < 0x80 {
                        payload.append(UInt8(element.count))
                    } else {
                        payload += [0x80 | UInt8(element.count & 0x7f), UInt8(element.count >> 7)]
                    }
                }
                payload += element
            }
            return payload
        }
    }
}
