import MediaPrimitives
import RTP

/// What the packets of one synthetic picture have in common.
package struct SyntheticPicture {
    var shape: VideoShape
    /// Of packets.
    package var count: Int
    var isKeyframe: Bool
    var pictureID: UInt16
    var tl0PicIdx: UInt8
    var keyIndex: UInt8
    var temporalID: UInt8

    /// The `frame`-th picture of a source whose keyframe was the first.
    package init(_ shape: VideoShape, frame: UInt32, isKeyframe: Bool) {
        self.init(
            shape, isKeyframe: isKeyframe, pictureID: UInt16(truncatingIfNeeded: frame) & 0x7fff,
            tl0PicIdx: UInt8(truncatingIfNeeded: frame),
            keyIndex: 1, temporalID: isKeyframe ? 0 : shape.temporalID(of: frame))
    }

    init(_ shape: VideoShape, isKeyframe: Bool, pictureID: UInt16, tl0PicIdx: UInt8, keyIndex: UInt8, temporalID: UInt8) {
        self.shape = shape
        count = max(isKeyframe ? shape.packetsPerKeyframe : shape.packetsPerFrame, shape.spatialLayers)
        self.isKeyframe = isKeyframe
        self.pictureID = pictureID
        self.tl0PicIdx = tl0PicIdx
        self.keyIndex = keyIndex
        self.temporalID = temporalID
    }
}

// Payloads whose structure is that of real ones, as far as a forwarder looks; what would be coefficients is the stamp and filling.
extension PayloadStamp {
    package func payload(of picture: SyntheticPicture) -> [UInt8] {
        switch picture.shape.codec {
        case .opus, .red: opus(length: picture.shape.packetLength)
        case .vp8:
            vp8(
                pictureID: picture.pictureID, tl0PicIdx: picture.tl0PicIdx, temporalID: picture.temporalID, keyIndex: picture.keyIndex,
                width: picture.shape.width, height: picture.shape.height, length: picture.shape.packetLength)
        case .h264: h264(picture)
        case .vp9: vp9(picture)
        case .av1: av1(picture)
        }
    }

    // MARK: H264 (RFC 6184)

    /// A slice in each packet: a single NAL unit (§5.6), or at a keyframe's start an aggregate of parameter sets and the first slice (§5.7.1).
    private func h264(_ picture: SyntheticPicture) -> [UInt8] {
        let length = picture.shape.packetLength
        return ByteWriter.array { writer in
            if index == 0, isKeyframe {
                writer.uint8(0x78)
                for unit in [PayloadStamp.sequenceParameterSet(picture.shape), [0x68, 0xce, 0x3c, 0x80]] {
                    writer.uint16(UInt16(unit.count))
                    writer.bytes(unit)
                }
                writer.uint16(UInt16(truncatingIfNeeded: max(length - writer.count - 2, PayloadStamp.length + 2)))
            }
            writer.uint8(isKeyframe ? 0x65 : 0x41)
            // first_mb_in_slice: 0, or another.
            writer.uint8(index == 0 ? 0x88 : 0x44)
            write(into: &writer)
            fill(&writer, upTo: length)
        } ?? []
    }

    static func parse(h264 payload: RawSpan) -> PayloadStamp? {
        guard let descriptor = H264Descriptor.parse(payload), let first = payload.uint8(at: 0) else { return nil }
        var unit = 0
        if first & 0x1f == 24 {
            // The last of the aggregate.
            unit = 1
            while let size = payload.uint16(at: unit), unit + 2 + Int(size) < payload.byteCount { unit += 2 + Int(size) }
            unit += 2
        }
        return checked(payload, at: unit + 2, isKeyframeStart: descriptor.isKeyframeStart)
    }

    /// As x264 writes it, for the sizes of the usual rungs.
    private static func sequenceParameterSet(_ shape: VideoShape) -> [UInt8] {
        switch shape.width {
        case ...320: [0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x78, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc5, 0x0a, 0xa8]
        case ...640: [0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x84, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xf2, 0x3c, 0x58, 0xba, 0x80]
        default: [0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 0x23, 0xc6, 0x0c, 0xa8]
        }
    }

    // MARK: VP9 (RFC 9628)

