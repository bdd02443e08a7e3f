import MediaPrimitives

/// What the start of a payload tells about layers and key frames, whatever the codec.
@frozen @usableFromInline
package enum PayloadDescriptor: Hashable, Sendable {
    /// No payload: padding only.
    case empty
    /// A codec without inner structure (Opus): every packet is a frame of its own and can be entered.
    case opaque
    /// Frames of Opus: the new one and older ones.
    case redundant(RedundantAudio)
    case vp8(VP8Descriptor)
    case vp9(VP9Descriptor)
    case h264(H264Descriptor)
    case av1(AV1Descriptor)
    /// The descriptor is cut short or contradicts itself: no key frame, no start.
    case malformed

    /// Reads the descriptor of an RTP payload (padding and RTX's OSN taken off).
    package static func parse(codec: Codec, payload: RawSpan) -> PayloadDescriptor {
        guard payload.byteCount > 0 else { return .empty }
        switch codec {
        case .opus: return .opaque
        case .red: return RedundantAudio.parse(payload).map { .redundant($0) } ?? .malformed
        case .vp8: return VP8Descriptor.parse(payload).map { .vp8($0) } ?? .malformed
        case .vp9: return VP9Descriptor.parse(payload).map { .vp9($0) } ?? .malformed
        case .h264: return H264Descriptor.parse(payload).map { .h264($0) } ?? .malformed
        case .av1: return AV1Descriptor.parse(payload).map { .av1($0) } ?? .malformed
        }
    }

    /// Whether a receiver that has nothing can start with this packet.
    @inlinable package var isKeyframeStart: Bool {
        switch self {
        case .empty, .malformed: false
        case .opaque, .redundant: true
        case .vp8(let descriptor): descriptor.isKeyframeStart
        case .vp9(let descriptor): descriptor.isKeyframeStart
        case .h264(let descriptor): descriptor.isKeyframeStart
        case .av1(let descriptor): descriptor.isKeyframeStart
        }
    }

    /// Whether the packet starts a frame, as far as the payload tells; with H.264 and AV1 a changed timestamp is the surer sign.
    @inlinable package var startsFrame: Bool {
        switch self {
        case .empty, .malformed: false
        case .opaque, .redundant: true
        case .vp8(let descriptor): descriptor.startsFrame
        case .vp9(let descriptor): descriptor.startsFrame
        case .h264(let descriptor): descriptor.startsFrame
        case .av1(let descriptor): descriptor.startsFrame
        }
    }

    /// 0 where the payload does not tell.
    @inlinable package var temporalID: UInt8 {
        switch self {
        case .vp8(let descriptor): descriptor.temporalID ?? 0
        case .vp9(let descriptor): descriptor.temporalID
        case .empty, .opaque, .redundant, .h264, .av1, .malformed: 0
        }
    }

    /// 0 where the payload does not tell.
    @inlinable package var spatialID: UInt8 {
        if case .vp9(let descriptor) = self { descriptor.spatialID } else { 0 }
    }

    /// The size of the picture in pixels, where the payload tells: VP8 key frames, VP9 structures, H.264 parameter sets, AV1 sequence headers.
    @inlinable package var size: (width: UInt16, height: UInt16)? {
        switch self {
        case .vp8(let descriptor) where descriptor.width > 0: (descriptor.width, descriptor.height)
        case .vp9(let descriptor) where descriptor.width > 0: (descriptor.width, descriptor.height)
        case .h264(let descriptor) where descriptor.width > 0: (descriptor.width, descriptor.height)
        case .av1(let descriptor) where descriptor.width > 0: (descriptor.width, descriptor.height)
        default: nil
        }
    }
}
