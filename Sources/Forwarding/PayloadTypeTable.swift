import MediaPrimitives
import RTP

/// What each payload type of one section means, as flat tables: one load per packet.
package struct PayloadTypeTable: Sendable {
    private static let none: UInt8 = 0xff

    /// Indexed by payload type: the codec's raw value, or `none`.
    private var media = InlineArray<128, UInt8>(repeating: PayloadTypeTable.none)
    /// The same for retransmissions: the codec that they repair.
    private var retransmissions = InlineArray<128, UInt8>(repeating: PayloadTypeTable.none)
    package init(_ codecs: [CodecParameters]) {
        for entry in codecs.reversed() where entry.payloadType < 128 {
            media[Int(entry.payloadType)] = entry.codec.rawValue
            if let rtx = entry.rtxPayloadType, rtx < 128 { retransmissions[Int(rtx)] = entry.codec.rawValue }
        }
    }

    package func codec(_ payloadType: UInt8) -> Codec? { Codec(rawValue: media[Int(payloadType & 0x7f)]) }
    package func codec(retransmission payloadType: UInt8) -> Codec? { Codec(rawValue: retransmissions[Int(payloadType & 0x7f)]) }
}

/// The payload types that each codec is sent with on one section.
package struct PayloadTypes: Sendable {
    private static let none: UInt8 = 0xff

    /// Indexed by codec: its payload type and that of its retransmissions, or `none`.
    private var media = InlineArray<8, UInt8>(repeating: PayloadTypes.none)
    private var retransmissions = InlineArray<8, UInt8>(repeating: PayloadTypes.none)

    /// The first of several entries for a codec is the one that is sent.
    package init(_ codecs: [CodecParameters]) {
        for entry in codecs.reversed() where entry.payloadType < 128 {
            media[Int(entry.codec.rawValue)] = entry.payloadType
            let rtx = entry.rtxPayloadType ?? PayloadTypes.none
            retransmissions[Int(entry.codec.rawValue)] = rtx < 128 ? rtx : PayloadTypes.none
        }
    }

    /// One that retransmissions are sent with; nil where there is none.
    package var anyRetransmission: UInt8? {
        for codec in Codec.allCases { if let type = retransmissionPayloadType(codec) { return type } }
        return nil
    }

    package func payloadType(_ codec: Codec) -> UInt8? {
        let type = media[Int(codec.rawValue)]
        return type == PayloadTypes.none ? nil : type
    }
    package func retransmissionPayloadType(_ codec: Codec) -> UInt8? {
        let type = retransmissions[Int(codec.rawValue)]
        return type == PayloadTypes.none ? nil : type
    }
}