    /// Non-flexible mode with layer indices; the structure stands at a keyframe's start. Each spatial layer of a picture is a frame.
    private func vp9(_ picture: SyntheticPicture) -> [UInt8] {
        let shape = picture.shape
        let (spatialID, starts, ends) = shape.layer(of: Int(index), among: Int(count))
        let isPredicted = spatialID > 0 && (isKeyframe || !shape.isKeySVC)
        let isTop = Int(spatialID) == shape.spatialLayers - 1
        let hasStructure = index == 0 && isKeyframe
        return ByteWriter.array { writer in
            writer.uint8(
                0xa0 | (isKeyframe ? 0 : 0x40) | (starts ? 0x08 : 0) | (ends ? 0x04 : 0) | (hasStructure ? 0x02 : 0)
                    | (isTop || shape.isKeySVC && !isKeyframe ? 0x01 : 0))
            writer.uint16(0x8000 | picture.pictureID & 0x7fff)
            // A switch up is possible where all frames of the layer refer to the base alone, as here.
            writer.uint8(picture.temporalID << 5 | 0x10 | spatialID << 1 | (isPredicted ? 1 : 0))
            writer.uint8(picture.tl0PicIdx)
            if hasStructure {
                writer.uint8(UInt8(shape.spatialLayers - 1) << 5 | 0x10)
                for layer in 0..<shape.spatialLayers {
                    let size = shape.size(ofSpatialLayer: layer)
                    writer.uint16(size.width)
                    writer.uint16(size.height)
                }
            }
            // frame_marker, profile 0, frame_type, show_frame (VP9 bitstream specification §6.2).
            writer.uint8(isKeyframe ? 0x82 : 0x86)
            write(into: &writer)
            fill(&writer, upTo: shape.packetLength)
        } ?? []
    }

    static func parse(vp9 payload: RawSpan, _ descriptor: VP9Descriptor) -> PayloadStamp? {
        checked(payload, at: descriptor.length + 1, isKeyframeStart: descriptor.isKeyframeStart)
    }

    // MARK: AV1

    /// Of each spatial layer one frame OBU, in as many fragments as there are packets; before the first, at a keyframe's start, a sequence header
    /// ("RTP Payload Format For AV1" §4.4). With layers their headers have the extension.
    private func av1(_ picture: SyntheticPicture) -> [UInt8] {
        let (spatialID, starts, ends) = picture.shape.layer(of: Int(index), among: Int(count))
        let isContinued: UInt8 = ends ? 0 : 0x40
        return ByteWriter.array { writer in
            if !starts {
                writer.uint8(0x80 | isContinued | 0x10)
            } else {
                if isKeyframe, index == 0 {
                    writer.uint8(isContinued | 0x20 | 0x08)
                    let header = PayloadStamp.sequenceHeader(picture.shape)
                    writer.uint8(UInt8(header.count))
                    writer.bytes(header)
                } else {
                    writer.uint8(isContinued | 0x10)
                }
                let hasExtension = picture.shape.temporalLayers > 1 || picture.shape.spatialLayers > 1
                writer.uint8(hasExtension ? 0x34 : 0x30)
                if hasExtension { writer.uint8(picture.temporalID << 5 | spatialID << 3) }
                writer.uint8(0x10)
            }
            write(into: &writer)
            fill(&writer, upTo: picture.shape.packetLength)
        } ?? []
    }

    static func parse(av1 payload: RawSpan) -> PayloadStamp? {
        guard let descriptor = AV1Descriptor.parse(payload), let first = payload.uint8(at: 0) else { return nil }
        var at = 1
        if first & 0x80 == 0 {
            // The sequence header is the first of two elements, and has a length of one byte.
            if first >> 4 & 3 == 2 { at += 1 + Int(payload.uint8(at: 1) ?? 0) }
            at += payload.uint8(at: at).map { $0 & 0x04 != 0 ? 3 : 2 } ?? 2
        }
        return checked(payload, at: at, isKeyframeStart: descriptor.isKeyframeStart)
    }

    /// As SVT-AV1 writes it, for the lowest of the usual rungs and for the others.
    private static func sequenceHeader(_ shape: VideoShape) -> [UInt8] {
        shape.width <= 320
            ? [0x08, 0, 0, 0, 0x04, 0x3c, 0xfe, 0xcc, 0x6a, 0xf9, 0x80, 0x40]
            : [0x08, 0, 0, 0, 0x2d, 0x4c, 0xff, 0xb3, 0xc6, 0xaf, 0x98, 0x04]
    }

    /// The stamp at `offset`, if what follows it is its own, and it agrees with what the payload says of keyframes.
    private static func checked(_ payload: RawSpan, at offset: Int, isKeyframeStart: Bool) -> PayloadStamp? {
        guard let stamp = PayloadStamp(payload, at: offset), stamp.isFilled(payload, from: offset + length),
            isKeyframeStart == (stamp.isKeyframe && stamp.index == 0)
        else { return nil }
        return stamp
    }
}
