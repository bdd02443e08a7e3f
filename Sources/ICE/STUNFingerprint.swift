/// FINGERPRINT (RFC 8489 §14.7): the CRC-32 of ITU V.42 over everything before the attribute, XORed with "STUN".
enum STUNFingerprint {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
    }

    /// The value over the first `count` bytes; `count` is cut to what there is.
    static func value(of bytes: UnsafeRawBufferPointer, count: Int) -> UInt32 {
        let crc = table.withUnsafeBufferPointer { table in
            var crc = UInt32.max
            for byte in bytes.prefix(max(0, count)) { crc = table[Int((crc ^ UInt32(byte)) & 0xff)] ^ crc >> 8 }
            return ~crc
        }
        return crc ^ 0x5354_554e
    }
}
