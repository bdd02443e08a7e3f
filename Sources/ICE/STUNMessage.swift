import MediaPrimitives

/// A STUN message (RFC 8489) as plain values and ranges into the packet it was read from; no byte is copied, nothing is allocated.
///
///      0                   1                   2                   3
///     |0 0|  message type (14)        |        message length         |
///     |                  magic cookie 0x2112A442                      |
///     |                  transaction id (96 bits)                     |
///     |  attributes: type (16), length (16), value, padding to 4      |
///
/// Only the structure has been checked: whether the message is authentic is asked with `isAuthentic`. Of an attribute that comes twice the
/// first counts; attributes after MESSAGE-INTEGRITY are ignored, except FINGERPRINT (RFC 8489 §14.5).
package struct STUNMessage: Sendable {
    /// RFC 8489 §5: bits C1 and C0 of the message type.
    package enum Class: UInt8, Sendable { case request, indication, success, error }

    /// What the sender says it is (RFC 8445 §16.1), with its tie-breaker.
    package enum RoleClaim: Hashable, Sendable {
        case controlling(UInt64)
        case controlled(UInt64)
    }

    package static let headerSize = 20
    /// No longer message is read.
    package static let maximumSize = 1500
    package static let cookie: UInt32 = 0x2112_a442
    package static let bindingMethod: UInt16 = 1

    package var messageClass: Class
    package var method: UInt16
    package var transactionID: STUNTransactionID
    /// Where USERNAME's value lies in the packet.
    package var username: Range<Int>?
    package var priority: UInt32?
    package var useCandidate = false
    package var role: RoleClaim?
    package var xorMappedAddress: SocketAddress?
    /// 300 to 699 (RFC 8489 §14.8).
    package var errorCode: Int?
    /// Where the 20 bytes of the MAC lie.
    package var integrity: Range<Int>?
    /// FINGERPRINT's value as received; its attribute is the last one.
    package var fingerprint: UInt32?
    /// Attributes that have to be understood and are not: the first eight types, in order.
    package var unknownRequired = InlineArray<8, UInt16>(repeating: 0)
    package var unknownRequiredCount = 0

    /// Reads one message that fills `packet`; nil when it is not one: wrong first bits, cookie or length, an attribute that overruns or has an
    /// impossible size, or anything behind FINGERPRINT.
    package init?(_ packet: RawSpan) {
        guard let type = STUNMessage.type(of: packet), let high = packet.uint32(at: 8), let low = packet.uint64(at: 12) else { return nil }
        transactionID = STUNTransactionID(high: high, low: low)
        method = type & 0xf | type >> 1 & 0x70 | type >> 2 & 0xf80
        switch type & 0x110 {
        case 0x000: messageClass = .request
        case 0x010: messageClass = .indication
        case 0x100: messageClass = .success
        default: messageClass = .error
        }
        var cursor = STUNAttributeCursor(end: packet.byteCount)
        while let attribute = cursor.next(in: packet) {
            guard fingerprint == nil, take(attribute, of: packet) else { return nil }
        }
        if cursor.isMalformed { return nil }
    }

    /// Takes note of one attribute; false when its value cannot be right.
    private mutating func take(_ attribute: STUNAttributeCursor.Attribute, of packet: RawSpan) -> Bool {
        let value = attribute.value
        if attribute.type == STUNAttributeType.fingerprint {
            guard value.count == 4 else { return false }
            fingerprint = packet.uint32(at: value.lowerBound)
            return true
        }
        if integrity != nil { return true }
        switch attribute.type {
        case STUNAttributeType.username:
            if username == nil { username = value }
        case STUNAttributeType.messageIntegrity:
            guard value.count == 20 else { return false }
            integrity = value
        case STUNAttributeType.priority:
            guard value.count == 4 else { return false }
            if priority == nil { priority = packet.uint32(at: value.lowerBound) }
        case STUNAttributeType.useCandidate:
            guard value.isEmpty else { return false }
            useCandidate = true
        case STUNAttributeType.iceControlled, STUNAttributeType.iceControlling:
            guard value.count == 8, let tieBreaker = packet.uint64(at: value.lowerBound) else { return false }
            if role == nil {
                role = attribute.type == STUNAttributeType.iceControlling ? .controlling(tieBreaker) : .controlled(tieBreaker)
            }
        case STUNAttributeType.xorMappedAddress:
            guard let address = xorAddress(at: value, of: packet) else { return false }
            if xorMappedAddress == nil { xorMappedAddress = address }
        case STUNAttributeType.errorCode:
            guard value.count >= 4, let word = packet.uint32(at: value.lowerBound) else { return false }
            let hundreds = Int(word >> 8 & 7)
            let rest = Int(word & 0xff)
            guard (3...6).contains(hundreds), rest < 100 else { return false }
            if errorCode == nil { errorCode = hundreds &* 100 &+ rest }
        case STUNAttributeType.mappedAddress, STUNAttributeType.unknownAttributes, STUNAttributeType.realm, STUNAttributeType.nonce,
            STUNAttributeType.messageIntegritySHA256, STUNAttributeType.passwordAlgorithm, STUNAttributeType.userhash:
            break  // Part of STUN itself, and without meaning in an ICE check.
        case ..<STUNAttributeType.firstOptional:
            if unknownRequiredCount < 8 {
                unknownRequired[unknownRequiredCount] = attribute.type
                unknownRequiredCount &+= 1
            }
        default:
            break
        }
        return true
    }

    /// XOR-MAPPED-ADDRESS (RFC 8489 §14.2): the port is XORed with the cookie's upper half, the address with cookie and transaction id.
    private func xorAddress(at value: Range<Int>, of packet: RawSpan) -> SocketAddress? {
        guard value.count >= 8, let family = packet.uint8(at: value.lowerBound &+ 1), let port = packet.uint16(at: value.lowerBound &+ 2)
        else { return nil }
        let plainPort = port ^ UInt16(truncatingIfNeeded: STUNMessage.cookie >> 16)
        switch (family, value.count) {
        case (1, 8):
            guard let word = packet.uint32(at: value.lowerBound &+ 4) else { return nil }
            return SocketAddress(ipv4: word ^ STUNMessage.cookie, port: plainPort)
        case (2, 20):
            guard let high = packet.uint64(at: value.lowerBound &+ 4), let low = packet.uint64(at: value.lowerBound &+ 12) else {
                return nil
            }
            let mask = UInt64(STUNMessage.cookie) << 32 | UInt64(transactionID.high)
            return SocketAddress(high: high ^ mask, low: low ^ transactionID.low, port: plainPort)
        default:
            return nil
        }
    }

    /// The message type, when the fixed header is that of a STUN message which fills the packet.
    private static func type(of packet: RawSpan) -> UInt16? {
        guard packet.byteCount >= headerSize, packet.byteCount <= maximumSize, packet.byteCount & 3 == 0, let type = packet.uint16(at: 0),
            type & 0xc000 == 0, let length = packet.uint16(at: 2), Int(length) == packet.byteCount &- headerSize,
            packet.uint32(at: 4) == cookie
        else { return nil }
        return type
    }

    /// The first part of a Binding request's USERNAME: the user fragment of whom it is for (RFC 8445 §7.2.2). Nil for every other message.
    ///
    /// Cheap, as it runs for each packet from an unknown address: no MAC, no allocation, no further look behind USERNAME.
    package static func localUfrag(of packet: RawSpan) -> UfragKey? {
        guard type(of: packet) == bindingMethod else { return nil }
        var cursor = STUNAttributeCursor(end: packet.byteCount)
        while let attribute = cursor.next(in: packet) {
            switch attribute.type {
            case STUNAttributeType.username: return UfragKey(packet, upToColonIn: attribute.value)
            case STUNAttributeType.messageIntegrity: return nil
            default: continue
            }
        }
        return nil
    }

    /// The range of the first attribute of `type` before MESSAGE-INTEGRITY, for what this type has no field for.
    package static func attribute(_ type: UInt16, in packet: RawSpan) -> Range<Int>? {
        guard self.type(of: packet) != nil else { return nil }
        var cursor = STUNAttributeCursor(end: packet.byteCount)
        while let attribute = cursor.next(in: packet) {
            if attribute.type == type { return attribute.value }
            if attribute.type == STUNAttributeType.messageIntegrity { return nil }
        }
        return nil
    }

    /// Whether FINGERPRINT is right (RFC 8489 §14.7); nil without one.
    package func isFingerprintValid(in packet: RawSpan) -> Bool? {
        guard let fingerprint else { return nil }
        return packet.withUnsafeBytes { STUNFingerprint.value(of: $0, count: $0.count &- 8) } == fingerprint
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with `key` (RFC 8489 §14.5). `packet` is the one the message was read from.
    package func isAuthentic(in packet: RawSpan, key: MessageIntegrityKey) -> Bool {
        guard let integrity, packet.contains(integrity) else { return false }
        return packet.withUnsafeBytes { key.verifies($0, integrityAt: integrity.lowerBound) }
    }
}
