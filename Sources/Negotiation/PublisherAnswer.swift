import MediaPrimitives
import RTP
import SDP

/// The answer to somebody who offers to send (WHIP, RFC 9725 §4.2): each section is received or refused.
package struct PublisherAnswer: Sendable {
    package var sdp: String
    package var transport: TransportParameters
    /// What we receive, one per section that sends, in the order of the offer; never empty. Each has one codec, and behind Opus `red` where that was
    /// offered.
    package var media: [RTPParameters]

    /// Layers of simulcast that one section may have.
    package static let layerLimit = LocalSection.layerLimit

    /// Answers by RFC 9429 §5.3. Throws 400, 413 or 422.
    package init(offer text: String, local: LocalDescription) throws(NegotiationError) {
        let offer = try PeerDescription(text)
        var agreement = BundleAgreement()
        var answered: [LocalSection?] = []
        for section in offer.sections { answered.append(try Self.answer(section, of: offer, agreement: &agreement)) }

        media = answered.compactMap { $0?.direction == .recvonly ? $0?.parameters.withRedundancyLast : nil }
        guard !media.isEmpty else {
            throw .unusable("The offer sends nothing that can be received: Opus is, and VP8, VP9, H264 and AV1.")
        }
        let order = offer.transportOrder(of: answered.indices.filter { answered[$0] != nil })
        transport = try offer.transport(order: order, local: local.credentials)
        sdp = offer.answer(answered, order: order, local: local, role: transport.role)
    }

    private static func answer(
        _ section: MediaSection, of offer: PeerDescription, agreement: inout BundleAgreement
    ) throws(NegotiationError) -> LocalSection? {
        guard let kind = try offer.mediaKind(of: section) else { return nil }
        let sends = offer.direction(of: section).sends
        var answer = LocalSection(section: section, kind: kind, direction: sends ? .recvonly : .inactive)
        let offered = OfferedPayload.all(of: section, kind: kind)
        guard let payload = OfferedPayload.publication(from: offered) else { return nil }
        let extensions: [HeaderExtension] =
            kind == .audio
            ? [.mid, .absSendTime, .transportCC, .audioLevel]
            : [.mid, .rid, .repairedRid, .absSendTime, .transportCC, .dependencyDescriptor]
        // In the order of the offer: a client that lists plain Opus first sends that.
        let redundancy = OfferedPayload.redundancy(of: payload, from: offered)
        let payloads = offered.filter { $0.payloadType == payload.payloadType || $0.payloadType == redundancy?.payloadType }
        answer.agree(payloads: payloads, extensions: extensions, of: section, in: offer, agreement: &agreement)
        guard !answer.parameters.codecs.isEmpty else { return nil }
        guard sends else { return answer }
        if kind == .video { try answer.acceptSimulcast(of: section) }
        answer.expectStreams(of: section, agreement: &agreement)
        return answer
    }
}

extension RTPParameters {
    /// The codec first, and `red`, which repeats it, behind it.
    var withRedundancyLast: RTPParameters {
        var ordered = self
        ordered.codecs = codecs.filter { $0.codec != .red } + codecs.filter { $0.codec == .red }
        return ordered
    }
}
