import CMultiBuffer
import COpenSSL
import MediaPrimitives

/// SRTP under AES-GCM for what we send (RFC 7714), by the multi-buffer library: a fan-out encrypts each packet once for every subscriber, and
/// a general library's price for each call is most of what that costs.
///
/// The only owner of its leg's rollover counters: RTP of a session goes either always through here or never. One thread only.
final class SRTPSealer {
    /// How far behind the newest number of a stream one may still be sent, as libsrtp has it.
    private static let window: Int64 = 1_024
    static let tagLength = 16

    private struct Stream {
        var ssrc: UInt32
        /// The highest index so far: rollover counter and sequence number (RFC 3711 §3.3.1).
        var highest: Int64
    }

    private let key: OpaquePointer
    /// The session salt as the numbers that an IV's two parts are combined with.
    private let saltHigh: UInt64
    private let saltLow: UInt32
    private var streams: [Stream] = []
    /// Where the last packet's stream is: packets come in runs.
    private var last = 0

    /// Nil where the library or its processor is missing, or the profile is another.
    init?(_ profile: SRTPProfile, masterKey: [UInt8], masterSalt: [UInt8]) {
        guard profile != .aes128CMSHA1Tag80, masterKey.count == profile.keyLength, masterSalt.count == profile.saltLength,
            var sessionKey = SRTPSealer.derive(label: 0, masterKey, masterSalt, count: profile.keyLength),
            let salt = SRTPSealer.derive(label: 2, masterKey, masterSalt, count: 12),
            let made = multibuffer_key_make(sessionKey, UInt64(sessionKey.count))
        else { return nil }
        sessionKey.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
        key = made
        saltHigh = salt[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        saltLow = salt[8...].reduce(0) { $0 << 8 | UInt32($1) }
    }

    deinit { multibuffer_key_free(key) }

    /// The key derivation of RFC 3711 §4.3 with a rate of 0 and the salt padded to 112 bits (RFC 7714 §11): AES in counter mode.
    private static func derive(label: UInt8, _ key: [UInt8], _ salt: [UInt8], count: Int) -> [UInt8]? {
        var counter = salt + [UInt8](repeating: 0, count: 16 - salt.count)
        counter[7] ^= label
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        let cipher = key.count == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr()
        var output = [UInt8](repeating: 0, count: count)
        var written: Int32 = 0
        guard EVP_EncryptInit_ex(context, cipher, nil, key, counter) == 1,
            EVP_EncryptUpdate(context, &output, &written, [UInt8](repeating: 0, count: count), Int32(count)) == 1, Int(written) == count
        else { return nil }
        return output
    }

    /// Encrypts the packet in the first `length` bytes at `base` in place and appends the tag; `header` bytes, extension and all, stay in the
    /// clear and are authenticated. The new length, or nil for a number too far behind.
    ///
    /// A number that was sent before is sealed again as if it were new: its bytes must be the same.
    func seal(_ base: UnsafeMutableRawPointer, length: Int, header: Int) -> Int? {
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let sequence = UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        guard let index = index(of: sequence, ssrc) else { return nil }
        // RFC 7714 §8.1: two zero bytes, SSRC, rollover counter, sequence number; exclusive-or with the salt.
        let high = saltHigh ^ (UInt64(ssrc) << 16 | UInt64(truncatingIfNeeded: index >> 32) & 0xffff)
        let low = saltLow ^ UInt32(truncatingIfNeeded: index)
        var iv = (high.bigEndian, low.bigEndian)
        withUnsafeBytes(of: &iv) { bytes in
            multibuffer_seal(
                key, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), base, UInt64(header), base + header, UInt64(length - header),
                base + length)
        }
        return length + SRTPSealer.tagLength
    }

    /// Forgets a stream that has ended for good. The session refuses its SSRC from then on.
    func remove(_ ssrc: UInt32) {
        streams.removeAll { $0.ssrc == ssrc }
        last = 0
    }

    private func index(of sequence: UInt16, _ ssrc: UInt32) -> Int64? {
        if last >= streams.count || streams[last].ssrc != ssrc {
            guard let known = streams.firstIndex(where: { $0.ssrc == ssrc }) else {
                last = streams.count
                streams.append(Stream(ssrc: ssrc, highest: Int64(sequence)))
                return Int64(sequence)
            }
            last = known
        }
        let highest = streams[last].highest
        let index = highest + Int64(Int16(truncatingIfNeeded: sequence &- UInt16(truncatingIfNeeded: highest)))
        if index > highest {
            // 2^48 packets under one key end its life (RFC 3711 §9.2).
            guard index < 1 << 48 else { return nil }
            streams[last].highest = index
            return index
        }
        return index >= 0 && highest - index < SRTPSealer.window ? index : nil
    }
}
