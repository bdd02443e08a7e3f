import MediaPrimitives

/// What a track carries.
package enum MediaKind: String, Sendable, Hashable, CaseIterable { case audio, video }

/// The codecs that are forwarded.
@frozen @usableFromInline
package enum Codec: UInt8, Sendable, Hashable, CaseIterable {
    case opus, vp8, vp9, h264, av1
    /// Opus with older frames repeated (RFC 2198); never without Opus beside it.
    case red

    /// The encoding name in `a=rtpmap`, in its usual spelling; compare without case.
    package var name: String {
        switch self {
        case .opus: "opus"
        case .vp8: "VP8"
        case .vp9: "VP9"
        case .h264: "H264"
        case .av1: "AV1"
        case .red: "red"
        }
    }
    package var kind: MediaKind { self == .opus || self == .red ? .audio : .video }
    /// RTP timestamp units per second.
    package var clockRate: UInt32 { kind == .audio ? 48_000 : 90_000 }
}

/// The header extensions that are understood (RFC 8285 §5 maps their URIs to ids per session).
@frozen @usableFromInline
package enum HeaderExtension: UInt8, Sendable, CaseIterable {
    case mid, rid, repairedRid, absSendTime, transportCC, audioLevel, dependencyDescriptor

    package var uri: String {
        switch self {
        case .mid: "urn:ietf:params:rtp-hdrext:sdes:mid"
        case .rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
        case .repairedRid: "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
        case .absSendTime: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
        case .transportCC: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
        case .audioLevel: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
        case .dependencyDescriptor: "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
        }
    }
}

/// Which id each extension has on one transport; 0 where it was not negotiated. Ids run from 1 to 14 in one-byte form, to 255 in two-byte form.
@frozen @usableFromInline
package struct HeaderExtensionMap: Sendable, Hashable {
    @usableFromInline var ids: InlineIDs

    /// One id per case of `HeaderExtension`, held inline.
    @frozen @usableFromInline
    struct InlineIDs: Sendable, Hashable {
        @usableFromInline var packed: UInt64 = 0
    }

    package init() { ids = InlineIDs() }

    @inlinable package subscript(_ kind: HeaderExtension) -> UInt8 {
        get { UInt8(truncatingIfNeeded: ids.packed >> (8 &* UInt64(kind.rawValue))) }
        set {
            let shift = 8 &* UInt64(kind.rawValue)
            ids.packed = ids.packed & ~(0xff << shift) | UInt64(newValue) << shift
        }
    }
}

/// One payload type of one media section.
package struct CodecParameters: Sendable, Hashable {
    package var codec: Codec
    package var payloadType: UInt8
    /// The payload type of its retransmissions (RFC 4588); nil where they were not negotiated.
    package var rtxPayloadType: UInt8?
    /// The value of `a=fmtp`, as agreed; empty where there is none.
    package var format: String
    /// Feedback agreed by `a=rtcp-fb`.
    package var nack: Bool
    package var pli: Bool
    package var fir: Bool
    package var transportCC: Bool
    /// Feedback by stream (RFC 8888 §6).
    package var congestionFeedback: Bool
    /// Whoever receives tells its time of day, and is told how long ago that was (RFC 3611 §4.4; `rrtr` is Google's name for it).
    package var referenceTime: Bool

    package init(
        codec: Codec, payloadType: UInt8, rtxPayloadType: UInt8? = nil, format: String = "", nack: Bool = false, pli: Bool = false,
        fir: Bool = false, transportCC: Bool = false, congestionFeedback: Bool = false, referenceTime: Bool = false
    ) {
        self.codec = codec
        self.payloadType = payloadType
        self.rtxPayloadType = rtxPayloadType
        self.format = format
        self.nack = nack
        self.pli = pli
        self.fir = fir
        self.transportCC = transportCC
        self.congestionFeedback = congestionFeedback
        self.referenceTime = referenceTime
    }
}

/// One negotiated media section (one m-line), as one end receives or sends it.
package struct RTPParameters: Sendable {
    /// At most 16 characters.
    package var mid: String
    package var kind: MediaKind
    /// In order of preference; never empty.
    package var codecs: [CodecParameters]
    package var extensions: HeaderExtensionMap
    /// Whether reduced-size RTCP was agreed (RFC 5506).
    package var reducedSizeRTCP: Bool
    /// The simulcast layers (RFC 8853) in the order of the offer, which need not be that of quality; empty for a single encoding.
    package var rids: [String]
    /// When receiving: SSRCs announced by `a=ssrc`, media first and its retransmission stream after it where `a=ssrc-group:FID` pairs them.
    /// When sending: exactly one, ours.
    package var streams: [Stream]

    package struct Stream: Sendable, Hashable {
        package var ssrc: SSRC
        package var rtxSSRC: SSRC?
        package init(ssrc: SSRC, rtxSSRC: SSRC? = nil) {
            self.ssrc = ssrc
            self.rtxSSRC = rtxSSRC
        }
    }

    package init(
        mid: String, kind: MediaKind, codecs: [CodecParameters], extensions: HeaderExtensionMap, reducedSizeRTCP: Bool = false,
        rids: [String] = [], streams: [Stream] = []
    ) {
        self.mid = mid
        self.kind = kind
        self.codecs = codecs
        self.extensions = extensions
        self.reducedSizeRTCP = reducedSizeRTCP
        self.rids = rids
        self.streams = streams
    }
}
