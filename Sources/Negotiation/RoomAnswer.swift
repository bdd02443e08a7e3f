import MediaPrimitives
import RTP
import SDP

/// The answer to an offer of a room's client.
///
/// Sections that carry nothing stay alive, inactive and with all that any track or layers put on them later will need: payload types and
/// extension ids cannot be added to a bundle afterwards, and Chromium fails its next offer when a simulcast extension was left out.
package struct RoomAnswer: Sendable {
    package var sdp: String
    package var transport: TransportParameters
    /// What we receive: the sections of `receiving` that send a codec that may be published. Each has one codec, and
    /// behind Opus `red` where that was offered. Layers that have the names
    /// of LiveKit's (`q`, `h`, `f`) are in ascending quality, others in the order of the offer.
    package var receiving: [RTPParameters] = []
    /// What we send, each with its stream: the sections of `sending` that receive. The codecs begin with that of the track, and go on with
    /// all others the client takes; only what is received too goes on where a section does both.
    package var sending: [RTPParameters] = []
    /// Mids of `sending` whose section receives, but not the track's codec.
    package var undecodable: [String] = []

    /// Answers by RFC 9429 §5.3. `version` is that of `o=`, one more with each answer. `role` is what the first answer agreed, nil for the
    /// first. `receiving` holds the mids that are received if they send; `plain` those of them whose sound shall not be repeated. Throws 422.
    package init(
        offer: RoomOffer, local: LocalDescription, version: UInt64, role: DTLSRole? = nil, receiving accepted: Set<String>,
        plain: Set<String> = [], sending tracks: [String: OutgoingTrack], cname: String, publishCodecs: Set<Codec>
    ) throws(NegotiationError) {
        transport = try offer.transport(local: local.credentials, role: role)
        sdp = ""
        var agreement = BundleAgreement()
        // Ours came first, and a client may not announce them for its own.
        for section in offer.sections {
            guard let stream = tracks[section.mid]?.stream else { continue }
            _ = agreement.claim(ssrc: stream.ssrc.rawValue)
            if let rtx = stream.rtxSSRC { _ = agreement.claim(ssrc: rtx.rawValue) }
        }
        let setup = transport.role.answer
        var answered: [MediaSection?] = []
        for (section, role) in zip(offer.peer.sections, offer.roles) {
            switch role {
            case nil: answered.append(nil)
            case .dataChannels:
                answered.append(
                    local.dataSection(mid: section.mid ?? "", setup: setup, transportProtocol: section.transportProtocol))
            case .media(let kind, let payloads):
                let mid = section.mid ?? ""
                let direction = offer.peer.direction(of: section)
                let plan = SectionPlan(
                    payloads,
                    published: direction.sends && accepted.contains(mid)
                        ? publishCodecs.subtracting(plain.contains(mid) ? [.red] : []) : [],
                    track: direction.receives ? tracks[mid] : nil)
                let agreed = try answer(section, kind: kind, plan: plan, of: offer, cname: cname, agreement: &agreement)
                answered.append(agreed?.mediaSection(local: local, setup: setup, transportProtocol: section.transportProtocol))
            }
        }
        let order = offer.order.filter { answered[$0] != nil }
        guard !order.isEmpty else { throw .unusable("The offer's sections contradict each other in their payload types.") }
        sdp = offer.peer.answer(answered, order: order, local: local, version: version)
    }

    /// One section, and what it means for `receiving`, `sending` and `undecodable`; nil refuses it.
    private mutating func answer(
        _ section: MediaSection, kind: MediaKind, plan: SectionPlan, of offer: RoomOffer, cname: String, agreement: inout BundleAgreement
    ) throws(NegotiationError) -> LocalSection? {
        var agreed = LocalSection(section: section, kind: kind, direction: plan.direction)
        agreed.isReused = true
        let extensions: [HeaderExtension] =
            kind == .audio
            ? [.mid, .absSendTime, .transportCC, .audioLevel]
            : [.mid, .rid, .repairedRid, .absSendTime, .transportCC, .dependencyDescriptor]
        agreed.agree(payloads: plan.payloads, extensions: extensions, of: section, in: offer.peer, agreement: &agreement)
        guard !agreed.parameters.codecs.isEmpty else {
            if plan.track != nil { undecodable.append(agreed.parameters.mid) }
            return nil
        }
        if kind == .video { try agreed.acceptSimulcast(of: section) }

        // A payload type that contradicts an earlier section was left out.
        let receives =
            plan.received.map { received in agreed.parameters.codecs.contains { $0.payloadType == received.payloadType } } ?? false
        let sends = plan.sent.first.map { sent in agreed.parameters.codecs.contains { $0.payloadType == sent.payloadType } } ?? false
        agreed.direction = Direction(sends: sends, receives: receives)
        if receives {
            agreed.expectStreams(of: section, agreement: &agreement)
            var parameters = agreed.parameters { $0.receives }
            parameters.codecs.removeAll { codec in !plan.taken.contains { $0.payloadType == codec.payloadType } }
            parameters = parameters.withRedundancyLast
            parameters.rids = parameters.rids.inAscendingQuality
            receiving.append(parameters)
        }
        guard let outgoing = plan.track else { return agreed }
        guard sends else {
            undecodable.append(agreed.parameters.mid)
            return agreed
        }
        var parameters = agreed.parameters { $0.sends }
        parameters.codecs = plan.sent.compactMap { sent in parameters.codecs.first { $0.payloadType == sent.payloadType } }
        var stream = outgoing.stream
        if !parameters.codecs.contains(where: { $0.rtxPayloadType != nil }) { stream.rtxSSRC = nil }
        agreed.send(outgoing.track, as: stream, cname: cname)
        parameters.streams = [stream]
        parameters.rids = []
        // Layers are told apart on the way in only.
        parameters.extensions[.rid] = 0
        parameters.extensions[.repairedRid] = 0
        sending.append(parameters)
        return agreed
    }
}

