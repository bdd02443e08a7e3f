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
        let offer = try Offer(text)
        cname = entropy.urlText(16)
        var agreement = BundleAgreement()
        var waiting = tracks
        var answered: [AnsweredSection?] = []
        for section in offer.sections {
            guard let kind = try offer.mediaKind(of: section) else {
                answered.append(nil)
                continue
            }
            let receives = offer.direction(of: section).receives
            let track = waiting.firstIndex { receives && $0.kind == kind }.map { waiting.remove(at: $0) }
            var answer = AnsweredSection(section: section, kind: kind, direction: track == nil ? .inactive : .sendonly)
            var payloads = OfferedPayload.all(of: section, kind: kind)
            if let track { payloads = try Self.order(payloads, for: track) }
            let extensions: [HeaderExtension] = [.mid, .absSendTime, .transportCC] + (kind == .audio ? [.audioLevel] : [])
            answer.agree(payloads: payloads, extensions: extensions, of: section, in: offer, agreement: &agreement)
            if let track {
                guard answer.parameters.codecs.first?.codec == track.codec else { throw Self.missing(track) }
                answer.send(track, cname: cname, entropy: entropy, agreement: &agreement)
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

    /// All that the viewer decodes, what fits the track best first. H264 is sent in packetization mode 1 only.
    private static func order(_ payloads: [OfferedPayload], for track: TrackDescription) throws(NegotiationError) -> [OfferedPayload] {
        let format = FormatParameters(parsing: track.format)
        let stream = OfferedPayload(payloadType: 0, codec: track.codec, format: format, feedback: [])
        let usable = payloads.filter { $0.codec != .h264 || $0.packetizationMode == 1 }
        var best: (index: Int, fit: Int)?
        for (index, payload) in usable.enumerated() where payload.codec == track.codec {
            let fit = payload.fit(for: stream)
            if fit > (best?.fit ?? 0) { best = (index, fit) }
        }
        guard let best else { throw missing(track) }
        // Other profiles of the same codec follow it, so that the source may change to them as well.
        let chosen = usable[best.index]
        let rest = usable.enumerated().filter { $0.offset != best.index }.map(\.element)
        return [chosen] + rest.filter { $0.codec == track.codec } + rest.filter { $0.codec != track.codec }
    }

    private static func missing(_ track: TrackDescription) -> NegotiationError {
        let stream = OfferedPayload(payloadType: 0, codec: track.codec, format: FormatParameters(parsing: track.format), feedback: [])
        let profile: String
        switch track.codec {
        case .opus, .vp8: profile = ""
        case .vp9, .av1: profile = " profile \(stream.profile)"
        case .h264: profile = " in packetization mode 1"
        }
        return .unusable("The \(track.kind.rawValue) is \(track.codec.name)\(profile), which the offer does not receive.")
    }
}

extension OfferedPayload {
    /// How well this payload type carries a stream of the same codec; 0 not at all.
    fileprivate func fit(for stream: OfferedPayload) -> Int {
        guard codec == .h264 else { return profile == stream.profile ? 3 : 0 }
        guard let ours = H264Profile(format), let theirs = H264Profile(stream.format) else { return 1 }
        return ours.fit(for: theirs)
    }
}

extension AnsweredSection {
    fileprivate mutating func send(_ track: TrackDescription, cname: String, entropy: Entropy, agreement: inout BundleAgreement) {
        let ssrc = agreement.freshSSRC(entropy)
        let rtx = parameters.codecs.contains { $0.rtxPayloadType != nil } ? agreement.freshSSRC(entropy) : nil
        parameters.streams = [RTPParameters.Stream(ssrc: ssrc, rtxSSRC: rtx)]
        let msid = "\(track.streamID.msidText) \(track.trackID.msidText)"
        trailing.append(Attribute("msid", msid))
        if let rtx { trailing.append(Attribute("ssrc-group", "FID \(ssrc) \(rtx)")) }
        for ssrc in [ssrc, rtx].compactMap(\.self) {
            trailing.append(Attribute("ssrc", "\(ssrc) cname:\(cname)"))
            trailing.append(Attribute("ssrc", "\(ssrc) msid:\(msid)"))
        }
    }
}

extension String {
    /// At most 64 token characters (RFC 8830 §2), whatever the text holds.
    fileprivate var msidText: String {
        let bytes = utf8.prefix(64).map { $0.isTokenByte ? $0 : UInt8(ascii: "_") }
        return bytes.isEmpty ? "-" : String(decoding: bytes, as: UTF8.self)
    }
}
