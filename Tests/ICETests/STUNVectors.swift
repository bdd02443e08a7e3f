import ICE
import MediaPrimitives

/// The samples of RFC 5769 §2.1 to §2.3.
enum STUNVectors {
    static let password = "VOkJxbRl1RmTxUk/WvJxBt"

    static let request = bytes(
        """
        000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36
        000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf
        """)

    static let responseIPv4 = bytes(
        """
        0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c3
        8c7489f92af9ba53f06be7d780280004c07d4c96
        """)

    static let responseIPv6 = bytes(
        """
        010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9
        00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c
        """)

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap { $0.hexDigitValue.map(UInt8.init) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

// Swift Testing's macros take no spans, so tests ask the bytes.
extension [UInt8] {
    /// Parses the whole array as one message.
    func stun() -> STUNMessage? { STUNMessage(span.bytes) }
    func isAuthentic(_ key: MessageIntegrityKey) -> Bool { stun()?.isAuthentic(in: span.bytes, key: key) ?? false }
    func hasValidFingerprint() -> Bool? { stun()?.isFingerprintValid(in: span.bytes) }
    /// The value of the first attribute of `type`.
    func stunAttribute(_ type: UInt16) -> [UInt8]? { STUNMessage.attribute(type, in: span.bytes).map { Array(self[$0]) } }
}
