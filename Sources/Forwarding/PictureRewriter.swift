import MediaPrimitives
import RTP

/// The running numbers of a VP8 or VP9 payload descriptor (RFC 7741 §4.2, RFC 9628 §4.2); those that a descriptor lacks are 0.
package struct PictureNumbers: Sendable, Equatable {
    /// 15 bits; a 7-bit descriptor carries its low bits.
    package var pictureID: UInt16 = 0
    package var tl0PicIdx: UInt8 = 0
    /// 5 bits; only of VP8.
    package var keyIndex: UInt8 = 0

    package init(pictureID: UInt16 = 0, tl0PicIdx: UInt8 = 0, keyIndex: UInt8 = 0) {
        self.pictureID = pictureID
        self.tl0PicIdx = tl0PicIdx
        self.keyIndex = keyIndex
    }

    package init(_ descriptor: VP8Descriptor) {
        pictureID = descriptor.pictureID ?? 0
        tl0PicIdx = descriptor.tl0PicIdx ?? 0
        keyIndex = descriptor.keyIndex ?? 0
    }

    package init(_ descriptor: VP9Descriptor) {
        pictureID = descriptor.pictureID ?? 0
        tl0PicIdx = descriptor.tl0PicIdx ?? 0
    }

    /// Each number moved on by that of `offsets`.
    @inline(__always)
    func moved(by offsets: PictureNumbers) -> PictureNumbers {
        var numbers = self
        numbers.pictureID = (pictureID &+ offsets.pictureID) & 0x7fff
        numbers.tl0PicIdx = tl0PicIdx &+ offsets.tl0PicIdx
        numbers.keyIndex = (keyIndex &+ offsets.keyIndex) & 0x1f
        return numbers
    }
}

/// Keeps a subscriber's picture numbers continuous: over switches of the source all of them, and over dropped pictures VP8's PictureID, each shifted
/// by an offset (RFC 7741 §4.2 wants it to grow by one, and receivers wait for pictures whose numbers are missing). VP9's are never closed up: its
/// pictures name the ones that they refer to by how far these lie back.
package struct PictureRewriter: Sendable {
    /// What is added to the numbers of the current source.
    private(set) var offsets = PictureNumbers()
    /// The numbers of the newest packet sent.
    private var last: PictureNumbers?

    package init() {}

    /// The next packet is the first from another source: its numbers shall follow the last ones sent.
    package mutating func align(to descriptor: PayloadDescriptor) {
        switch descriptor {
        case .vp8(let vp8):
            align(PictureNumbers(vp8), hasPictureID: vp8.pictureID != nil, hasTL0: vp8.tl0PicIdx != nil, hasKeyIndex: vp8.keyIndex != nil)
        case .vp9(let vp9):
            align(PictureNumbers(vp9), hasPictureID: vp9.pictureID != nil, hasTL0: vp9.tl0PicIdx != nil, hasKeyIndex: false)
        case .empty, .opaque, .redundant, .h264, .av1, .malformed: break
        }
    }

    private mutating func align(_ numbers: PictureNumbers, hasPictureID: Bool, hasTL0: Bool, hasKeyIndex: Bool) {
        guard let last else { return }
        if hasPictureID { offsets.pictureID = (last.pictureID &+ 1 &- numbers.pictureID) & 0x7fff }
        if hasTL0 { offsets.tl0PicIdx = last.tl0PicIdx &+ 1 &- numbers.tl0PicIdx }
        if hasKeyIndex { offsets.keyIndex = (last.keyIndex &+ 1 &- numbers.keyIndex) & 0x1f }
    }

    /// The numbers to send a packet of the current source with. `isNewest`: no later one has been sent, so that the next source follows this.
    package mutating func rewrite(_ source: PictureNumbers, isNewest: Bool) -> PictureNumbers {
        let numbers = source.moved(by: offsets)
        // The order is that of sequence numbers: pictures of 7-bit identifiers, or of an encoder that starts anew, seem to go back.
        if isNewest { last = numbers }
        return numbers
    }

    /// The newest packet was sent with `numbers`.
    mutating func note(_ numbers: PictureNumbers) { last = numbers }

    /// A picture is dropped: later ones move up.
    mutating func leaveOut() { offsets.pictureID = (offsets.pictureID &- 1) & 0x7fff }
}

/// Which of the latest VP8 pictures were dropped for one subscriber, so that a packet that comes late gets the PictureID that it would have had in
/// order.
struct DroppedPictures: Sendable {
    /// The newest picture that was dropped, of the source's numbers; nil before the first.
    private var newest: UInt16?
    /// From the newest backwards.
    private var bits: UInt64 = 0

    /// What became of a picture.
    enum Fate: Equatable {
        case dropped
        /// Sent, with as many dropped ones behind it.
        case kept(droppedSince: UInt16)
        /// Too long ago to tell.
        case forgotten
    }

    /// Notes that `picture` is dropped; true if it was not known yet.
    mutating func note(_ picture: UInt16, mask: UInt16) -> Bool {
        guard let newest else {
            (self.newest, bits) = (picture, 1)
            return true
        }
        let distance = (picture &- newest) & mask
        guard distance > 0 else { return false }
        bits = distance < 64 ? bits << UInt64(distance) | 1 : 1
        self.newest = picture
        return true
    }

    /// `mask`: of the PictureID's width.
    func fate(of picture: UInt16, mask: UInt16) -> Fate {
        guard let newest else { return .kept(droppedSince: 0) }
        let distance = (newest &- picture) & mask
        // Ahead of it.
        if distance > mask >> 1 { return .kept(droppedSince: 0) }
        guard distance < 64 else { return .forgotten }
        if bits >> UInt64(distance) & 1 == 1 { return .dropped }
        return .kept(droppedSince: UInt16(truncatingIfNeeded: (bits & ((1 << UInt64(distance)) &- 1)).nonzeroBitCount))
    }
}
