import MediaPrimitives
import RTP
import SDP

/// What the peer wrote, an offer or the answer to ours, that has been read and holds together as a whole; what is agreed per section comes
/// after.
struct PeerDescription {
    enum Part: String { case offer, answer }

    let part: Part
    let session: SessionDescription
    /// The mids of the first `a=group:BUNDLE`, in its order; nil without one.
    let bundle: [String]?
    /// Per section, its mid.
    let mids: [String?]
    /// Read once: every section inherits these, and a hostile offer has many of both.
    private let sessionDirection: Direction?
    private let sessionMappings: [ExtensionMapping]

    /// Extensions that are looked at for one section.
    static let mappingLimit = 256

    var sections: [MediaSection] { session.media }

    init(_ text: String, as part: Part = .offer, limits: SDPLimits = SDPLimits()) throws(NegotiationError) {
        self.part = part
        do throws(SDPError) {
            session = try SessionDescription(parsing: text, limits: limits)
        } catch {
            throw NegotiationError(error)
        }
        bundle = session.groups.first { $0.semantics == "BUNDLE" }?.mids
        mids = session.media.map(\.mid)
        sessionDirection = session.direction
        sessionMappings = Array(session.extensionMappings.prefix(Self.mappingLimit))
        guard !session.media.isEmpty else { throw .unusable("The \(part) has no media section.") }
        guard !session.isICELite else { throw .unusable("Both sides are ICE lite, so neither would send checks (RFC 8445 §2.5).") }
        var seen: Set<String> = []
        for case let mid? in mids {
            guard mid.isToken else { throw .malformed("A section's a=mid is not a token.") }
            guard mid.utf8.count <= 16 else {
                throw .unusable("A section's a=mid is longer than 16 characters, which no header extension carries.")
            }
            guard seen.insert(mid).inserted else { throw .malformed("Two sections have the same a=mid.") }
        }
    }

    /// Audio or video over DTLS-SRTP that shares the one transport, and was not refused by its own side.
    func mediaKind(of section: MediaSection) throws(NegotiationError) -> MediaKind? {
        let kind: MediaKind
        switch section.kind {
        case .audio: kind = .audio
        case .video: kind = .video
        case .application, .other: return nil
        }
        // RFC 9429 §5.1.2 lists what must be taken to mean the same.
        guard ["RTP/SAVPF", "RTP/SAVP"].contains(where: { section.transportProtocol.hasSuffix($0) }) else { return nil }
        guard try sharesTransport(section) else { return nil }
        guard section.multiplexesRTCP || section.isBundleOnly else {
            throw .unusable("A media section lacks a=rtcp-mux: RTCP is served on the port of RTP only.")
        }
        return kind
    }

    /// Whether it is data channels over the one transport (RFC 8841 §4), and was not refused by its own side.
    func carriesDataChannels(_ section: MediaSection) throws(NegotiationError) -> Bool {
        guard section.kind == .application, ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"].contains(section.transportProtocol),
            section.formats.contains("webrtc-datachannel")
        else { return false }
        return try sharesTransport(section)
    }

    private func sharesTransport(_ section: MediaSection) throws(NegotiationError) -> Bool {
        // Only an offer may have sections that wait for the bundle (RFC 9143 §6): in an answer port 0 refuses.
        guard section.port != 0 || (part == .offer && section.isBundleOnly) else { return false }
        if let bundle {
            guard let mid = section.mid, bundle.contains(mid) else { return false }
        } else if sections.count > 1 {
            throw .unusable("The \(part) has several media sections but no a=group:BUNDLE, and only one transport is served.")
        }
        return true
    }

    func direction(of section: MediaSection) -> Direction { section.direction ?? sessionDirection ?? .sendrecv }

    /// The extensions of a section, its own and the session's.
    func extensionMappings(of section: MediaSection) -> [ExtensionMapping] { section.extensionMappings + sessionMappings }

    func allowsMixedExtensions(in section: MediaSection) -> Bool { section.allowsMixedExtensions || session.allowsMixedExtensions }

    /// The accepted sections in the order of the bundle: the first is the tagged one, whose transport carries all (RFC 9143 §7.3).
    func transportOrder(of accepted: [Int]) -> [Int] {
        guard let bundle else { return accepted }
        var waiting: [String: Int] = [:]
        for index in accepted { if let mid = mids[index] { waiting[mid] = index } }
        return bundle.compactMap { waiting.removeValue(forKey: $0) }
    }

    /// The transport of the tagged section. `order` is what `transportOrder` returned; `role` is what an earlier answer agreed, nil for the
    /// first: parts in DTLS are kept for its life, whatever a later offer says (RFC 8842 §5.5).
    func transport(order: [Int], local: ICECredentials, role agreed: DTLSRole? = nil) throws(NegotiationError) -> TransportParameters {
        // A bundle-only section has no transport attributes of its own, so the others are asked behind it.
        let carriers: [any AttributeCarrying] = order.prefix(1).map { sections[$0] } + [session] + order.dropFirst().map { sections[$0] }

        let pairs = carriers.lazy.compactMap { carrier -> ICECredentials? in
            guard let ufrag = carrier.iceUfrag, let password = carrier.icePassword else { return nil }
            return ICECredentials(ufrag: ufrag, password: password)
        }
        guard let remote = pairs.first else { throw .unusable("The \(part) has no a=ice-ufrag and a=ice-pwd.") }
        guard remote.isWellFormed else {
            throw .unusable("a=ice-ufrag must have 4 to 256 and a=ice-pwd 22 to 256 letters, digits, \"+\" or \"/\" (RFC 8839 §5.4).")
        }

        let written = carriers.lazy.map { $0.fingerprints }.first { !$0.isEmpty } ?? []
        let fingerprints = written.prefix(8).compactMap { fingerprint -> CertificateFingerprint? in
            guard let algorithm = CertificateFingerprint.Algorithm(rawValue: fingerprint.hash),
                fingerprint.digest.count == algorithm.digestLength
            else { return nil }
            return CertificateFingerprint(algorithm: algorithm, digest: fingerprint.digest)
        }
        guard !fingerprints.isEmpty else {
            throw .unusable("The \(part) has no usable a=fingerprint: sha-256, sha-384 and sha-512 are.")
        }

        let role: DTLSRole
        if let agreed { role = agreed } else { role = try self.role(for: carriers.lazy.compactMap { $0.setup }.first) }
        return TransportParameters(local: local, remote: remote, fingerprints: fingerprints, role: role)
    }

    /// Our role, opposite to theirs (RFC 8842 §5.3). Where theirs is open, or not written, they connect.
    private func role(for setup: Setup?) throws(NegotiationError) -> DTLSRole {
        switch setup {
        case .active, nil: return .server
        case .passive: return .client
        case .actpass:
            guard part == .offer else { throw .malformed("a=setup:actpass leaves open what an answer must decide (RFC 8842 §5.3).") }
            return .server
        case .holdconn: throw .unusable("a=setup:holdconn asks for no connection.")
        }
    }
}

extension ICECredentials {
    /// The lengths and the alphabet of RFC 8839 §5.4.
    var isWellFormed: Bool {
        let isICEText = { (text: String) in
            text.utf8.allSatisfy { byte in
                switch byte {
                // "-" and "_" are beyond the grammar, but some clients make their secrets in the URL alphabet, and nothing depends on it.
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2f, 0x2d, 0x5f: true
                default: false
                }
            }
        }
        return (4...256).contains(ufrag.utf8.count) && (22...256).contains(password.utf8.count) && isICEText(ufrag) && isICEText(password)
    }
}
