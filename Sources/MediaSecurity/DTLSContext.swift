import COpenSSL
import MediaPrimitives

/// OpenSSL's SSL_CTX: what all associations of one certificate share.
///
/// `@unchecked Sendable`: it is configured in `init` and never changed afterwards, and OpenSSL counts its references atomically, so that every
/// worker may make associations from it at once.
final class DTLSContext: @unchecked Sendable {
    let pointer: OpaquePointer

    /// In order of preference. All have forward secrecy and an AEAD: what every browser, FFmpeg, GStreamer, aiortc, Pion and str0m offer.
    /// The RSA suites serve us as a client against a server with an RSA certificate; as a server ours is ECDSA.
    private static let suites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
    ].joined(separator: ":")

    /// P-224 last, and only because a certificate's curve must be in this list too (RFC 8422 §5.1.1): FFmpeg's WHIP muxer signs on it.
    private static let groups = "X25519:P-256:P-384:P-224"

    /// The most bytes of certificates a peer may send: a 4096-bit RSA certificate has about 1,300.
    static let maximumPeerChain = 16_384

    /// `certificate` and `key` are OpenSSL's; the context takes references of its own.
    init(certificate: OpaquePointer, key: OpaquePointer) throws(MediaSecurityError) {
        guard let context = SSL_CTX_new(DTLS_method()) else { throw MediaSecurityError("OpenSSL could not make a DTLS context") }
        pointer = context
        guard
            apus_ssl_ctx_harden(context) == 1,
            SSL_CTX_use_certificate(context, certificate) == 1,
            SSL_CTX_use_PrivateKey(context, key) == 1,
            SSL_CTX_set_cipher_list(context, DTLSContext.suites) == 1,
            apus_ssl_ctx_set_groups(context, DTLSContext.groups) == 1
        else { throw MediaSecurityError("OpenSSL refused the DTLS settings") }
        apus_ssl_ctx_set_max_peer_chain(context, DTLSContext.maximumPeerChain)
        // No chain can be verified: certificates are self-signed and the SDP's fingerprint is the only trust there is (RFC 8122 §5).
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(context, DatagramPort.verifyPeer, nil)
    }

    deinit { SSL_CTX_free(pointer) }
}