/// What is to become of one section that takes part, before the rest of the bundle has had its say.
private struct SectionPlan {
    /// What is answered, in our order of preference.
    var payloads: [OfferedPayload]
    /// What the client is to send.
    var received: OfferedPayload?
    /// The same with older frames repeated, where that was offered.
    var redundancy: OfferedPayload?
    /// What we send, the track's own first; empty where there is no track, or none that fits.
    var sent: [OfferedPayload] = []
    var track: OutgoingTrack?

    /// All that the client is to send, what it had better send first.
    var taken: [OfferedPayload] { [redundancy, received].compactMap(\.self) }

    var direction: Direction { Direction(sends: !sent.isEmpty, receives: received != nil) }

    init(_ offered: [OfferedPayload], published: Set<Codec>, track: OutgoingTrack?) {
        self.track = track
        received = OfferedPayload.publication(from: offered.filter { published.contains($0.codec) })
        if let track { sent = OfferedPayload.subscription(to: track.track, from: offered) ?? [] }
        guard let received else {
            payloads = sent.isEmpty ? offered : sent
            return
        }
        if published.contains(.red) { redundancy = OfferedPayload.redundancy(of: received, from: offered) }
        // The client may send anything that is answered, and a publication keeps its codec: so no more is than what is in use.
        let taken = [redundancy, received].compactMap(\.self)
        let types = Set(taken.map(\.payloadType))
        sent.removeAll { $0.codec != track?.track.codec && !types.contains($0.payloadType) }
        payloads = taken + sent.filter { !types.contains($0.payloadType) }
    }
}

extension LocalSection {
    /// What was agreed, with only those extensions that may be used in a direction, as we wrote it.
    fileprivate func parameters(_ permits: (Direction) -> Bool) -> RTPParameters {
        var permitted = parameters
        for mapping in mappings {
            guard let direction = mapping.direction, !permits(direction) else { continue }
            for kind in HeaderExtension.allCases where kind.uri == mapping.uri { permitted.extensions[kind] = 0 }
        }
        guard permitted.extensions[.transportCC] == 0 else { return permitted }
        for index in permitted.codecs.indices { permitted.codecs[index].transportCC = false }
        return permitted
    }
}

extension Direction {
    fileprivate init(sends: Bool, receives: Bool) { self = sends ? (receives ? .sendrecv : .sendonly) : (receives ? .recvonly : .inactive) }
}

extension [String] {
    /// LiveKit's clients name their layers `q`, `h` and `f`, for a quarter, a half and the full size, and list them in any order.
    fileprivate var inAscendingQuality: [String] {
        let names = ["q", "h", "f"]
        return allSatisfy(names.contains) ? names.filter(contains) : self
    }
}
