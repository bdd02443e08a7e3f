import MediaPrimitives
import RTP

/// What one subscriber was sent, by outgoing sequence number: enough to build each packet again from the publication's ring. No payloads.
package struct RetransmissionHistory {
    package struct Entry {
        package var sequence: UInt16
        package var layer: Int32
        package var payload: PayloadReference
        package var timestamp: UInt32
        package var marker: Bool
        package var codec: Codec
        package var audioLevel: UInt8?
        package var voiceActivity: Bool
        /// The rewritten codec numbers it was sent with.
        package var vp8: VP8Numbers?
        /// When it was last sent again.
        package var resentAt: Instant?
    }

    private var entries: [Entry?]
    private let mask: Int

    /// `capacity` is a power of two. Memory is taken with the first entry.
    package init(capacity: Int) {
        mask = capacity - 1
        entries = []
    }

    package mutating func append(_ entry: Entry) {
        if entries.isEmpty { entries = Array(repeating: nil, count: mask + 1) }
        entries[Int(entry.sequence) & mask] = entry
    }

    /// The packet that went out as `sequence`, if it is remembered and was not sent again within `interval`; notes that it is being sent again.
    package mutating func take(_ sequence: UInt16, at now: Instant, notWithin interval: Interval) -> Entry? {
        guard !entries.isEmpty, let entry = entries[Int(sequence) & mask], entry.sequence == sequence else { return nil }
        if let resentAt = entry.resentAt, now - resentAt < interval { return nil }
        entries[Int(sequence) & mask]?.resentAt = now
        return entry
    }

    package mutating func removeAll() {
        for index in entries.indices { entries[index] = nil }
    }

    /// Forgets everything and gives the memory back.
    package mutating func release() { entries = [] }
}

/// The running numbers of a VP8 payload descriptor as a subscriber gets them (RFC 7741 §4.2).
package struct VP8Numbers: Sendable, Equatable {
    /// 15 bits; a 7-bit descriptor carries its low bits.
    package var pictureID: UInt16
    package var tl0PicIdx: UInt8
    /// 5 bits.
    package var keyIndex: UInt8
}
