import MediaPrimitives

/// The VP9 payload descriptor (RFC 9628 §4.2).
///
///      0 1 2 3 4 5 6 7
///     |I|P|L|F|B|E|V|Z|   always
///     |M| PICTURE ID  |   where I is set; M: 15 bits instead of 7
///     | TID |U| SID |D|   where L is set
///     |   TL0PICIDX   |   where L is set and F is clear
///     | P_DIFF      |N|   where F and P are set; up to three while N is set
///     | SS ...        |   where V is set
@frozen @usableFromInline
package struct VP9Descriptor: Hashable, Sendable {
    /// 1064 at most; small, for the value is stored with every packet.
    @usableFromInline var shortLength: UInt16 = 1
    /// 7 or 15 bits; nil where absent.
    @usableFromInline package var pictureID: UInt16?
    @usableFromInline package var hasLongPictureID = false
    /// P: predicted from another picture.
    @usableFromInline package var isInterPicturePredicted = false
    /// F: flexible mode, which names its references.
    @usableFromInline package var isFlexibleMode = false
    /// B: the packet starts a frame (one spatial layer of a picture).
    @usableFromInline package var startsFrame = false
    /// E: the packet ends one.
    @usableFromInline package var endsFrame = false
    /// Z: no upper spatial layer of this picture is predicted from this one.
    @usableFromInline package var isNotReferencedByUpperLayers = false
    /// L: the layer fields below are present; else they are 0.
    @usableFromInline package var hasLayers = false
    /// 0 to 7.
    @usableFromInline package var temporalID: UInt8 = 0
    /// U: a receiver may step up to this temporal layer here.
    @usableFromInline package var isSwitchingUpPoint = false
    /// 0 to 7.
    @usableFromInline package var spatialID: UInt8 = 0
    /// D: predicted from the spatial layer below in the same picture.
    @usableFromInline package var isInterLayerPredicted = false
    /// Only in non-flexible mode.
    @usableFromInline package var tl0PicIdx: UInt8?
    /// V: the scalability structure is present.
    @usableFromInline package var hasScalabilityStructure = false
    /// From the structure, 1 to 8; 0 where it is absent.
    @usableFromInline package var spatialLayerCount: UInt8 = 0
    /// The size of the highest layer in pixels, where the structure tells; else 0.
    @usableFromInline package var width: UInt16 = 0
    @usableFromInline package var height: UInt16 = 0

    /// Where the PictureID and TL0PICIDX lie, from the first byte of the payload; 0 where they are absent.
    @inlinable package var pictureIDOffset: Int { pictureID == nil ? 0 : 1 }
    @inlinable package var tl0PicIdxOffset: Int { tl0PicIdx == nil ? 0 : pictureID == nil ? 2 : hasLongPictureID ? 4 : 3 }

    /// Bytes of descriptor before the VP9 payload.
    @inlinable package var length: Int { Int(shortLength) }

    /// The first packet of a picture that needs no other: not predicted, lowest spatial layer.
    @inlinable package var isKeyframeStart: Bool { startsFrame && !isInterPicturePredicted && !isInterLayerPredicted && spatialID == 0 }

    init() {}

    /// Reads the descriptor at the start of an RTP payload; nil when it is cut short, or names more references than three.
    package static func parse(_ payload: RawSpan) -> VP9Descriptor? {
        guard let first = payload.uint8(at: 0) else { return nil }
        var descriptor = VP9Descriptor()
        descriptor.isInterPicturePredicted = first & 0x40 != 0
        descriptor.isFlexibleMode = first & 0x10 != 0
        descriptor.startsFrame = first & 0x08 != 0
        descriptor.endsFrame = first & 0x04 != 0
        descriptor.isNotReferencedByUpperLayers = first & 0x01 != 0
        if first & 0x80 != 0, !descriptor.parsePictureID(payload) { return nil }
        if first & 0x20 != 0, !descriptor.parseLayers(payload) { return nil }
        if descriptor.isFlexibleMode, descriptor.isInterPicturePredicted, !descriptor.skipReferences(payload) { return nil }
        if first & 0x02 != 0, !descriptor.parseScalabilityStructure(payload) { return nil }
        return descriptor
    }

    private mutating func parsePictureID(_ payload: RawSpan) -> Bool {
        guard let byte = payload.uint8(at: length) else { return false }
        guard byte & 0x80 != 0 else {
            pictureID = UInt16(byte)
            shortLength = shortLength &+ 1
            return true
        }
        guard let long = payload.uint16(at: length) else { return false }
        pictureID = long & 0x7fff
        hasLongPictureID = true
        shortLength = shortLength &+ 2
        return true
    }

    private mutating func parseLayers(_ payload: RawSpan) -> Bool {
        guard let byte = payload.uint8(at: length) else { return false }
        hasLayers = true
        temporalID = byte >> 5
        isSwitchingUpPoint = byte & 0x10 != 0
        spatialID = byte >> 1 & 0x07
        isInterLayerPredicted = byte & 0x01 != 0
        shortLength = shortLength &+ 1
        if isFlexibleMode { return true }
        guard let index = payload.uint8(at: length) else { return false }
        tl0PicIdx = index
        shortLength = shortLength &+ 1
        return true
    }

    private mutating func skipReferences(_ payload: RawSpan) -> Bool {
        for _ in 0..<3 {
            guard let byte = payload.uint8(at: length) else { return false }
            shortLength = shortLength &+ 1
            if byte & 0x01 == 0 { return true }
        }
        return false
    }

    /// §4.2.1: | N_S |Y|G|-|-|-|, sizes where Y, then a picture group where G.
    private mutating func parseScalabilityStructure(_ payload: RawSpan) -> Bool {
        guard let first = payload.uint8(at: length) else { return false }
        shortLength = shortLength &+ 1
        hasScalabilityStructure = true
        spatialLayerCount = (first >> 5) &+ 1
        if first & 0x10 != 0 {
            for _ in 0..<spatialLayerCount {
                guard let w = payload.uint16(at: length), let h = payload.uint16(at: length &+ 2) else { return false }
                width = w
                height = h
                shortLength = shortLength &+ 4
            }
        }
        guard first & 0x08 != 0 else { return true }
        guard let pictures = payload.uint8(at: length) else { return false }
        shortLength = shortLength &+ 1
        for _ in 0..<pictures {
            guard let picture = payload.uint8(at: length) else { return false }
            shortLength = shortLength &+ 1 &+ UInt16(picture >> 2 & 0x03)
            guard length <= payload.byteCount else { return false }
        }
        return true
    }
}
