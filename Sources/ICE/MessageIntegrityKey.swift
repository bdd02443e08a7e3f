import COpenSSL
import MediaPrimitives

/// A password made ready for MESSAGE-INTEGRITY: HMAC-SHA1 over the message before the attribute, with the header's length field set as if
/// the attribute were the last (RFC 8489 §14.5).
///
/// The keyed context is made once and started over for each message. Not `Sendable`: it belongs to one agent on one thread.
package final class MessageIntegrityKey {
    package static let macSize = 20

    /// Nil for an empty key, or when OpenSSL has no memory or no HMAC; nothing then verifies, and nothing is signed.
    private let context: OpaquePointer?

    /// A short-term key: the password itself (RFC 8489 §9.1.1; SASLprep leaves the characters of ICE passwords alone).
    package convenience init(password: String) { self.init(bytes: Array(password.utf8)) }

    package init(bytes: [UInt8]) {
        context = MessageIntegrityKey.makeContext(bytes)
    }

    private static func makeContext(_ key: [UInt8]) -> OpaquePointer? {
        // OpenSSL takes no empty key, and its functions no null.
        guard !key.isEmpty, let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { EVP_MAC_free(mac) }
        guard let context = EVP_MAC_CTX_new(mac) else { return nil }
        guard key.withUnsafeBufferPointer({ setKey($0, of: context) }) == 1 else {
            EVP_MAC_CTX_free(context)
            return nil
        }
        return context
    }

    private static func setKey(_ key: UnsafeBufferPointer<UInt8>, of context: OpaquePointer) -> Int32 {
        // An OSSL_PARAM keeps the pointers to its name and value: both strings must live until the call that reads them has returned.
        var digest: [CChar] = [0x53, 0x48, 0x41, 0x31, 0]  // "SHA1"
        return "digest".withCString { name in
            digest.withUnsafeMutableBufferPointer { value in
                let parameters = [OSSL_PARAM_construct_utf8_string(name, value.baseAddress, 0), OSSL_PARAM_construct_end()]
                return EVP_MAC_init(context, key.baseAddress, key.count, parameters)
            }
        }
    }

    deinit { EVP_MAC_CTX_free(context) }

    /// Writes the 20 bytes of the MAC over `message[..<end]` to `mac`; false when that could not be done. `end` is where the attribute's own
    /// header begins.
    func sign(_ message: UnsafeRawBufferPointer, upTo end: Int, into mac: UnsafeMutableRawPointer) -> Bool {
        guard let context, end >= STUNMessage.headerSize, end <= message.count, let base = message.baseAddress else { return false }
        // Type as it is, length up to the end of MESSAGE-INTEGRITY.
        let length = UInt16(truncatingIfNeeded: end &- STUNMessage.headerSize &+ 4 &+ MessageIntegrityKey.macSize)
        var head = (message[0], message[1], UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length))
        var written = 0
        return EVP_MAC_init(context, nil, 0, nil) == 1
            && withUnsafeBytes(of: &head) { EVP_MAC_update(context, $0.assumingMemoryBound(to: UInt8.self).baseAddress, 4) } == 1
            && EVP_MAC_update(context, (base + 4).assumingMemoryBound(to: UInt8.self), end &- 4) == 1
            && EVP_MAC_final(context, mac.assumingMemoryBound(to: UInt8.self), &written, MessageIntegrityKey.macSize) == 1
            && written == MessageIntegrityKey.macSize
    }

    /// Whether the 20 bytes at `offset` are the MAC of what lies before their attribute. Takes the same time wherever they differ.
    func verifies(_ message: UnsafeRawBufferPointer, integrityAt offset: Int) -> Bool {
        guard offset >= STUNMessage.headerSize &+ 4, offset <= message.count &- MessageIntegrityKey.macSize, let base = message.baseAddress
        else { return false }
        return withUnsafeTemporaryAllocation(byteCount: MessageIntegrityKey.macSize, alignment: 8) { expected in
            guard let mac = expected.baseAddress, sign(message, upTo: offset &- 4, into: mac) else { return false }
            return CRYPTO_memcmp(mac, base + offset, MessageIntegrityKey.macSize) == 0
        }
    }
}
