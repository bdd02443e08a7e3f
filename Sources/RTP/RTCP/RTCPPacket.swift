import MediaPrimitives

/// One RTCP packet inside a datagram, as plain values and offsets: its common header has been checked, its body has not.
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     |V=2|P| RC/FMT  |      PT       |  length in 32-bit words - 1   |
@frozen @usableFromInline
package struct RTCPPacket: Hashable, Sendable {
    /// What it is, by packet type and feedback message type.
    @frozen @usableFromInline
    package enum Kind: UInt8, Sendable {
        /// RFC 3550 §6.4 to §6.6.
        case senderReport, receiverReport, sourceDescription, goodbye
        /// RFC 4585 §6.2.1.
        case nack
        /// draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.
        case transportFeedback
        /// RFC 4585 §6.3.1.
        case pictureLossIndication
        /// RFC 5104 §4.3.1.
        case fullIntraRequest
        /// RFC 4585 §6.4; REMB if its identifier says so.
        case applicationLayerFeedback
        /// RFC 8888 §3.1.
        case congestionControlFeedback
        /// RFC 3611.
        case extendedReport
        /// APP and whatever else: to be skipped.
        case other
    }

    /// The PT field.
    @usableFromInline package var type: UInt8
    /// The five bits that are a count in some types and the feedback message type (FMT) in others: 0 to 31.
    @usableFromInline package var count: UInt8
    /// Where its header starts in the datagram.
    @usableFromInline package var offset: Int
    /// Bytes with the header and without padding; at least 4.
    @usableFromInline package var length: Int

    /// Where the body starts in the datagram.
    @inlinable package var bodyOffset: Int { offset &+ 4 }
    /// Where the body ends.
    @inlinable package var end: Int { offset &+ length }

    @inlinable package var kind: Kind {
        switch (type, count) {
        case (200, _): .senderReport
        case (201, _): .receiverReport
        case (202, _): .sourceDescription
        case (203, _): .goodbye
        case (205, 1): .nack
        case (205, 15): .transportFeedback
        case (205, 11): .congestionControlFeedback
        case (206, 1): .pictureLossIndication
        case (206, 4): .fullIntraRequest
        case (206, 15): .applicationLayerFeedback
        case (207, _): .extendedReport
        default: .other
        }
    }

    /// Whether a datagram whose first byte says RTP or RTCP is RTCP (RFC 5761 §4: packet types 192 to 223).
    @inlinable package static func isRTCP(_ datagram: RawSpan) -> Bool {
        guard let first = datagram.uint8(at: 0), first >> 6 == 2, let second = datagram.uint8(at: 1) else { return false }
        return second >= 192 && second <= 223
    }
}

/// Walks the packets of a datagram, compound (RFC 3550 §6.1) or reduced-size (RFC 5506) alike.
///
/// Padding is taken off wherever it is found. RFC 3550 allows it only in the last packet, but libwebrtc pads each transport-wide feedback
/// message and sends several in a row.
@frozen @usableFromInline
package struct RTCPPacketIterator: Sendable {
    /// Where the next packet starts.
    @usableFromInline package private(set) var offset = 0
    /// The walk ended at something that is no RTCP packet. What came before it was whole.
    @usableFromInline package private(set) var isMalformed = false

    @inlinable package init() {}

    /// The next packet of `datagram`, the same at every call; nil at its end, or where `isMalformed` turns true.
    package mutating func next(in datagram: RawSpan) -> RTCPPacket? {
        guard !isMalformed, offset < datagram.byteCount else {
            if datagram.byteCount == 0 { isMalformed = true }
            return nil
        }
        guard let first = datagram.uint8(at: offset), first >> 6 == 2, let type = datagram.uint8(at: offset &+ 1),
            let words = datagram.uint16(at: offset &+ 2)
        else {
            isMalformed = true
            return nil
        }
        let whole = 4 &* (Int(words) &+ 1)
        var length = whole
        guard whole <= datagram.byteCount &- offset else {
            isMalformed = true
            return nil
        }
        if first & 0x20 != 0 {
            guard let padding = datagram.uint8(at: offset &+ whole &- 1), padding > 0, Int(padding) <= whole &- 4 else {
                isMalformed = true
                return nil
            }
            length = whole &- Int(padding)
        }
        defer { offset = offset &+ whole }
        return RTCPPacket(type: type, count: first & 0x1f, offset: offset, length: length)
    }

    /// Whether the packets of `datagram` fill it exactly.
    package static func isValid(_ datagram: RawSpan) -> Bool {
        var iterator = RTCPPacketIterator()
        while iterator.next(in: datagram) != nil {}
        return !iterator.isMalformed
    }
}

extension ByteWriter {
    /// Starts an RTCP packet; the result goes to `endRTCP`.
    mutating func beginRTCP(type: UInt8, count: Int) -> Int {
        let start = self.count
        uint8(0x80 | UInt8(truncatingIfNeeded: count) & 0x1f)
        uint8(type)
        uint16(0)
        return start
    }

    /// Fills in the length of the packet that started at `start`; its size must be a multiple of 4 by now.
    mutating func endRTCP(_ start: Int) {
        guard !overflowed else { return }
        patch(uint16: UInt16(truncatingIfNeeded: (count &- start) >> 2 &- 1), at: start &+ 2)
    }

    /// How many more bytes fit.
    var room: Int { overflowed ? 0 : capacity &- count }
}
