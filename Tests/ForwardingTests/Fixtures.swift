import Forwarding
import MediaPrimitives
import RTP

/// Milliseconds on the tests' clock.
func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000 + milliseconds * 1_000_000) }

extension HeaderExtensionMap {
    /// mid, rid, repaired-rid, abs-send-time, transport-cc and audio level as 1 to 6.
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
