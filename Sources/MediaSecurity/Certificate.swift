import MediaPrimitives

/// Our certificate and its key. (Interface only, until DTLS lands.)
package final class Certificate: Sendable {
    /// SHA-256, for the SDP.
    package let fingerprint: CertificateFingerprint

    /// A fresh self-signed ECDSA P-256 certificate.
    package static func generate() throws -> Certificate { Certificate() }

    private init() { fingerprint = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 0, count: 32)) }
}
