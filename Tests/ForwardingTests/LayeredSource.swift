import Forwarding
import MediaPrimitives
import RTP
import Testing

/// How an encoding's pictures are made of layers, as browsers make them.
struct Scalability: Sendable, CustomTestStringConvertible {
    var codec: Codec
    var spatial = 1
    var temporal = 1
    /// Spatial layers refer to each other in key pictures only.
    var isKeyOnly = false
    /// The upper one of two temporal layers refers to itself, too, but for every fourth time.
    var isLinked = false
    /// Whether packets carry the dependency descriptor, and payloads that nothing can be read from.
    var isDescribed = false

    var testDescription: String {
        "\(codec) L\(spatial)T\(temporal)\(isKeyOnly ? "_KEY" : "")\(isLinked ? " linked" : "")\(isDescribed ? " with descriptors" : "")"
    }

    static let all: [Scalability] = [
        .init(codec: .vp8), .init(codec: .vp8, temporal: 2), .init(codec: .vp8, temporal: 3), .init(codec: .vp9, temporal: 3),
        .init(codec: .vp9, spatial: 2, temporal: 1), .init(codec: .vp9, spatial: 3, temporal: 3),
        .init(codec: .vp9, spatial: 3, temporal: 3, isKeyOnly: true), .init(codec: .vp9, spatial: 3, temporal: 3, isDescribed: true),
        .init(codec: .av1, temporal: 2, isDescribed: true), .init(codec: .av1, temporal: 3, isDescribed: true),
        .init(codec: .av1, spatial: 2, temporal: 2, isDescribed: true), .init(codec: .av1, spatial: 3, temporal: 3, isDescribed: true),
        .init(codec: .av1, spatial: 3, temporal: 3, isKeyOnly: true, isDescribed: true),
        .init(codec: .vp8, temporal: 2, isLinked: true), .init(codec: .vp9, temporal: 2, isLinked: true),
        .init(codec: .av1, temporal: 2, isLinked: true, isDescribed: true),
        .init(codec: .h264, temporal: 3, isDescribed: true), .init(codec: .vp8, temporal: 3, isDescribed: true),
    ]
}

/// One frame as its encoder made it: what it needs is known here, whatever its packets say.
struct SourceFrame {
    /// Counts the frames of all sources of a test.
    var id: Int
    var picture: Int
    var spatial: Int
    var temporal: Int
    var isKey: Bool
    /// The frames that it refers to.
    var references: [Int]
    var timestamp: UInt32
    var isLastOfPicture: Bool
    var packets = 1
}

/// An encoder with layers, and its packets.
final class LayeredSource {
    let shape: Scalability
    let layer: Int
    private(set) var frames: [SourceFrame] = []
    private(set) var sequence: UInt16
    private var timestamp: UInt32
    private var pictureID: UInt16
    private var tl0: UInt8 = 250
    private var keyIndex: UInt8 = 30
    private var frameNumber: UInt16 = 65_500
    private var picture = 0
    /// Pictures since the last key picture.
    private var distance = 0
    /// The last frame of each temporal layer in each spatial one, by 8 times the spatial and the temporal layer; its number in the descriptor, too.
    private var latest: [Int: (id: Int, number: UInt16)] = [:]

    init(_ shape: Scalability, layer: Int = 0, sequence: UInt16 = 65_000, timestamp: UInt32 = 0xffff_0000) {
        self.shape = shape
        self.layer = layer
        self.sequence = sequence
        self.timestamp = timestamp
        pictureID = UInt16(truncatingIfNeeded: 32_700 + layer * 1_000) & 0x7fff
    }

    struct Packet {
        var source: SourcePacket
        var descriptor: [UInt8] = []
        /// The frame's place in `frames`, and the packet's in the frame.
        var frame: Int
        var index: Int
    }

