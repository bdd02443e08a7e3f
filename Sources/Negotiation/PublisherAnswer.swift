import MediaPrimitives
import RTP
import SDP

/// The answer to somebody who offers to send (WHIP, RFC 9725 §4.2): each section is received or refused.
package struct PublisherAnswer: Sendable {
    package var sdp: String
    package var transport: TransportParameters
    /// What we receive, one per section that sends, in the order of the offer; never empty. Each has one codec.
    package var media: [RTPParameters]

    /// Layers of simulcast that one section may have.
    package static let layerLimit = 4

    /// Answers by RFC 9429 §5.3. Throws 400, 413 or 422.
    package init(offer text: String, local: LocalDescription) throws(NegotiationError) {
        let offer = try Offer(text)
        var agreement = BundleAgreement()
        var answered: [AnsweredSection?] = []
        for section in offer.sections { answered.append(try Self.answer(section, of: offer, agreement: &agreement)) }

        media = answered.compactMap { $0?.direction == .recvonly ? $0?.parameters : nil }
        guard !media.isEmpty else {
            throw .unusable("The offer sends nothing that can be received: Opus is, and VP8, VP9, H264 and AV1.")
        }
        let order = offer.transportOrder(of: answered.indices.filter { answered[$0] != nil })
        transport = try offer.transport(order: order, local: local.credentials)
        sdp = offer.answer(answered, order: order, local: local, role: transport.role)
    }

    private static func answer(
        _ section: MediaSection, of offer: Offer, agreement: inout BundleAgreement
    ) throws(NegotiationError) -> AnsweredSection? {
        guard let kind = try offer.mediaKind(of: section) else { return nil }
        let sends = offer.direction(of: section).sends
        var answer = AnsweredSection(section: section, kind: kind, direction: sends ? .recvonly : .inactive)
        guard let payload = choose(from: OfferedPayload.all(of: section, kind: kind)) else { return nil }
        let extensions: [HeaderExtension] =
            kind == .audio ? [.mid, .absSendTime, .transportCC, .audioLevel] : [.mid, .rid, .repairedRid, .absSendTime, .transportCC]
        answer.agree(payloads: [payload], extensions: extensions, of: section, in: offer, agreement: &agreement)
        guard !answer.parameters.codecs.isEmpty else { return nil }
        guard sends else { return answer }
        if kind == .video { try answer.acceptSimulcast(of: section) }
        answer.parameters.streams = streams(of: section, agreement: &agreement)
        return answer
    }

    /// The first supported codec of the offer, and of its payload types the one most others decode: H264 in packetization mode 1, VP9 and
    /// AV1 in profile 0. One only, so that a publication keeps its codec.
    private static func choose(from payloads: [OfferedPayload]) -> OfferedPayload? {
        guard let first = payloads.first else { return nil }
        return payloads.first { payload in
            guard payload.codec == first.codec else { return false }
            switch payload.codec {
            case .opus, .vp8: return true
            case .h264: return payload.packetizationMode == 1
            case .vp9, .av1: return payload.profile == "0"
            }
        } ?? first
    }

    /// The SSRCs a section announces, media first and its retransmissions after it; at most 8 streams.
    private static func streams(of section: MediaSection, agreement: inout BundleAgreement) -> [RTPParameters.Stream] {
        let groups = section.sourceGroups.prefix(32)
        var repairs: [UInt32: UInt32] = [:]
        for group in groups where group.semantics == "FID" && group.ssrcs.count == 2 {
            if repairs[group.ssrcs[0]] == nil, group.ssrcs[0] != group.ssrcs[1] { repairs[group.ssrcs[0]] = group.ssrcs[1] }
        }
        let repairing = Set(repairs.values)
        let announced = groups.filter { $0.semantics == "SIM" }.flatMap(\.ssrcs) + section.sourceAttributes.map(\.ssrc)
        var streams: [RTPParameters.Stream] = []
        for ssrc in announced where !repairing.contains(ssrc) {
            guard streams.count < 8 else { break }
            guard agreement.claim(ssrc: ssrc) else { continue }
            let repair = repairs[ssrc].flatMap { agreement.claim(ssrc: $0) ? $0 : nil }
            streams.append(RTPParameters.Stream(ssrc: SSRC(ssrc), rtxSSRC: repair.map { SSRC($0) }))
        }
        return streams
    }
}

extension AnsweredSection {
    /// Agrees to the layers that are offered (RFC 8853 §5.3): the same list turned round, of alternatives the first. Without the `rid`
    /// extension layers could not be told apart, so there are none then.
    fileprivate mutating func acceptSimulcast(of section: MediaSection) throws(NegotiationError) {
        guard let simulcast = section.simulcast, !simulcast.send.isEmpty, parameters.extensions[.rid] != 0,
            let payloadType = parameters.codecs.first?.payloadType
        else { return }
        var defined: [String: RestrictionIdentifier] = [:]
        for rid in section.restrictionIdentifiers where rid.side == .send && defined[rid.id] == nil { defined[rid.id] = rid }
        var rids: [String] = []
        for choices in simulcast.send {
            let usable = choices.first { choice in
                guard let rid = defined[choice.rid] else { return false }
                return rid.payloadTypes.isEmpty || rid.payloadTypes.contains(payloadType)
            }
            guard let rid = usable?.rid, !rids.contains(rid) else { continue }
            guard rids.count < PublisherAnswer.layerLimit else {
                throw .unusable("A section offers more than \(PublisherAnswer.layerLimit) simulcast layers.")
            }
            rids.append(rid)
        }
        guard rids.allSatisfy({ $0.utf8.count <= 16 }) else {
            throw .unusable("A rid is longer than the 16 characters that a one-byte header extension carries.")
        }
        guard !rids.isEmpty else { return }
        parameters.rids = rids
        trailing += rids.map { Attribute("rid", "\($0) recv") }
        trailing.append(Attribute("simulcast", "recv " + rids.joined(separator: ";")))
    }
}
