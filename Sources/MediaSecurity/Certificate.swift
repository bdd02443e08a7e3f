import COpenSSL
import MediaPrimitives

/// Our certificate and its key, and the DTLS settings made from them. One serves every association of the process (RFC 8122 §5 asks only
/// that the SDP names it; RFC 8827 §6.5 lets it be fresh each time).
///
/// It reads the operating system's generator and, unless it is told the time, wall clock: it is made by whoever composes the server, never on the
/// packet path.
package final class Certificate: Sendable {
    /// SHA-256, for the SDP (`a=fingerprint`).
    package let fingerprint: CertificateFingerprint

    let context: DTLSContext

    /// A fresh self-signed ECDSA P-256 certificate, signed with SHA-256, valid from yesterday (clocks differ) for a year, with a random serial
    /// and a name that tells nothing. `unixSeconds`: the time of day, where it is not the system's.
    package static func generate(unixSeconds: Int? = nil) throws(MediaSecurityError) -> Certificate {
        guard let key = apus_generate_p256() else { throw MediaSecurityError("OpenSSL could not make a P-256 key") }
        defer { EVP_PKEY_free(key) }
        guard let x509 = X509_new() else { throw MediaSecurityError("OpenSSL could not make a certificate") }
        defer { X509_free(x509) }
        guard fill(x509, key: key, unixSeconds), X509_sign(x509, key, EVP_sha256()) > 0 else {
            throw MediaSecurityError("OpenSSL could not sign a certificate")
        }
        guard let digest = CertificateFingerprint.digest(of: x509, .sha256) else {
            throw MediaSecurityError("OpenSSL could not digest a certificate")
        }
        return Certificate(
            fingerprint: CertificateFingerprint(algorithm: .sha256, digest: digest), context: try DTLSContext(certificate: x509, key: key))
    }

    private init(fingerprint: CertificateFingerprint, context: DTLSContext) {
        self.fingerprint = fingerprint
        self.context = context
    }

    private static func fill(_ x509: OpaquePointer, key: OpaquePointer, _ unixSeconds: Int?) -> Bool {
        var serial: [UInt8] = Array(repeating: 0, count: 16)
        guard RAND_bytes(&serial, 16) == 1 else { return false }
        // RFC 5280 §4.1.2.2: positive, at most 20 octets.
        serial[0] = serial[0] & 0x7f | 0x40
        guard let number = BN_bin2bn(serial, 16, nil) else { return false }
        defer { BN_free(number) }
        guard
            X509_set_version(x509, 2) == 1,  // X.509 v3
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != nil,
            set(X509_getm_notBefore(x509), days: -1, from: unixSeconds),
            set(X509_getm_notAfter(x509), days: 364, from: unixSeconds),
            X509_set_pubkey(x509, key) == 1,
            let name = X509_get_subject_name(x509),
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "WebRTC", -1, -1, 0) == 1
        else { return false }
        return X509_set_issuer_name(x509, name) == 1
    }

    private static func set(_ time: UnsafeMutablePointer<ASN1_TIME>?, days: Int32, from unixSeconds: Int?) -> Bool {
        guard let unixSeconds else { return X509_gmtime_adj(time, Int(days) * 86_400) != nil }
        return ASN1_TIME_adj(time, unixSeconds, days, 0) != nil
    }
}

extension CertificateFingerprint {
    /// The digest of an OpenSSL X509; nil when OpenSSL refuses.
    static func digest(of x509: OpaquePointer, _ algorithm: Algorithm) -> [UInt8]? {
        let function =
            switch algorithm {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            }
        var length: UInt32 = 0
        var digest: [UInt8] = Array(repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        guard X509_digest(x509, function, &digest, &length) == 1, Int(length) == algorithm.digestLength else { return nil }
        return Array(digest.prefix(Int(length)))
    }

    /// Whether any of `fingerprints` is the digest of `x509`. Compared in constant time, so that nothing is learnt from a near miss.
    static func matches(_ x509: OpaquePointer, anyOf fingerprints: [CertificateFingerprint]) -> Bool {
        var matched = false
        for algorithm in Algorithm.allCases {
            let stated = fingerprints.filter { $0.algorithm == algorithm && $0.digest.count == algorithm.digestLength }
            guard !stated.isEmpty, let digest = digest(of: x509, algorithm) else { continue }
            for fingerprint in stated where CRYPTO_memcmp(fingerprint.digest, digest, digest.count) == 0 { matched = true }
        }
        return matched
    }
}
