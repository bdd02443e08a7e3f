import MediaPrimitives

/// The 96 bits that tie a STUN response to its request (RFC 8489 §5).
package struct STUNTransactionID: Hashable, Sendable {
    package var high: UInt32
    package var low: UInt64

    package init(high: UInt32, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The attribute types that are read or written here (RFC 8489 §18.3, RFC 8445 §16.1).
enum STUNAttributeType {
    static let mappedAddress: UInt16 = 0x0001
    static let username: UInt16 = 0x0006
    static let messageIntegrity: UInt16 = 0x0008
    static let errorCode: UInt16 = 0x0009
    static let unknownAttributes: UInt16 = 0x000a
    static let realm: UInt16 = 0x0014
    static let nonce: UInt16 = 0x0015
    static let messageIntegritySHA256: UInt16 = 0x001c
    static let passwordAlgorithm: UInt16 = 0x001d
    static let userhash: UInt16 = 0x001e
    static let xorMappedAddress: UInt16 = 0x0020
    static let priority: UInt16 = 0x0024
    static let useCandidate: UInt16 = 0x0025
    static let fingerprint: UInt16 = 0x8028
    static let iceControlled: UInt16 = 0x8029
    static let iceControlling: UInt16 = 0x802a

    /// Types from here on may be ignored by who does not know them (RFC 8489 §14).
    static let firstOptional: UInt16 = 0x8000
}

/// Steps over the attributes of a message whose header has been checked: type, length, value, padding to four bytes (RFC 8489 §14).
struct STUNAttributeCursor {
    struct Attribute {
        var type: UInt16
        /// Where the attribute's own header begins.
        var offset: Int
        /// The value without padding; always inside the packet.
        var value: Range<Int>
    }

    private var offset = STUNMessage.headerSize
    private let end: Int
    /// Set when an attribute claims more than the message has; `next` then gives nil.
    private(set) var isMalformed = false

    init(end: Int) { self.end = end }

    mutating func next(in packet: RawSpan) -> Attribute? {
        guard offset < end else { return nil }
        guard let type = packet.uint16(at: offset), let length = packet.uint16(at: offset &+ 2) else {
            isMalformed = true
            return nil
        }
        let start = offset &+ 4
        let padded = (Int(length) &+ 3) & ~3
        guard start <= end, padded <= end &- start else {
            isMalformed = true
            return nil
        }
        let attribute = Attribute(type: type, offset: offset, value: start..<(start &+ Int(length)))
        offset = start &+ padded
        return attribute
    }
}
