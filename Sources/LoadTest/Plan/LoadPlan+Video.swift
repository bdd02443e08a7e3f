import HeadlessClients
import MediaPrimitives
import RTP

extension LoadPlan {
    /// What a camera sends, lowest layer first.
    var contents: [VideoContent] {
        guard pictures.isEmpty else { return pictures.map { .recorded($0, isPaced: isPaced) } }
        return shapes.map { .synthetic($0) }
    }

    private var shapes: [VideoShape] {
        (layers > 1 ? Array(VideoShape.rungs.suffix(layers)) : [VideoShape()]).map { rung in
            var shape = rung
            shape.codec = codec
            shape.spatialLayers = spatialLayers
            shape.temporalLayers = temporalLayers
            shape.isKeySVC = isKeySVC
            // As Chromium's pacer does: faster than the pictures come.
            shape.spread = isPaced ? shape.frameInterval * 2 / 5 : .zero
            return shape
        }
    }

    /// LiveKit's names; empty without simulcast.
    var rids: [String] { layers > 1 ? Array(["q", "h", "f"].prefix(layers)) : [] }

    /// The codec that publishers offer.
    var publishedVideo: [CodecParameters] { ClientOffer.videoCodecs.filter { $0.codec == codec } }
}
