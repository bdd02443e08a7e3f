import MediaPrimitives

/// Writes one STUN message (RFC 8489) into memory that somebody else owns. What does not fit makes `finish` return 0; nothing traps.
package struct STUNWriter {
    private var writer: ByteWriter
    private let transactionID: STUNTransactionID

    package init(
        _ memory: UnsafeMutableRawBufferPointer, _ messageClass: STUNMessage.Class, method: UInt16 = STUNMessage.bindingMethod,
        transactionID: STUNTransactionID
    ) {
        writer = ByteWriter(memory)
        self.transactionID = transactionID
        let classBits = (UInt16(messageClass.rawValue) & 1) << 4 | (UInt16(messageClass.rawValue) & 2) << 7
        writer.uint16(method & 0xf | (method & 0x70) << 1 | (method & 0xf80) << 2 | classBits)
        writer.uint16(0)
        writer.uint32(STUNMessage.cookie)
        writer.uint32(transactionID.high)
        writer.uint64(transactionID.low)
    }

    /// Any attribute, padded with zeros to four bytes (RFC 8489 §14).
    package mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
        writer.uint16(type)
        writer.uint16(UInt16(truncatingIfNeeded: value.count))
        writer.bytes(value)
        writer.zeros(-value.count & 3)
    }

    package mutating func username(_ value: [UInt8]) { attribute(STUNAttributeType.username, value) }

    package mutating func priority(_ value: UInt32) {
        head(STUNAttributeType.priority, 4)
        writer.uint32(value)
    }

    package mutating func useCandidate() { head(STUNAttributeType.useCandidate, 0) }

    package mutating func role(_ claim: STUNMessage.RoleClaim) {
        switch claim {
        case .controlling(let tieBreaker):
            head(STUNAttributeType.iceControlling, 8)
            writer.uint64(tieBreaker)
        case .controlled(let tieBreaker):
            head(STUNAttributeType.iceControlled, 8)
            writer.uint64(tieBreaker)
        }
    }

    /// RFC 8489 §14.2.
    package mutating func xorMappedAddress(_ address: SocketAddress) {
        let port = address.port ^ UInt16(truncatingIfNeeded: STUNMessage.cookie >> 16)
        head(STUNAttributeType.xorMappedAddress, address.isIPv4 ? 8 : 20)
        writer.uint16(address.isIPv4 ? 1 : 2)
        writer.uint16(port)
        if address.isIPv4 {
            writer.uint32(address.ipv4 ^ STUNMessage.cookie)
        } else {
            writer.uint64(address.high ^ (UInt64(STUNMessage.cookie) << 32 | UInt64(transactionID.high)))
            writer.uint64(address.low ^ transactionID.low)
        }
    }

    /// ERROR-CODE without a reason phrase, which only costs bytes (RFC 8489 §14.8).
    package mutating func errorCode(_ code: Int) {
        head(STUNAttributeType.errorCode, 4)
        writer.uint16(0)
        writer.uint8(UInt8(truncatingIfNeeded: code / 100))
        writer.uint8(UInt8(truncatingIfNeeded: code % 100))
    }

    /// UNKNOWN-ATTRIBUTES with those of `message` (RFC 8489 §14.9).
    package mutating func unknownAttributes(of message: STUNMessage) {
        let count = min(8, max(0, message.unknownRequiredCount))
        head(STUNAttributeType.unknownAttributes, UInt16(truncatingIfNeeded: 2 &* count))
        for index in 0..<count { writer.uint16(message.unknownRequired[index]) }
        if count & 1 == 1 { writer.uint16(0) }
    }

    /// Adds MESSAGE-INTEGRITY (with a key) and FINGERPRINT and closes the message. Returns its length in bytes, or 0 when it did not fit.
    package mutating func finish(key: MessageIntegrityKey?) -> Int {
        if let key {
            let start = writer.count
            head(STUNAttributeType.messageIntegrity, UInt16(MessageIntegrityKey.macSize))
            writer.zeros(MessageIntegrityKey.macSize)
            guard !writer.overflowed else { return 0 }
            let bytes = writer.written
            guard let base = bytes.baseAddress, key.sign(UnsafeRawBufferPointer(bytes), upTo: start, into: base + start + 4) else {
                return 0
            }
        }
        // FINGERPRINT covers the header with its final length.
        writer.patch(uint16: UInt16(truncatingIfNeeded: writer.count &- STUNMessage.headerSize &+ 8), at: 2)
        let crc = STUNFingerprint.value(of: UnsafeRawBufferPointer(writer.written), count: writer.count)
        head(STUNAttributeType.fingerprint, 4)
        writer.uint32(crc)
        return writer.overflowed ? 0 : writer.count
    }

    private mutating func head(_ type: UInt16, _ length: UInt16) {
        writer.uint16(type)
        writer.uint16(length)
    }
}
