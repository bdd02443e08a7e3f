import MediaPrimitives
import RTP
import SDP

extension LocalSection {
    /// Layers of simulcast that one section may have.
    static let layerLimit = 4

    /// Agrees to the layers that are offered (RFC 8853 §5.3): the same list turned round, of alternatives the first. Without the `rid`
    /// extension layers could not be told apart, so there are none then.
    mutating func acceptSimulcast(of section: MediaSection) throws(NegotiationError) {
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
            guard rids.count < Self.layerLimit else {
                throw .unusable("A section offers more than \(Self.layerLimit) simulcast layers.")
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

    /// The SSRCs a section announces, media first and its retransmissions after it; at most 8 streams.
    mutating func expectStreams(of section: MediaSection, agreement: inout BundleAgreement) {
        let groups = section.sourceGroups.prefix(32)
        var repairs: [UInt32: UInt32] = [:]
        for group in groups where group.semantics == "FID" && group.ssrcs.count == 2 {
            if repairs[group.ssrcs[0]] == nil, group.ssrcs[0] != group.ssrcs[1] { repairs[group.ssrcs[0]] = group.ssrcs[1] }
        }
        let repairing = Set(repairs.values)
        let announced = groups.filter { $0.semantics == "SIM" }.flatMap(\.ssrcs) + section.sourceAttributes.map(\.ssrc)
        for ssrc in announced where !repairing.contains(ssrc) {
            guard parameters.streams.count < 8 else { break }
            guard agreement.claim(ssrc: ssrc) else { continue }
            let repair = repairs[ssrc].flatMap { agreement.claim(ssrc: $0) ? $0 : nil }
            parameters.streams.append(RTPParameters.Stream(ssrc: SSRC(ssrc), rtxSSRC: repair.map { SSRC($0) }))
        }
    }
}
