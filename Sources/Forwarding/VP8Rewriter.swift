import MediaPrimitives
import RTP

/// Keeps a subscriber's VP8 numbers continuous over switches of the source: PictureID, TL0PICIDX and KEYIDX are shifted by offsets that
/// change only where the source does (RFC 7741 §4.2 wants each to grow by one).
package struct VP8Rewriter: Sendable {
    private var pictureIDOffset: UInt16 = 0
    private var tl0PicIdxOffset: UInt8 = 0
    private var keyIndexOffset: UInt8 = 0
    /// The numbers of the newest packet sent.
    private var last: VP8Numbers?

    package init() {}

    /// The next packet is the first from another source: its numbers shall follow the last ones sent.
    package mutating func align(to descriptor: VP8Descriptor) {
        guard let last else { return }
        if let pictureID = descriptor.pictureID { pictureIDOffset = (last.pictureID &+ 1 &- pictureID) & 0x7fff }
        if let tl0 = descriptor.tl0PicIdx { tl0PicIdxOffset = last.tl0PicIdx &+ 1 &- tl0 }
        if let keyIndex = descriptor.keyIndex { keyIndexOffset = (last.keyIndex &+ 1 &- keyIndex) & 0x1f }
    }

    /// The numbers to send a packet of the current source with. `isNewest`: no later one has been sent, so that the next source follows this.
    package mutating func rewrite(_ descriptor: VP8Descriptor, isNewest: Bool) -> VP8Numbers {
        let numbers = VP8Numbers(
            pictureID: ((descriptor.pictureID ?? 0) &+ pictureIDOffset) & 0x7fff,
            tl0PicIdx: (descriptor.tl0PicIdx ?? 0) &+ tl0PicIdxOffset,
            keyIndex: ((descriptor.keyIndex ?? 0) &+ keyIndexOffset) & 0x1f)
        // The order is that of sequence numbers: pictures of 7-bit identifiers, or of an encoder that starts anew, seem to go back.
        if isNewest { last = numbers }
        return numbers
    }
}
