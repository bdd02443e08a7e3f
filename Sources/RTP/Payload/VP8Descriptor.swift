import MediaPrimitives

/// The VP8 payload descriptor and what the payload header tells (RFC 7741 §4.2, §4.3).
///
///      0 1 2 3 4 5 6 7
///     |X|R|N|S|R| PID |   always
///     |I|L|T|K|  RSV  |   where X is set
///     |M| PictureID   |   where I is set; M: 15 bits instead of 7
///     |   TL0PICIDX   |   where L is set
///     |TID|Y| KEYIDX  |   where T or K is set
@frozen @usableFromInline
package struct VP8Descriptor: Hashable, Sendable {
    // Six bytes at most: small integers keep the value small, for it is stored with every packet.
    @usableFromInline var shortLength: UInt8 = 1
    @usableFromInline var shortPictureIDOffset: UInt8 = 0
    @usableFromInline var shortTL0PicIdxOffset: UInt8 = 0
    @usableFromInline var shortTemporalOffset: UInt8 = 0
    /// N: the picture may be dropped without harm to others.
    @usableFromInline package var isNonReference = false
    /// S: the packet starts a partition.
    @usableFromInline package var startsPartition = false
    /// PID, 0 to 7.
    @usableFromInline package var partition: UInt8 = 0
    /// 7 or 15 bits; nil where absent.
    @usableFromInline package var pictureID: UInt16?
    /// M: the PictureID has 15 bits.
    @usableFromInline package var hasLongPictureID = false
    @usableFromInline package var tl0PicIdx: UInt8?
    /// TID, 0 to 3; nil where T is clear.
    @usableFromInline package var temporalID: UInt8?
    /// Y: depends on nothing but the base layer, so that a receiver may step up here.
    @usableFromInline package var isLayerSync = false
    /// KEYIDX, 5 bits; nil where K is clear.
    @usableFromInline package var keyIndex: UInt8?
    /// The first packet of a key frame.
    @usableFromInline package var isKeyframeStart = false
    /// The size of the picture in pixels, from a key frame's first packet; else 0.
    @usableFromInline package var width: UInt16 = 0
    @usableFromInline package var height: UInt16 = 0

    /// Bytes of descriptor before the VP8 payload: 1 to 6.
    @inlinable package var length: Int { Int(shortLength) }
    /// Where the PictureID lies, from the first byte of the payload; 0 where it is absent, as with the offsets below.
    @inlinable package var pictureIDOffset: Int { Int(shortPictureIDOffset) }
    @inlinable package var tl0PicIdxOffset: Int { Int(shortTL0PicIdxOffset) }
    /// The offset of the byte that TID, Y and KEYIDX share.
    @inlinable package var temporalOffset: Int { Int(shortTemporalOffset) }

    /// The first packet of a picture: S set and partition 0.
    @inlinable package var startsFrame: Bool { startsPartition && partition == 0 }

    init() {}

    /// Reads the descriptor at the start of an RTP payload; nil when it is cut short.
    package static func parse(_ payload: RawSpan) -> VP8Descriptor? {
        guard let first = payload.uint8(at: 0) else { return nil }
        var descriptor = VP8Descriptor()
        descriptor.isNonReference = first & 0x20 != 0
        descriptor.startsPartition = first & 0x10 != 0
        descriptor.partition = first & 0x07
        if first & 0x80 != 0 {
            guard let flags = payload.uint8(at: 1), descriptor.parseExtension(payload, flags) else { return nil }
        }
        if descriptor.startsFrame { descriptor.parsePayloadHeader(payload) }
        return descriptor
    }

    private mutating func parseExtension(_ payload: RawSpan, _ flags: UInt8) -> Bool {
        var at = 2
        if flags & 0x80 != 0 {
            guard let byte = payload.uint8(at: at) else { return false }
            shortPictureIDOffset = UInt8(truncatingIfNeeded: at)
            if byte & 0x80 != 0 {
                guard let long = payload.uint16(at: at) else { return false }
                pictureID = long & 0x7fff
                hasLongPictureID = true
                at = at &+ 2
            } else {
                pictureID = UInt16(byte)
                at = at &+ 1
            }
        }
        if flags & 0x40 != 0 {
            guard let byte = payload.uint8(at: at) else { return false }
            tl0PicIdx = byte
            shortTL0PicIdxOffset = UInt8(truncatingIfNeeded: at)
            at = at &+ 1
        }
        if flags & 0x30 != 0 {
            guard let byte = payload.uint8(at: at) else { return false }
            shortTemporalOffset = UInt8(truncatingIfNeeded: at)
            if flags & 0x20 != 0 {
                temporalID = byte >> 6
                isLayerSync = byte & 0x20 != 0
            }
            if flags & 0x10 != 0 { keyIndex = byte & 0x1f }
            at = at &+ 1
        }
        shortLength = UInt8(truncatingIfNeeded: at)
        return true
    }

    /// §4.3: P, the inverse key frame flag, is the lowest bit; a key frame then has 3 bytes of tag, a start code, and its size (RFC 6386 §9.1).
    private mutating func parsePayloadHeader(_ payload: RawSpan) {
        guard let first = payload.uint8(at: length), first & 0x01 == 0 else { return }
        isKeyframeStart = true
        guard payload.uint24(at: length &+ 3) == 0x9d012a, let w = payload.uint16(at: length &+ 6), let h = payload.uint16(at: length &+ 8)
        else { return }
        width = w.byteSwapped & 0x3fff
        height = h.byteSwapped & 0x3fff
    }
}
