import MediaPrimitives
import SDP

/// What our side of a transport says of itself, in an answer or an offer.
package struct LocalDescription: Sendable {
    package var credentials: ICECredentials
    package var fingerprint: CertificateFingerprint
    /// All there will ever be, best first; UDP ones are written before TCP ones. FFmpeg looks at the first only.
    package var candidates: [LocalCandidate]
    /// For `o=`: any number, of which 63 bits are used (RFC 9429 §5.2.1).
    package var sessionID: UInt64

    package init(credentials: ICECredentials, fingerprint: CertificateFingerprint, candidates: [LocalCandidate], sessionID: UInt64) {
        self.credentials = credentials
        self.fingerprint = fingerprint
        self.candidates = candidates
        self.sessionID = sessionID
    }

    /// The candidates as attributes, complete (RFC 8839 §5.1, RFC 6544 §4.5).
    var candidateAttributes: [Attribute] {
        var attributes: [Attribute] = []
        for (index, candidate) in orderedCandidates.prefix(64).enumerated() {
            // RFC 8445 §5.1.2.1: type preference 126 for host; the local preference falls with the order. TCP is passive only, and one
            // step of type preference below, as RFC 6544 §4.2 asks.
            let typePreference: UInt32 = candidate.kind == .udp ? 126 : 90
            let localPreference = 65_535 &- UInt32(truncatingIfNeeded: index)
            let value = Candidate(
                foundation: String(index + 1), transport: candidate.kind == .udp ? "udp" : "tcp",
                priority: typePreference << 24 | localPreference << 8 | 255, address: candidate.address.host, port: candidate.address.port,
                tcpType: candidate.kind == .udp ? nil : "passive")
            attributes.append(Attribute("candidate", value.text))
        }
        return attributes
    }

    private var orderedCandidates: [LocalCandidate] { candidates.filter { $0.kind == .udp } + candidates.filter { $0.kind == .tcp } }

    /// What `m=` and `c=` say: the default candidate (RFC 8839 §4.2.1.2), or the placeholder where there is none.
    var defaultAddress: (connection: Connection, port: UInt16) {
        guard let first = candidates.first(where: { $0.kind == .udp })?.address else { return (.unspecified, 9) }
        return (Connection(addressType: first.isIPv4 ? "IP4" : "IP6", address: first.host), first.port)
    }

    var fingerprintAttribute: Attribute {
        Attribute("fingerprint", Fingerprint(hash: fingerprint.algorithm.rawValue, digest: fingerprint.digest).text)
    }
}

/// An address at which we can be reached: a host candidate.
package struct LocalCandidate: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case udp
        /// We listen, the peer connects.
        case tcp
    }

    package var kind: Kind
    package var address: SocketAddress

    package init(kind: Kind, address: SocketAddress) {
        self.kind = kind
        self.address = address
    }
}