    /// The packets of the next picture. `id` gives each frame its number.
    func next(isKey: Bool, packets: Int, id: () -> Int) -> [Packet] {
        distance = isKey ? 0 : distance + 1
        let pattern = shape.temporal == 3 ? [0, 2, 1, 2] : shape.temporal == 2 ? [0, 1] : [0]
        let temporal = isKey ? 0 : pattern[distance % pattern.count]
        // The second picture of the upper layer refers to the middle one; the others to the base.
        let below = temporal == 2 && distance % 4 == 3 ? 1 : 0
        pictureID = (pictureID &+ 1) & 0x7fff
        if temporal == 0 { tl0 &+= 1 }
        if isKey { keyIndex = (keyIndex &+ 1) & 0x1f }
        timestamp &+= 3_000
        var made: [Packet] = []
        for spatial in 0..<shape.spatial {
            var references: [(id: Int, number: UInt16)] = []
            if !isKey, let before = latest[8 * spatial + below] { references.append(before) }
            if shape.isLinked, temporal == 1, distance % 8 != 1, let before = latest[8 * spatial + 1] { references.append(before) }
            if spatial > 0, isKey || !shape.isKeyOnly, let lower = latest[8 * (spatial - 1) + temporal] { references.append(lower) }
            let frame = SourceFrame(
                id: id(), picture: picture, spatial: spatial, temporal: temporal, isKey: isKey, references: references.map(\.id),
                timestamp: timestamp, isLastOfPicture: spatial == shape.spatial - 1, packets: packets)
            frames.append(frame)
            for index in 0..<packets {
                let isEnd = index == packets - 1
                var packet = Packet(
                    source: SourcePacket(
                        payloadType: payloadType, marker: isEnd && frame.isLastOfPicture, sequence: sequence, timestamp: timestamp,
                        payload: payload(frame, index: index) + stamp(frame, index)), frame: frames.count - 1, index: index)
                if shape.isDescribed {
                    packet.descriptor = descriptor(
                        frame, isStart: index == 0, isEnd: isEnd, differences: references.map { frameNumber &- $0.number })
                }
                made.append(packet)
                sequence &+= 1
            }
            latest[8 * spatial + temporal] = (frame.id, frameNumber)
            if isKey { for upper in 1..<8 { latest[8 * spatial + upper] = (frame.id, frameNumber) } }
            frameNumber &+= 1
        }
        picture += 1
        return made
    }

    /// A number that carries nothing.
    func padding() -> SourcePacket {
        defer { sequence &+= 1 }
        return SourcePacket(payloadType: payloadType, sequence: sequence, timestamp: timestamp, payload: [])
    }

    private var payloadType: UInt8 { [.vp8: 96, .vp9: 98, .h264: 102, .av1: 45][shape.codec] ?? 0 }

    /// Which frame and which packet of it, at the end of the payload.
    private func stamp(_ frame: SourceFrame, _ index: Int) -> [UInt8] {
        [0xee, UInt8(frame.id >> 16 & 255), UInt8(frame.id >> 8 & 255), UInt8(frame.id & 255), UInt8(index)]
    }

    private func payload(_ frame: SourceFrame, index: Int) -> [UInt8] {
        switch shape.codec {
        case .vp8:
            // The middle layer's first picture, and the upper one's before it, refer to the base alone.
            let isSync = frame.temporal > 0 && (shape.isLinked ? distance % 8 == 1 : distance % 4 != 3)
            var bytes = VP8.payload(
                pictureID: pictureID, tl0: tl0, keyIndex: keyIndex, isKey: frame.isKey, starts: index == 0, size: 0)
            bytes[5] |= UInt8(frame.temporal) << 6 | (isSync ? 0x20 : 0)
            return bytes
        case .vp9:
            let isInterLayer = frame.spatial > 0 && (frame.isKey || !shape.isKeyOnly)
            let isUnreferenced = frame.isLastOfPicture || !frame.isKey && shape.isKeyOnly
            // As Chromium does: refers to lower temporal layers only.
            let isSwitch = frame.temporal > 0 && (!shape.isLinked || distance % 8 == 1)
            let hasStructure = index == 0 && frame.isKey && frame.spatial == 0
            var flags: UInt8 = frame.isKey ? 0xa0 : 0xe0
            if index == 0 { flags |= 0x08 }
            if index == frame.packets - 1 { flags |= 0x04 }
            if hasStructure { flags |= 0x02 }
            if isUnreferenced { flags |= 0x01 }
            var layers = UInt8(frame.temporal) << 5 | UInt8(frame.spatial) << 1
            if isSwitch { layers |= 0x10 }
            if isInterLayer { layers |= 0x01 }
            let bytes = [flags, 0x80 | UInt8(pictureID >> 8), UInt8(pictureID & 255), layers, tl0]
            return hasStructure ? bytes + [UInt8(shape.spatial - 1) << 5] : bytes
        // Nothing that a parser could make sense of: what encryption leaves.
        case .h264, .av1, .opus, .red: return [0x9c, 0xe3, 0x07]
        }
    }

