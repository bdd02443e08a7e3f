/// A user fragment and password for ICE (RFC 8445 §5.3), as SDP carries them (RFC 8839 §5.4).
package struct ICECredentials: Hashable, Sendable {
    /// 4 to 256 characters.
    package var ufrag: String
    /// 22 to 256 characters.
    package var password: String

    package init(ufrag: String, password: String) {
        self.ufrag = ufrag
        self.password = password
    }

    /// Fresh credentials: 48 bits of user fragment and 144 bits of password, above the 24 and 128 that RFC 8445 §5.3 asks for.
    package static func random(_ entropy: Entropy) -> ICECredentials {
        ICECredentials(ufrag: entropy.iceText(8), password: entropy.iceText(24))
    }

    /// The most workers that a user fragment can name.
    package static let maximumWorkers = 64

    /// Fresh credentials of a transport on `worker` (0 to 63), whose number is the fragment's first character: a check that arrives at another
    /// worker tells where it belongs. 42 bits of the fragment are left to chance.
    package static func random(_ entropy: Entropy, worker: Int) -> ICECredentials {
        let worker = Entropy.alphabet(lastTwo: "+/")[worker]
        return ICECredentials(ufrag: String(UnicodeScalar(worker)) + entropy.iceText(7), password: entropy.iceText(24))
    }
}

/// The digest of a certificate (RFC 8122 §5): what the peer must prove to hold before any media passes.
package struct CertificateFingerprint: Hashable, Sendable {
    /// The hash functions accepted. MD5 and SHA-1 are not (RFC 8122 §5 deprecates them).
    package enum Algorithm: String, Sendable, CaseIterable {
        case sha256 = "sha-256"
        case sha384 = "sha-384"
        case sha512 = "sha-512"

        package var digestLength: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    package var algorithm: Algorithm
    package var digest: [UInt8]

    package init(algorithm: Algorithm, digest: [UInt8]) {
        self.algorithm = algorithm
        self.digest = digest
    }
}

/// Who sends the ClientHello (RFC 8842 §5.3: `a=setup:active` is the client, `passive` the server).
package enum DTLSRole: Sendable { case client, server }

/// All that one ICE and DTLS association needs to know from negotiation.
package struct TransportParameters: Sendable {
    package var local: ICECredentials
    package var remote: ICECredentials
    /// Any of these may match; never empty.
    package var fingerprints: [CertificateFingerprint]
    /// Our role.
    package var role: DTLSRole

    package init(local: ICECredentials, remote: ICECredentials, fingerprints: [CertificateFingerprint], role: DTLSRole) {
        self.local = local
        self.remote = remote
        self.fingerprints = fingerprints
        self.role = role
    }
}
