import MediaPrimitives

/// The header of an RTP packet that we send: 12 bytes and those extensions that have both a value here and an id in the map.
@frozen @usableFromInline
package struct OutgoingHeader: Sendable {
    /// 0 to 127.
    @usableFromInline package var payloadType: UInt8
    @usableFromInline package var marker: Bool
    @usableFromInline package var sequenceNumber: SequenceNumber
    @usableFromInline package var timestamp: UInt32
    @usableFromInline package var ssrc: SSRC
    /// Sets the P bit; whoever sets it appends the padding and its count.
    @usableFromInline package var hasPadding = false
    /// Empty text is left out, as with `rid` and `repairedRid`.
    @usableFromInline package var mid = ShortText()
    @usableFromInline package var rid = ShortText()
    @usableFromInline package var repairedRid = ShortText()
    /// 0 to 127 in -dBov.
    @usableFromInline package var audioLevel: UInt8?
    @usableFromInline package var voiceActivity = false
    /// Whether to leave room for abs-send-time, to be stamped when the packet is released.
    @usableFromInline package var reservesSendTime = false
    /// Whether to leave room for the transport-wide sequence number, to be stamped when the packet is released.
    @usableFromInline package var reservesTransportSequence = false

    @inlinable package init(payloadType: UInt8, marker: Bool, sequenceNumber: SequenceNumber, timestamp: UInt32, ssrc: SSRC) {
        self.payloadType = payloadType
        self.marker = marker
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    /// No header of this kind is longer: 12 bytes, 4 of extension header, and all six elements at their longest in the two-byte form.
    package static let maximumLength = 12 + 4 + 68

    /// Appends the header and tells where the values lie that are stamped at release. Uses the one-byte form when every id allows it
    /// (RFC 8285 §4.2), else the two-byte form (§4.3). No room sets `writer.overflowed`.
    package func write(into writer: inout ByteWriter, _ map: HeaderExtensionMap) -> StampOffsets {
        let start = writer.count
        var elements = Elements(start: start)
        elements.select(map[.mid], !mid.isEmpty)
        elements.select(map[.rid], !rid.isEmpty)
        elements.select(map[.repairedRid], !repairedRid.isEmpty)
        elements.select(map[.audioLevel], audioLevel != nil)
        elements.select(map[.absSendTime], reservesSendTime)
        elements.select(map[.transportCC], reservesTransportSequence)

        writer.uint8(0x80 | (hasPadding ? 0x20 : 0) | (elements.any ? 0x10 : 0))
        writer.uint8((marker ? 0x80 : 0) | payloadType & 0x7f)
        writer.uint16(sequenceNumber.rawValue)
        writer.uint32(timestamp)
        writer.uint32(ssrc.rawValue)
        guard elements.any else { return StampOffsets() }

        writer.uint16(elements.twoByte ? 0x1000 : 0xbede)
        let lengthOffset = writer.count
        writer.uint16(0)
        var offsets = StampOffsets()
        // The stamped values first: their offsets then do not depend on the texts.
        if reservesSendTime, elements.begin(&writer, map[.absSendTime], length: 3) {
            offsets.absSendTime = UInt16(truncatingIfNeeded: writer.count &- start)
            writer.uint24(0)
        }
        if reservesTransportSequence, elements.begin(&writer, map[.transportCC], length: 2) {
            offsets.transportSequence = UInt16(truncatingIfNeeded: writer.count &- start)
            writer.uint16(0)
        }
        if let audioLevel, elements.begin(&writer, map[.audioLevel], length: 1) {
            writer.uint8((voiceActivity ? 0x80 : 0) | min(audioLevel, 127))
        }
        if !mid.isEmpty, elements.begin(&writer, map[.mid], length: Int(mid.count)) { writer.text(mid) }
        if !rid.isEmpty, elements.begin(&writer, map[.rid], length: Int(rid.count)) { writer.text(rid) }
        if !repairedRid.isEmpty, elements.begin(&writer, map[.repairedRid], length: Int(repairedRid.count)) { writer.text(repairedRid) }
        let bytes = writer.count &- lengthOffset &- 2
        writer.zeros(-bytes & 3)
        writer.patch(uint16: UInt16(truncatingIfNeeded: (bytes &+ 3) >> 2), at: lengthOffset)
        return offsets
    }

    /// Which elements are written, and in which form.
    private struct Elements {
        let start: Int
        var any = false
        var twoByte = false

        mutating func select(_ id: UInt8, _ hasValue: Bool) {
            guard hasValue, id != 0 else { return }
            any = true
            // 15 has no meaning in the one-byte form.
            if id > 14 { twoByte = true }
        }

        func begin(_ writer: inout ByteWriter, _ id: UInt8, length: Int) -> Bool {
            guard id != 0 else { return false }
            if twoByte {
                writer.uint8(id)
                writer.uint8(UInt8(truncatingIfNeeded: length))
            } else {
                writer.uint8(id << 4 | UInt8(truncatingIfNeeded: length &- 1) & 0x0f)
            }
            return true
        }
    }
}

/// Where in a written header the values lie that are known only when the packet is released; 0 where they are absent.
@frozen @usableFromInline
package struct StampOffsets: Hashable, Sendable {
    /// Of the 3 bytes of abs-send-time, from the first byte of the header.
    @usableFromInline package var absSendTime: UInt16 = 0
    /// Of the 2 bytes of the transport-wide sequence number, from the first byte of the header.
    @usableFromInline package var transportSequence: UInt16 = 0

    @inlinable package init() {}

    /// Writes both values, where there is room for them, into a packet that starts with the header. Offsets outside of `packet` are ignored.
    @inlinable package func stamp(_ packet: UnsafeMutableRawBufferPointer, absSendTime time: UInt32, transportSequence number: UInt16) {
        guard let base = packet.baseAddress else { return }
        if absSendTime > 0, Int(absSendTime) &+ 3 <= packet.count {
            base.storeBytes(of: UInt8(truncatingIfNeeded: time >> 16), toByteOffset: Int(absSendTime), as: UInt8.self)
            base.storeBytes(of: UInt16(truncatingIfNeeded: time).bigEndian, toByteOffset: Int(absSendTime) &+ 1, as: UInt16.self)
        }
        if transportSequence > 0, Int(transportSequence) &+ 2 <= packet.count {
            base.storeBytes(of: number.bigEndian, toByteOffset: Int(transportSequence), as: UInt16.self)
        }
    }

    /// `instant` as abs-send-time: 24 bits, seconds in 6.18 fixed point, wrapping every 64 s.
    @inlinable package static func absSendTime(_ instant: Instant) -> UInt32 {
        let period: Int64 = 64_000_000_000
        let remainder = instant.nanoseconds % period
        let within = remainder < 0 ? remainder &+ period : remainder
        return UInt32(truncatingIfNeeded: (within << 18) / 1_000_000_000) & 0xff_ffff
    }
}