    // MARK: Dependency descriptors

    private func descriptor(_ frame: SourceFrame, isStart: Bool, isEnd: Bool, differences: [UInt16]) -> [UInt8] {
        var bits = BitString()
        bits.append(isStart ? 1 : 0, 1)
        bits.append(isEnd ? 1 : 0, 1)
        bits.append((shape.temporal * frame.spatial + frame.temporal + 60) & 63, 6)
        bits.append(Int(frameNumber), 16)
        let hasStructure = frame.isKey && frame.spatial == 0 && isStart
        bits.append(hasStructure ? 0b10110 : 0b00110, 5)
        if hasStructure { appendStructure(to: &bits) }
        for indication in indications(frame) { bits.append(indication, 2) }
        for difference in differences {
            let size = difference <= 16 ? 1 : difference <= 256 ? 2 : 3
            bits.append(size, 2)
            bits.append(Int(difference) - 1, 4 * size)
        }
        bits.append(0, 2)
        return bits.bytes
    }

    private func appendStructure(to bits: inout BitString) {
        let targets = shape.spatial * shape.temporal
        bits.append(60, 6)
        bits.append(targets - 1, 5)
        for spatial in 0..<shape.spatial {
            for temporal in 0..<shape.temporal {
                bits.append(temporal < shape.temporal - 1 ? 1 : spatial < shape.spatial - 1 ? 2 : 3, 2)
            }
        }
        for spatial in 0..<shape.spatial {
            for temporal in 0..<shape.temporal {
                let frame = SourceFrame(
                    id: 0, picture: 0, spatial: spatial, temporal: temporal, isKey: false, references: [], timestamp: 0,
                    isLastOfPicture: false)
                for indication in indications(frame) { bits.append(indication, 2) }
            }
        }
        for _ in 0..<targets { bits.append(0, 1) }
        // No chains: ns(targets + 1) of 0; no resolutions.
        let width = Int.bitWidth - (targets + 1).leadingZeroBitCount
        bits.append(0, width - 1)
        if 1 << width - (targets + 1) == 0 { bits.append(0, 1) }
        bits.append(0, 1)
    }

    /// As libwebrtc's structures have them: 0 not present, 1 discardable, 2 a switch, 3 required.
    private func indications(_ frame: SourceFrame) -> [Int] {
        (0..<shape.spatial).flatMap { spatial in
            (0..<shape.temporal).map { temporal in
                if frame.isKey { return frame.spatial <= spatial ? 2 : 0 }
                if frame.temporal > temporal || frame.spatial > spatial || shape.isKeyOnly && frame.spatial != spatial { return 0 }
                if frame.spatial < spatial { return 3 }
                if shape.isLinked, temporal == 1 { return distance % 8 == 0 && frame.temporal == 0 || distance % 8 == 1 ? 2 : 3 }
                return frame.temporal > 0 && frame.temporal == temporal ? 1 : 2
            }
        }
    }
}

/// Bits, the first the highest of its byte.
struct BitString {
    private(set) var bytes: [UInt8] = []
    private var used = 8

    mutating func append(_ value: Int, _ count: Int) {
        for shift in (0..<count).reversed() {
            if used == 8 {
                bytes.append(0)
                used = 0
            }
            bytes[bytes.count - 1] |= UInt8(value >> shift & 1) << UInt8(7 - used)
            used += 1
        }
    }
}
