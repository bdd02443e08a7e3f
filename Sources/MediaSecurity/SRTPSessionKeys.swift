import COpenSSL

/// The session keys of one direction, derived from its master key (RFC 3711 §4.3, RFC 7714 §11).
package struct SRTPSessionKeys {
    /// Those of SRTP, or of SRTCP.
    package struct Keys {
        package var cipher: [UInt8]
        /// 20 bytes, which only AES-CM has a use for.
        package var authentication: [UInt8]
        package var salt: [UInt8]

        package init(cipher: [UInt8], authentication: [UInt8], salt: [UInt8]) {
            self.cipher = cipher
            self.authentication = authentication
            self.salt = salt
        }

        fileprivate mutating func wipe() {
            cipher.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
            authentication.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
        }
    }

    package var rtp: Keys
    package var rtcp: Keys

    package init(rtp: Keys, rtcp: Keys) {
        self.rtp = rtp
        self.rtcp = rtcp
    }

    /// Derives them; an error if master key or salt are not of the profile's length.
    package init(_ profile: SRTPProfile, masterKey: [UInt8], masterSalt: [UInt8]) throws(MediaSecurityError) {
        guard masterKey.count == profile.keyLength, masterSalt.count == profile.saltLength else {
            throw MediaSecurityError("SRTP keys of a wrong length")
        }
        func keys(_ firstLabel: UInt8) throws(MediaSecurityError) -> Keys {
            Keys(
                cipher: try SRTPSessionKeys.derive(firstLabel, masterKey, masterSalt, count: profile.keyLength),
                authentication: try SRTPSessionKeys.derive(firstLabel + 1, masterKey, masterSalt, count: 20),
                salt: try SRTPSessionKeys.derive(firstLabel + 2, masterKey, masterSalt, count: profile.saltLength))
        }
        rtp = try keys(0)
        rtcp = try keys(3)
    }

    /// RFC 3711 §4.3.1 and §4.3.3 with a rate of 0: the key stream of AES in counter mode, from the salt with the label in its eighth byte.
    private static func derive(_ label: UInt8, _ key: [UInt8], _ salt: [UInt8], count: Int) throws(MediaSecurityError) -> [UInt8] {
        var counter = salt + [UInt8](repeating: 0, count: 16 - salt.count)
        counter[7] ^= label
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        let cipher = key.count == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr()
        var output = [UInt8](repeating: 0, count: count)
        var written: Int32 = 0
        guard context != nil, EVP_EncryptInit_ex(context, cipher, nil, key, counter) == 1,
            EVP_EncryptUpdate(context, &output, &written, [UInt8](repeating: 0, count: count), Int32(count)) == 1, Int(written) == count
        else { throw MediaSecurityError("SRTP keys could not be derived") }
        return output
    }

    /// Overwrites them, when they are expanded elsewhere.
    mutating func wipe() {
        rtp.wipe()
        rtcp.wipe()
    }
}
