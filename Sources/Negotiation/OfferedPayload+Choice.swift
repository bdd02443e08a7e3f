import RTP
import SDP

extension OfferedPayload {
    /// What a publication is taken in: the first codec, and of its payload types the one most others decode: H264 in packetization mode 1,
    /// VP9 and AV1 in profile 0. One only, so that a publication keeps its codec.
    static func publication(from payloads: [OfferedPayload]) -> OfferedPayload? {
        guard let first = payloads.first(where: { $0.codec != .red }) else { return nil }
        return payloads.first { payload in
            guard payload.codec == first.codec else { return false }
            switch payload.codec {
            case .opus, .vp8, .red: return true
            case .h264: return payload.packetizationMode == 1
            case .vp9, .av1: return payload.profile == "0"
            }
        } ?? first
    }

    /// What `payload` may be sent in with older frames repeated; nil where that was not offered.
    static func redundancy(of payload: OfferedPayload, from payloads: [OfferedPayload]) -> OfferedPayload? {
        payloads.first { $0.codec == .red && $0.redundancyOf == payload.payloadType }
    }

    /// All that a viewer of the track decodes, what fits the track best first; nil when nothing fits. H264 is sent in packetization mode 1
    /// only.
    static func subscription(to track: TrackDescription, from payloads: [OfferedPayload]) -> [OfferedPayload]? {
        let stream = OfferedPayload(track)
        let usable = payloads.filter { $0.codec != .h264 || $0.packetizationMode == 1 }
        var best: (index: Int, fit: Int)?
        for (index, payload) in usable.enumerated() where payload.codec == track.codec {
            let fit = payload.fit(for: stream)
            if fit > (best?.fit ?? 0) { best = (index, fit) }
        }
        guard let best else { return nil }
        // Other profiles of the same codec follow it, so that the source may change to them as well.
        let chosen = usable[best.index]
        let rest = usable.enumerated().filter { $0.offset != best.index }.map(\.element)
        return [chosen] + rest.filter { $0.codec == track.codec } + rest.filter { $0.codec != track.codec }
    }

    /// What the track's publisher sends, to be compared with what is offered.
    init(_ track: TrackDescription) {
        self.init(payloadType: 0, codec: track.codec, format: FormatParameters(parsing: track.format), feedback: [])
    }

    /// How well this payload type carries a stream of the same codec; 0 not at all.
    private func fit(for stream: OfferedPayload) -> Int {
        guard codec == .h264 else { return profile == stream.profile ? 3 : 0 }
        guard let ours = H264Profile(format), let theirs = H264Profile(stream.format) else { return 1 }
        return ours.fit(for: theirs)
    }
}
