import MediaPrimitives
import RTP
import SDP

/// The answer to somebody who offers to receive (WHEP): sections get tracks, or stay silent.
package struct ViewerAnswer: Sendable {
    package var sdp: String
    package var transport: TransportParameters
    /// What we send, one per section that got a track, in the order of the offer; never empty. The codecs begin with that of the track, and
    /// go on with all others the viewer takes. Each has one stream, and an RTX SSRC where any codec has RTX.
    package var media: [RTPParameters]
    /// The CNAME that `a=ssrc` states (RFC 3550 §6.5.1), for our SDES: the same on all sections, so that they are played in step.
    package var cname: String

    /// Answers by RFC 9429 §5.3: the first section of each kind that receives gets the first track of that kind, the second the second.
    /// Throws 400, 413 or 422.
    package init(offer text: String, local: LocalDescription, tracks: [TrackDescription], entropy: Entropy) throws(NegotiationError) {
        let offer = try PeerDescription(text)
        cname = entropy.urlText(16)
        var agreement = BundleAgreement()
        var waiting = tracks
        var answered: [LocalSection?] = []
        for section in offer.sections {
            guard let kind = try offer.mediaKind(of: section) else {
                answered.append(nil)
                continue
            }
            let receives = offer.direction(of: section).receives
            let track = waiting.firstIndex { receives && $0.kind == kind }.map { waiting.remove(at: $0) }
            var answer = LocalSection(section: section, kind: kind, direction: track == nil ? .inactive : .sendonly)
            var payloads = OfferedPayload.all(of: section, kind: kind)
            if let track {
                guard let fitting = OfferedPayload.subscription(to: track, from: payloads) else { throw Self.missing(track) }
                payloads = fitting
            }
            let extensions: [HeaderExtension] = [.mid, .absSendTime, .transportCC, kind == .audio ? .audioLevel : .dependencyDescriptor]
            answer.agree(payloads: payloads, extensions: extensions, of: section, in: offer, agreement: &agreement)
            if let track {
                guard answer.parameters.codecs.first?.codec == track.codec else { throw Self.missing(track) }
                let ssrc = agreement.freshSSRC(entropy)
                let repairs = answer.parameters.codecs.contains { $0.rtxPayloadType != nil }
                answer.send(
                    track, as: RTPParameters.Stream(ssrc: ssrc, rtxSSRC: repairs ? agreement.freshSSRC(entropy) : nil), cname: cname)
            }
            answered.append(answer.parameters.codecs.isEmpty ? nil : answer)
        }

        media = answered.compactMap { $0?.direction == .sendonly ? $0?.parameters : nil }
        guard !media.isEmpty else {
            let kinds = MediaKind.allCases.filter { kind in tracks.contains { $0.kind == kind } }.map(\.rawValue)
            throw .unusable(
                "The offer receives nothing that is published: \(kinds.isEmpty ? "no track" : kinds.joined(separator: " and ")) is.")
        }
        let order = offer.transportOrder(of: answered.indices.filter { answered[$0] != nil })
        transport = try offer.transport(order: order, local: local.credentials)
        sdp = offer.answer(answered, order: order, local: local, role: transport.role)
    }

    private static func missing(_ track: TrackDescription) -> NegotiationError {
        let stream = OfferedPayload(track)
        let profile: String
        switch track.codec {
        case .opus, .vp8, .red: profile = ""
        case .vp9, .av1: profile = " profile \(stream.profile)"
        case .h264: profile = " in packetization mode 1"
        }
        return .unusable("The \(track.kind.rawValue) is \(track.codec.name)\(profile), which the offer does not receive.")
    }
}
