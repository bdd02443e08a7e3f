import MediaPrimitives
import RTP
import SDP

extension SubscriberOffer {
    /// What a client's answer agreed.
    package struct Answer: Sendable {
        package var transport: TransportParameters
        /// What we send, each with its stream: the sections with a track that the client takes. The codecs begin with that of the track.
        package var sending: [RTPParameters] = []
        /// Mids of sections that the client receives on, but not in the track's codec.
        package var undecodable: [String] = []
        /// Whether data channels were offered and taken.
        package var hasDataChannels = false
    }

    /// Reads the answer to this offer (RFC 9429 §5.10). `role` is what the first answer agreed, nil for the first. Throws 400 when it is
    /// no answer to it, 413 or 422.
    package func read(answer text: String, role: DTLSRole? = nil) throws(NegotiationError) -> Answer {
        let peer = try PeerDescription(text, as: .answer, limits: .room)
        guard peer.sections.count == offered.count else {
            throw .malformed("The answer has \(peer.sections.count) media sections, the offer \(offered.count) (RFC 3264 §6).")
        }
        var accepted: [Int] = []
        var hasDataChannels = false
        var media: [(MediaSection, Proposal)] = []
        for (index, (section, proposal)) in zip(peer.sections, offered).enumerated() {
            let mid = proposal?.section.parameters.mid ?? Self.dataMID
            let kind = proposal.map { MediaSection.Kind($0.section.parameters.kind.rawValue) } ?? .application
            guard section.kind == kind, section.mid == mid || section.mid == nil && section.port == 0 else {
                throw .malformed("Section \(index + 1) of the answer is not the \(kind.name) section \"\(mid)\" of the offer.")
            }
            if let proposal {
                guard try peer.mediaKind(of: section) != nil else { continue }
                media.append((section, proposal))
            } else {
                guard try peer.carriesDataChannels(section) else { continue }
                hasDataChannels = true
            }
            accepted.append(index)
        }
        guard !accepted.isEmpty else { throw .unusable("The answer refuses every section.") }
        let order = peer.transportOrder(of: accepted)
        var answer = Answer(
            transport: try peer.transport(order: order, local: local, role: role), hasDataChannels: hasDataChannels)
        for (section, proposal) in media where proposal.outgoing != nil && peer.direction(of: section).receives {
            if let parameters = proposal.agreed(with: section, of: peer) {
                answer.sending.append(parameters)
            } else {
                answer.undecodable.append(proposal.section.parameters.mid)
            }
        }
        return answer
    }
}

extension SubscriberOffer.Proposal {
    /// What both sides have; nil where the track has no codec among it.
    fileprivate func agreed(with section: MediaSection, of peer: PeerDescription) -> RTPParameters? {
        guard let outgoing else { return nil }
        var parameters = self.section.parameters
        parameters.reducedSizeRTCP = section.reducesRTCPSize
        parameters.extensions = HeaderExtensionMap()
        for theirs in peer.extensionMappings(of: section).prefix(PeerDescription.mappingLimit) {
            guard theirs.direction?.receives ?? true else { continue }
            for kind in HeaderExtension.allCases where kind.uri == theirs.uri {
                // An answer may leave an extension out, but not renumber it (RFC 8285 §6).
                let id = self.section.parameters.extensions[kind]
                if UInt16(id) == theirs.id { parameters.extensions[kind] = id }
            }
        }
        let hasTransportCC = parameters.extensions[.transportCC] != 0

        // Payload types mean the same in both directions, or nothing: an answer that gave one to another codec would contradict itself.
        let taken = OfferedPayload.all(of: section, kind: parameters.kind).compactMap { theirs -> OfferedPayload? in
            guard let ours = payloads.first(where: { $0.payloadType == theirs.payloadType }), ours.codec == theirs.codec else { return nil }
            var agreed = theirs
            agreed.feedback.formIntersection(ours.feedback)
            if !hasTransportCC { agreed.feedback.remove(.transportCC) }
            if agreed.rtxPayloadType != ours.rtxPayloadType { agreed.rtxPayloadType = nil }
            return agreed
        }
        guard let codecs = OfferedPayload.subscription(to: outgoing.track, from: taken)?.map(\.parameters) else { return nil }
        parameters.codecs = codecs
        if !codecs.contains(where: \.transportCC) { parameters.extensions[.transportCC] = 0 }
        parameters.streams = [outgoing.stream]
        if !codecs.contains(where: { $0.rtxPayloadType != nil }) { parameters.streams[0].rtxSSRC = nil }
        return parameters
    }
}
