import COpenSSL

/// The SRTP protection profiles offered and accepted (RFC 5764 §4.1.2, RFC 7714 §14.2).
package enum SRTPProfile: UInt16, Sendable, CaseIterable {
    case aeadAES128GCM = 0x0007
    case aeadAES256GCM = 0x0008
    case aes128CMSHA1Tag80 = 0x0001

    /// Bytes of master key.
    package var keyLength: Int { self == .aeadAES256GCM ? 32 : 16 }
    /// Bytes of master salt.
    package var saltLength: Int { self == .aes128CMSHA1Tag80 ? 14 : 12 }
    /// Bytes that protection appends to an RTP packet. RTCP grows by these and four more (the E flag and index, RFC 3711 §3.4).
    package var tagLength: Int { self == .aes128CMSHA1Tag80 ? 10 : 16 }

    /// As OpenSSL spells it.
    var name: String {
        switch self {
        case .aeadAES128GCM: "SRTP_AEAD_AES_128_GCM"
        case .aeadAES256GCM: "SRTP_AEAD_AES_256_GCM"
        case .aes128CMSHA1Tag80: "SRTP_AES128_CM_SHA1_80"
        }
    }
}

/// The master keys and salts of one association, as DTLS exported them (RFC 5764 §4.2).
package struct SRTPKeys: Sendable, Equatable {
    package var profile: SRTPProfile
    /// What we send is protected with these.
    package var localKey: [UInt8]
    package var localSalt: [UInt8]
    /// What the peer sends is protected with these.
    package var remoteKey: [UInt8]
    package var remoteSalt: [UInt8]

    package init(profile: SRTPProfile, localKey: [UInt8], localSalt: [UInt8], remoteKey: [UInt8], remoteSalt: [UInt8]) {
        self.profile = profile
        self.localKey = localKey
        self.localSalt = localSalt
        self.remoteKey = remoteKey
        self.remoteSalt = remoteSalt
    }

    /// Exports from a finished handshake. The block is client key, server key, client salt, server salt (RFC 5764 §4.2). Nil without an
    /// agreed profile.
    init?(exportedFrom ssl: OpaquePointer, isClient: Bool) {
        guard
            let selected = SSL_get_selected_srtp_profile(ssl),
            let profile = SRTPProfile(rawValue: UInt16(truncatingIfNeeded: selected.pointee.id))
        else { return nil }
        let key = profile.keyLength
        let salt = profile.saltLength
        let label = "EXTRACTOR-dtls_srtp"
        var block = [UInt8](repeating: 0, count: 2 * (key + salt))
        defer { block.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        guard SSL_export_keying_material(ssl, &block, block.count, label, label.utf8.count, nil, 0, 0) == 1 else { return nil }
        let client = (Array(block[..<key]), Array(block[(2 * key)..<(2 * key + salt)]))
        let server = (Array(block[key..<(2 * key)]), Array(block[(2 * key + salt)...]))
        let (local, remote) = isClient ? (client, server) : (server, client)
        self.init(profile: profile, localKey: local.0, localSalt: local.1, remoteKey: remote.0, remoteSalt: remote.1)
    }
}
