import RTP

/// The start of a payload that each subscriber gets with numbers of its own, as one word: read once for each packet, and written once for
/// each that leaves.
package struct PayloadPrefix {
    /// Bytes at the start of the payload that are replaced; 0 where all of it is the same for everybody.
    package private(set) var length: UInt8 = 0
    /// The numbers as they came.
    package private(set) var numbers = PictureNumbers()
    private var bytes: UInt64 = 0
    // How many bits before each number, from the first byte; 0 where it is absent, as no number is in the first byte.
    private var pictureIDShift: UInt8 = 0
    private var tl0PicIdxShift: UInt8 = 0
    private var keyIndexShift: UInt8 = 0
    private var hasLongPictureID = false

    /// Nothing is replaced.
    package init() {}

    /// A VP8 descriptor, which is at most 6 bytes long.
    package init(_ descriptor: VP8Descriptor, of payload: UnsafeRawBufferPointer) {
        guard descriptor.length <= min(payload.count, 6) else { return }
        length = UInt8(truncatingIfNeeded: descriptor.length)
        numbers = PictureNumbers(descriptor)
        for index in 0..<descriptor.length { bytes |= UInt64(payload[index]) << (8 &* UInt64(index)) }
        let shift = { (offset: Int) in UInt8(truncatingIfNeeded: offset &* 8) }
        hasLongPictureID = descriptor.hasLongPictureID
        if descriptor.pictureID != nil { pictureIDShift = shift(descriptor.pictureIDOffset) }
        if descriptor.tl0PicIdx != nil { tl0PicIdxShift = shift(descriptor.tl0PicIdxOffset) }
        if descriptor.keyIndex != nil { keyIndexShift = shift(descriptor.temporalOffset) }
    }

    /// The start of a VP9 descriptor, up to TL0PICIDX: what stands behind it is the same for everybody.
    package init(_ descriptor: VP9Descriptor, of payload: UnsafeRawBufferPointer) {
        var end = 0
        if descriptor.pictureID != nil { end = descriptor.hasLongPictureID ? 3 : 2 }
        if descriptor.tl0PicIdx != nil { end = descriptor.tl0PicIdxOffset &+ 1 }
        guard end > 0, end <= min(payload.count, 8) else { return }
        length = UInt8(truncatingIfNeeded: end)
        numbers = PictureNumbers(descriptor)
        for index in 0..<end { bytes |= UInt64(payload[index]) << (8 &* UInt64(index)) }
        hasLongPictureID = descriptor.hasLongPictureID
        if descriptor.pictureID != nil { pictureIDShift = UInt8(truncatingIfNeeded: descriptor.pictureIDOffset &* 8) }
        if descriptor.tl0PicIdx != nil { tl0PicIdxShift = UInt8(truncatingIfNeeded: descriptor.tl0PicIdxOffset &* 8) }
    }

    /// That of a packet of `codec`, which is sent again.
    init(_ codec: Codec, of payload: UnsafeRawBufferPointer) {
        self.init()
        switch codec {
        case .vp8: if let descriptor = VP8Descriptor.parse(payload.bytes) { self.init(descriptor, of: payload) }
        case .vp9: if let descriptor = VP9Descriptor.parse(payload.bytes) { self.init(descriptor, of: payload) }
        case .opus, .red, .h264, .av1: break
        }
    }

    /// Of the PictureID: 15 bits or 7.
    var pictureIDMask: UInt16 { hasLongPictureID ? 0x7fff : 0x7f }
    var hasPictureID: Bool { pictureIDShift > 0 }

    /// The bytes with other numbers, the first in the lowest byte. A number that is absent stays absent, and every width is kept: 7-bit PictureIDs
    /// take the low 7 bits.
    @inline(__always)
    package func word(_ numbers: PictureNumbers) -> UInt64 {
        var word = bytes
        if pictureIDShift > 0 {
            let shift = UInt64(pictureIDShift)
            if hasLongPictureID {
                word = word & ~(0xffff &<< shift) | UInt64((0x8000 | numbers.pictureID & 0x7fff).bigEndian.littleEndian) &<< shift
            } else {
                word = word & ~(0xff &<< shift) | UInt64(numbers.pictureID & 0x7f) &<< shift
            }
        }
        if tl0PicIdxShift > 0 {
            let shift = UInt64(tl0PicIdxShift)
            word = word & ~(0xff &<< shift) | UInt64(numbers.tl0PicIdx) &<< shift
        }
        if keyIndexShift > 0 {
            let shift = UInt64(keyIndexShift)
            word = word & ~(0x1f &<< shift) | UInt64(numbers.keyIndex & 0x1f) &<< shift
        }
        return word
    }
}
