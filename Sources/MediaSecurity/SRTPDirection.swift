import CMediaCiphers
import COpenSSL

/// One direction's keys, ready for use, and the numbers that a packet's cipher begins with.
struct SRTPDirection: ~Copyable {
    /// A salt, as what is exclusive-or'ed with both halves of an IV.
    private struct Salt {
        var high: UInt64 = 0
        var low: UInt64 = 0

        init(_ bytes: [UInt8]) {
            for (place, byte) in bytes.enumerated() {
                if place < 8 { high |= UInt64(byte) << UInt64(56 - 8 * place) } else { low |= UInt64(byte) << UInt64(120 - 8 * place) }
            }
        }
    }

    let keys: OpaquePointer
    let isCM: Bool
    private let rtpSalt: Salt
    private let rtcpSalt: Salt

    /// `seals`: for what is sent.
    init(_ profile: SRTPProfile, _ sessionKeys: SRTPSessionKeys, seals: Bool, _ cipher: SRTPCipher) throws(MediaSecurityError) {
        guard var rtp = sessionKeys.rtp.expandable(profile), var rtcp = sessionKeys.rtcp.expandable(profile) else {
            throw MediaSecurityError("SRTP keys of a wrong length")
        }
        defer {
            withUnsafeMutableBytes(of: &rtp) { OPENSSL_cleanse($0.baseAddress, $0.count) }
            withUnsafeMutableBytes(of: &rtcp) { OPENSSL_cleanse($0.baseAddress, $0.count) }
        }
        guard let keys = media_keys_make(profile.transform, seals, cipher == .multiBuffer, &rtp, &rtcp) else {
            throw MediaSecurityError("SRTP keys could not be expanded by \(cipher)")
        }
        self.keys = keys
        isCM = profile == .aes128CMSHA1Tag80
        rtpSalt = Salt(sessionKeys.rtp.salt)
        rtcpSalt = Salt(sessionKeys.rtcp.salt)
    }

    deinit { media_keys_release(keys) }

    // MARK: A packet's numbers

    /// Of RTP by its index, rollover counter and sequence number.
    @inline(__always)
    func rtpIV(_ ssrc: UInt32, _ index: Int64) -> media_iv { iv(rtpSalt, ssrc, UInt64(bitPattern: index)) }

    /// Of RTCP by the index that it carries.
    @inline(__always)
    func rtcpIV(_ ssrc: UInt32, _ index: UInt32) -> media_iv { iv(rtcpSalt, ssrc, UInt64(index)) }

    /// RFC 3711 §4.1.1: SSRC and a 48-bit index before the 16 bits of AES-CM's block counter. RFC 7714 §8.1 and §9.1: the same with nothing behind it,
    /// and two bytes further up.
    @inline(__always)
    private func iv(_ salt: Salt, _ ssrc: UInt32, _ index: UInt64) -> media_iv {
        if isCM { return media_iv(high: (salt.high ^ UInt64(ssrc)).bigEndian, low: (salt.low ^ index &<< 16).bigEndian) }
        return media_iv(high: (salt.high ^ (UInt64(ssrc) &<< 16 | index &>> 32)).bigEndian, low: (salt.low ^ index &<< 32).bigEndian)
    }

    /// What AES-GCM authenticates of an encrypted RTCP packet beside its text: the header's eight bytes, E flag and index (RFC 7714 §9.2).
    @inline(__always)
    static func withControlData(_ header: UnsafeRawPointer, _ trailer: UInt32, _ body: (UnsafePointer<UInt8>) -> Bool) -> Bool {
        var bytes = (header.loadUnaligned(as: UInt64.self), trailer)
        return withUnsafeBytes(of: &bytes) { body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)) }
    }
}

extension SRTPSessionKeys.Keys {
    /// As the ciphers take them; nil if a length is not the profile's.
    fileprivate func expandable(_ profile: SRTPProfile) -> media_session_key? {
        guard cipher.count == profile.keyLength, authentication.count == 20, salt.count == profile.saltLength else { return nil }
        var key = media_session_key()
        withUnsafeMutableBytes(of: &key.cipher) { $0.copyBytes(from: cipher) }
        withUnsafeMutableBytes(of: &key.authentication) { $0.copyBytes(from: authentication) }
        return key
    }
}

extension SRTPProfile {
    fileprivate var transform: media_transform {
        switch self {
        case .aeadAES128GCM: MEDIA_AES_128_GCM
        case .aeadAES256GCM: MEDIA_AES_256_GCM
        case .aes128CMSHA1Tag80: MEDIA_AES_128_CM_SHA1_80
        }
    }
}
