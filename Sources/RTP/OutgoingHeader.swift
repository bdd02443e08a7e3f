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
    /// Which form the extensions take, and whether the extension header is there without any.
    @usableFromInline package var form = Form.automatic

    @frozen @usableFromInline
    package enum Form: Sendable {
        /// The one-byte form where every id allows it, and no extension header where there is nothing in it.
        case automatic
        case oneByte, twoByte
    }

    @inlinable package init(payloadType: UInt8, marker: Bool, sequenceNumber: SequenceNumber, timestamp: UInt32, ssrc: SSRC) {
        self.payloadType = payloadType
        self.marker = marker
        self.sequenceNumber = sequenceNumber
        self.timestamp = timestamp
        self.ssrc = ssrc
    }

    /// No header of this kind is longer: 12 bytes, 4 of extension header, and all six elements at their longest in the two-byte form.
    @inlinable package static var maximumLength: Int { 12 + 4 + 68 }

    /// Appends the header and tells where the values lie that are stamped at release. Uses the one-byte form when every id allows it
    /// (RFC 8285 §4.2), else the two-byte form (§4.3). No room sets `writer.overflowed`. `descriptor` is a dependency descriptor, at most 255 bytes,
    /// by which the header may become longer than `maximumLength`; empty for none.
    package func write(into writer: inout ByteWriter, _ map: HeaderExtensionMap, descriptor: [UInt8] = []) -> StampOffsets {
        let sendTime = reservesSendTime ? map[.absSendTime] : 0
        let transport = reservesTransportSequence ? map[.transportCC] : 0
        let level = audioLevel != nil ? map[.audioLevel] : 0
        let midID = mid.isEmpty ? 0 : map[.mid]
        let ridID = rid.isEmpty ? 0 : map[.rid]
        let repairedID = repairedRid.isEmpty ? 0 : map[.repairedRid]
        let descriptorID = descriptor.isEmpty || descriptor.count > 255 ? 0 : map[.dependencyDescriptor]
        let hasExtension = sendTime | transport | level | midID | ridID | repairedID | descriptorID != 0 || form != .automatic
        // 15 has no meaning in the one-byte form, nor have values of more than 16 bytes.
        let isTwoByte =
            max(max(sendTime, transport), max(max(level, midID), max(max(ridID, repairedID), descriptorID))) > 14 || form == .twoByte
            || descriptorID != 0 && descriptor.count > 16

        // A copy of the writer that the compiler can keep in registers.
        var copy = writer
        defer { writer = copy }
        let start = copy.count
        let flags: UInt32 = 0x8000 | (hasPadding ? 0x2000 : 0) | (hasExtension ? 0x1000 : 0) | (marker ? 0x80 : 0)
        copy.uint32((flags | UInt32(payloadType & 0x7f)) << 16 | UInt32(sequenceNumber.rawValue))
        copy.uint64(UInt64(timestamp) << 32 | UInt64(ssrc.rawValue))
        var offsets = StampOffsets()
        guard hasExtension else { return offsets }

        copy.uint32(isTwoByte ? 0x1000_0000 : 0xbede_0000)
        let elements = copy.count
        // The stamped values first: their offsets then do not depend on the texts.
        if sendTime != 0 {
            copy.element(sendTime, length: 3, isTwoByte)
            offsets.absSendTime = UInt16(truncatingIfNeeded: copy.count &- start)
            copy.uint24(0)
        }
        if transport != 0 {
            copy.element(transport, length: 2, isTwoByte)
            offsets.transportSequence = UInt16(truncatingIfNeeded: copy.count &- start)
            copy.uint16(0)
        }
        if level != 0, let audioLevel {
            copy.element(level, length: 1, isTwoByte)
            copy.uint8((voiceActivity ? 0x80 : 0) | min(audioLevel, 127))
        }
        if midID != 0 { copy.element(midID, mid, isTwoByte) }
        if ridID != 0 { copy.element(ridID, rid, isTwoByte) }
        if repairedID != 0 { copy.element(repairedID, repairedRid, isTwoByte) }
        if descriptorID != 0 {
            copy.element(descriptorID, length: descriptor.count, isTwoByte)
            copy.bytes(descriptor)
        }
        let bytes = copy.count &- elements
        for _ in 0..<(-bytes & 3) { copy.uint8(0) }
        copy.patch(uint16: UInt16(truncatingIfNeeded: (bytes &+ 3) >> 2), at: elements &- 2)
        return offsets
    }
}

extension ByteWriter {
    /// What precedes an element's value in either form (RFC 8285 §4.2, §4.3).
    @inline(__always) fileprivate mutating func element(_ id: UInt8, length: Int, _ isTwoByte: Bool) {
        if isTwoByte {
            uint16(UInt16(id) << 8 | UInt16(truncatingIfNeeded: length))
        } else {
            uint8(id << 4 | UInt8(truncatingIfNeeded: length &- 1) & 0x0f)
        }
    }

    @inline(__always) fileprivate mutating func element(_ id: UInt8, _ value: ShortText, _ isTwoByte: Bool) {
        element(id, length: Int(value.count), isTwoByte)
        text(value)
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
