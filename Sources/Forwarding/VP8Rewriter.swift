import MediaPrimitives
import RTP

/// The running numbers of a VP8 payload descriptor (RFC 7741 §4.2); those that a descriptor lacks are 0.
package struct VP8Numbers: Sendable, Equatable {
    /// 15 bits; a 7-bit descriptor carries its low bits.
    package var pictureID: UInt16 = 0
    package var tl0PicIdx: UInt8 = 0
    /// 5 bits.
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

    /// Each number moved on by that of `offsets`.
    func moved(by offsets: VP8Numbers) -> VP8Numbers {
        var numbers = self
        numbers.pictureID = (pictureID &+ offsets.pictureID) & 0x7fff
        numbers.tl0PicIdx = tl0PicIdx &+ offsets.tl0PicIdx
        numbers.keyIndex = (keyIndex &+ offsets.keyIndex) & 0x1f
        return numbers
    }
}

/// Keeps a subscriber's VP8 numbers continuous over switches of the source: PictureID, TL0PICIDX and KEYIDX are shifted by offsets that
/// change only where the source does (RFC 7741 §4.2 wants each to grow by one).
package struct VP8Rewriter: Sendable {
    /// What is added to the numbers of the current source.
    private(set) var offsets = VP8Numbers()
    /// The numbers of the newest packet sent.
    private var last: VP8Numbers?

    package init() {}

    /// The next packet is the first from another source: its numbers shall follow the last ones sent.
    package mutating func align(to descriptor: VP8Descriptor) {
        guard let last else { return }
        if let pictureID = descriptor.pictureID { offsets.pictureID = (last.pictureID &+ 1 &- pictureID) & 0x7fff }
        if let tl0 = descriptor.tl0PicIdx { offsets.tl0PicIdx = last.tl0PicIdx &+ 1 &- tl0 }
        if let keyIndex = descriptor.keyIndex { offsets.keyIndex = (last.keyIndex &+ 1 &- keyIndex) & 0x1f }
    }

    /// The numbers to send a packet of the current source with. `isNewest`: no later one has been sent, so that the next source follows this.
    package mutating func rewrite(_ source: VP8Numbers, isNewest: Bool) -> VP8Numbers {
        let numbers = source.moved(by: offsets)
        // The order is that of sequence numbers: pictures of 7-bit identifiers, or of an encoder that starts anew, seem to go back.
        if isNewest { last = numbers }
        return numbers
    }
}
