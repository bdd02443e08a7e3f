import Foundation
import MediaPrimitives
import RTP
import SDP

/// What a server's answer agreed, as the client that offered needs it.
package struct ServerAnswer: Sendable {
    /// A section that was not refused.
    package struct Section: Sendable {
        /// Of the codecs those that both have; `streams` is what the server announces to send.
        package var parameters: RTPParameters
        /// What the client may do.
        package var sends: Bool
        package var receives: Bool
        /// What the server calls the track that it sends.
        package var trackID: String?
        /// The identity of who publishes it, where the server has told.
        package var publisher: String?
    }

    package var transport: TransportParameters
    /// Where to send checks: UDP candidates, in the order of the answer.
    package var candidates: [SocketAddress]
    /// Where to connect to: passive TCP candidates (RFC 6544 §4.5).
    package var tcpCandidates: [SocketAddress]
    package var sections: [Section]
    /// The ids that all sections share (RFC 9143 §10).
    package var extensions: HeaderExtensionMap

    /// `mayTrickle`: candidates may be left for messages that follow.
    package init(_ text: String, to offer: ClientOffer, mayTrickle: Bool = false) throws(LoadError) {
        let session: SessionDescription
        do throws(SDPError) {
            var limits = SDPLimits()
            limits.mediaSections = 1_000
            session = try SessionDescription(parsing: text, limits: limits)
        } catch { throw .broken("The answer is no SDP: \(error)") }
        guard session.media.count == offer.sections.count else {
            throw .broken("The answer has \(session.media.count) sections, the offer had \(offer.sections.count).")
        }
        var accepted: [(section: MediaSection, offered: ClientOffer.Section)] = []
        for (section, offered) in zip(session.media, offer.sections) where section.port != 0 { accepted.append((section, offered)) }
        transport = try Self.transport(session, accepted.map(\.section), local: offer.credentials)
        candidates = []
        tcpCandidates = []
        sections = accepted.map { Section($0.section, offered: $0.offered, session) }
        extensions = HeaderExtensionMap()
        for section in sections {
            for kind in HeaderExtension.allCases where section.parameters.extensions[kind] != 0 {
                extensions[kind] = section.parameters.extensions[kind]
            }
        }
        for candidate in session.candidates + accepted.flatMap({ $0.section.candidates }) { add(Self.reachable(candidate)) }
        guard !candidates.isEmpty || !tcpCandidates.isEmpty || mayTrickle else {
            throw .broken("The answer names no candidate with an address.")
        }
    }

    /// Where a client may reach the server.
    package struct Reachable: Sendable, Hashable {
        package var address: SocketAddress
        package var isTCP: Bool
    }

    /// Takes a candidate in, once.
    mutating func add(_ candidate: Reachable?) {
        guard let candidate else { return }
        if candidate.isTCP {
            if !tcpCandidates.contains(candidate.address) { tcpCandidates.append(candidate.address) }
        } else if !candidates.contains(candidate.address) {
            candidates.append(candidate.address)
        }
    }

    /// Of a candidate by UDP or passive TCP that has an address.
    private static func reachable(_ candidate: Candidate) -> Reachable? {
        let isTCP = candidate.transport == "tcp" && candidate.tcpType == "passive"
        guard isTCP || candidate.transport == "udp", candidate.component == 1 else { return nil }
        return SocketAddress(host: candidate.address, port: candidate.port).map { Reachable(address: $0, isTCP: isTCP) }
    }

    /// The same of a trickled candidate, as browsers write it in JSON (`RTCIceCandidateInit`).
    package static func reachable(trickled json: String) -> Reachable? {
        struct Init: Decodable { var candidate: String }
        guard let parsed = try? JSONDecoder().decode(Init.self, from: Data(json.utf8)), parsed.candidate.hasPrefix("candidate:") else {
            return nil
        }
        return Candidate(parsing: String(parsed.candidate.dropFirst("candidate:".count))).flatMap { reachable($0) }
    }

    private static func transport(
        _ session: SessionDescription, _ sections: [MediaSection], local: ICECredentials
    ) throws(LoadError) -> TransportParameters {
        let carriers: [any AttributeCarrying] = sections + [session]
        guard let ufrag = carriers.lazy.compactMap(\.iceUfrag).first, let password = carriers.lazy.compactMap(\.icePassword).first else {
            throw .broken("The answer has no ICE credentials.")
        }
        let fingerprints = (carriers.lazy.map(\.fingerprints).first { !$0.isEmpty } ?? []).compactMap { written in
            CertificateFingerprint.Algorithm(rawValue: written.hash).map { CertificateFingerprint(algorithm: $0, digest: written.digest) }
        }
        guard !fingerprints.isEmpty else { throw .broken("The answer has no fingerprint that is understood.") }
        let setup = carriers.lazy.compactMap(\.setup).first
        return TransportParameters(
            local: local, remote: ICECredentials(ufrag: ufrag, password: password), fingerprints: fingerprints,
            role: setup == .active ? .server : .client)
    }
}

extension ServerAnswer.Section {
    fileprivate init(_ section: MediaSection, offered: ClientOffer.Section, _ session: SessionDescription) {
        var extensions = HeaderExtensionMap()
        for mapping in section.extensionMappings + session.extensionMappings {
            for kind in HeaderExtension.allCases where kind.uri == mapping.uri && mapping.id <= 255 {
                extensions[kind] = UInt8(mapping.id)
            }
        }
        let feedback = section.feedback
        let codecs = section.formats.compactMap { format -> CodecParameters? in
            guard let type = UInt8(format), var codec = offered.codecs.first(where: { $0.payloadType == type }) else { return nil }
            let values = Set(feedback.filter { $0.payloadType == nil || $0.payloadType == type }.map(\.value))
            codec.nack = codec.nack && values.contains("nack")
            codec.pli = codec.pli && values.contains("nack pli")
            codec.fir = codec.fir && values.contains("ccm fir")
            codec.transportCC = codec.transportCC && values.contains("transport-cc")
            if let rtx = codec.rtxPayloadType, !section.formats.contains(String(rtx)) { codec.rtxPayloadType = nil }
            return codec
        }
        let repairs = section.sourceGroups.filter { $0.semantics == "FID" && $0.ssrcs.count == 2 }
        var streams: [RTPParameters.Stream] = []
        if let ssrc = repairs.first?.ssrcs[0] ?? section.sourceAttributes.first?.ssrc {
            let rtx = repairs.first { $0.ssrcs[0] == ssrc }?.ssrcs[1]
            streams.append(RTPParameters.Stream(ssrc: SSRC(ssrc), rtxSSRC: rtx.map { SSRC($0) }))
        }
        let taken = Set((section.simulcast?.receive ?? []).compactMap(\.first?.rid))
        let direction = section.direction ?? session.direction ?? .sendrecv
        parameters = RTPParameters(
            mid: section.mid ?? offered.mid, kind: offered.kind, codecs: codecs, extensions: extensions,
            reducedSizeRTCP: section.reducesRTCPSize, rids: offered.rids.filter(taken.contains), streams: streams)
        sends = offered.direction.sends && direction.receives && !codecs.isEmpty
        receives = offered.direction.receives && direction.sends && !codecs.isEmpty
        trackID = section.mediaStreamIDs.first?.track
    }
}
