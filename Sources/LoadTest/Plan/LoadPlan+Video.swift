import HeadlessClients
import RTP

extension LoadPlan {
    /// What a camera sends, lowest layer first.
    var shapes: [VideoShape] { layers > 1 ? Array(VideoShape.rungs.suffix(layers)) : [VideoShape()] }

    /// LiveKit's names; empty without simulcast.
    var rids: [String] { layers > 1 ? Array(["q", "h", "f"].prefix(layers)) : [] }

    /// The codec that publishers offer.
    var publishedVideo: [CodecParameters] { ClientOffer.videoCodecs.filter { $0.codec == .vp8 } }
}
