import COpenSSL

/// OpenSSL as anybody would set it up, over memory BIOs: a peer that shares none of our code. Its output is cut at record boundaries.
final class StockPeer {
    let ssl: OpaquePointer
    private let context: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    /// - Parameters:
    ///   - rsaBits: an RSA key of that size instead of ECDSA P-256.
    ///   - onP224: an ECDSA key on P-224 instead, and the curve allowed.
    ///   - padding: bytes of protocol names added to the hello, as large as a post-quantum key share makes it.
    init?(
        isClient: Bool, mtu: Int, rsaBits: UInt32? = nil, onP224: Bool = false, padding: Int = 0, withCertificate: Bool = true,
        profiles: String = "SRTP_AES128_CM_SHA1_80"
    ) {
        guard
            let context = SSL_CTX_new(DTLS_method()),
            let key = rsaBits.map({ apus_generate_rsa($0) }) ?? (onP224 ? apus_generate_p224() : apus_generate_p256()),
            !onP224 || apus_ssl_ctx_set_groups(context, "X25519:P-256:P-224") == 1,
            let x509 = X509_new(), let ssl = SSL_new(context), let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem())
        else { return nil }
        defer {
            X509_free(x509)
            EVP_PKEY_free(key)
        }
        self.context = context
        self.ssl = ssl
        self.input = input
        self.output = output
        X509_set_version(x509, 2)
        X509_gmtime_adj(X509_getm_notBefore(x509), 0)
        X509_gmtime_adj(X509_getm_notAfter(x509), 3600)
        X509_set_pubkey(x509, key)
        X509_sign(x509, key, EVP_sha256())
        var size: UInt32 = 0
        X509_digest(x509, EVP_sha256(), &digest, &size)
        if withCertificate {
            SSL_use_certificate(ssl, x509)
            SSL_use_PrivateKey(ssl, key)
        }
        SSL_set_verify(ssl, SSL_VERIFY_PEER, { _, _ in 1 })
        SSL_set_tlsext_use_srtp(ssl, profiles)
        BIO_ctrl(input, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, nil)
        BIO_ctrl(output, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, nil)
        SSL_set_bio(ssl, input, output)
        SSL_set_options(ssl, 1 << 12)  // SSL_OP_NO_QUERY_MTU
        _ = apus_dtls_set_link_mtu(ssl, mtu)
        if isClient { SSL_set_connect_state(ssl) } else { SSL_set_accept_state(ssl) }
        var names: [UInt8] = []
        while names.count < padding { names += [200] + Array(repeating: 65, count: 200) }
        if padding > 0 { SSL_set_alpn_protos(ssl, names, UInt32(names.count)) }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    private(set) var digest = [UInt8](repeating: 0, count: 64)

    /// Works on `datagram`, and gives the records that came of it.
    func take(_ datagram: [UInt8]?) -> [[UInt8]] {
        if let datagram { BIO_write(input, datagram, Int32(datagram.count)) }
        ERR_clear_error()
        if SSL_do_handshake(ssl) == 1 {
            var buffer = [UInt8](repeating: 0, count: 2_000)
            _ = SSL_read(ssl, &buffer, 2_000)
        }
        ERR_clear_error()
        var written = [UInt8](repeating: 0, count: 65_536)
        let count = BIO_read(output, &written, 65_536)
        guard count > 0 else { return [] }
        return records(Array(written.prefix(Int(count))))
    }

    var isFinished: Bool { SSL_in_init(ssl) == 0 }
}

/// Cuts a run of DTLS records into single ones.
func records(_ bytes: [UInt8]) -> [[UInt8]] {
    var rest = bytes[...]
    var records: [[UInt8]] = []
    while rest.count >= 13 {
        let length = 13 + Int(rest[rest.startIndex + 11]) << 8 + Int(rest[rest.startIndex + 12])
        guard rest.count >= length else { break }
        records.append(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return records
}

/// Cuts the one handshake message in `record` into fragments of `size` bytes, each a record with the numbers from `firstNumber` on.
func fragments(of record: [UInt8], size: Int, firstNumber: UInt8) -> [[UInt8]] {
    let header = record[13..<25]
    let body = Array(record[25...])
    return stride(from: 0, to: body.count, by: size).enumerated().map { index, offset in
        let piece = Array(body[offset..<min(offset + size, body.count)])
        let word = { (value: Int) in [UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
        let fragment = Array(header.prefix(6)) + word(offset) + word(piece.count) + piece
        let number = index == 0 && firstNumber == 0 ? 0 : firstNumber &+ UInt8(index)
        return Array(record[..<5]) + [0, 0, 0, 0, 0, number] + [UInt8(fragment.count >> 8), UInt8(fragment.count & 0xff)] + fragment
    }
}
