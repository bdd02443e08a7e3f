import MediaPrimitives
import RTP

/// The headers of one stream, written once: what differs from packet to packet lies at places that are known. A dependency descriptor, whose length
/// differs, comes last.
struct HeaderTemplate {
    /// 0 where the header does not fit, or cannot be.
    private(set) var length: UInt16 = 0
    private var levelOffset: UInt16 = 0
    private(set) var stamps = StampOffsets()
    /// Where the extensions end, without what fills the last word; only of the headers that have room for a descriptor.
    private(set) var extensionEnd: UInt16 = 0
    private(set) var isTwoByte = false
    // The bytes: most headers end in the first part.
    private var head = SIMD32<UInt8>(repeating: 0)
    private var rest = SIMD64<UInt8>(repeating: 0)

    /// So many bytes may be written to a slot, whatever the header's length.
    static let room = 96

    /// Headers with `mid` and room for the stamps; with an audio level where `hasLevel`.
    init(mid: ShortText, hasLevel: Bool, form: OutgoingHeader.Form = .automatic, _ extensions: HeaderExtensionMap) {
        var header = OutgoingHeader(payloadType: 0, marker: false, sequenceNumber: SequenceNumber(0), timestamp: 0, ssrc: SSRC(0))
        header.mid = mid
        header.reservesSendTime = true
        header.reservesTransportSequence = true
        header.form = form
        var levels: [[UInt8]] = []
        for level: UInt8 in [0, 1] {
            if hasLevel { header.audioLevel = level }
            levels.append(
                ByteWriter.array(capacity: HeaderTemplate.room) { stamps = header.write(into: &$0, extensions) } ?? [])
        }
        guard levels[0].count == levels[1].count else { return }
        length = UInt16(truncatingIfNeeded: levels[0].count)
        // Where the two differ is the level.
        levelOffset = UInt16(truncatingIfNeeded: levels[0].indices.first { levels[0][$0] != levels[1][$0] } ?? 0)
        if form != .automatic, levels[0].count >= 16 {
            // The profile follows the fixed header (RFC 3550 §5.3.1).
            isTwoByte = levels[0][12] != 0xbe
            extensionEnd = HeaderTemplate.end(of: levels[0], isTwoByte: isTwoByte)
        }
        for (index, byte) in levels[0].enumerated() { if index < 32 { head[index] = byte } else { rest[index - 32] = byte } }
    }

    /// Where the elements of a written header end (RFC 8285 §4.2, §4.3).
    private static func end(of header: [UInt8], isTwoByte: Bool) -> UInt16 {
        var at = 16
        while at < header.count, header[at] != 0 {
            at += isTwoByte ? 2 + Int(header[at + 1]) : 2 + Int(header[at] & 0x0f)
        }
        return UInt16(truncatingIfNeeded: at)
    }

    /// Ends a header whose elements go as far as `end`: fills its last word, and says how many words there are. Returns its length.
    @inline(__always)
    static func end(_ slot: UnsafeMutableRawPointer, extensionsTo end: Int) -> Int {
        // Behind a header there is room for a whole word.
        slot.storeBytes(of: 0, toByteOffset: end, as: UInt32.self)
        let length = (end &+ 3) & ~3
        slot.storeBytes(of: UInt16(truncatingIfNeeded: (length &- 16) >> 2).bigEndian, toByteOffset: 14, as: UInt16.self)
        return length
    }

    /// Writes a header at `slot`, where there is `room`. `second` is the header's second byte: marker and payload type.
    @inline(__always)
    func write(into slot: UnsafeMutableRawPointer, second: UInt8, sequence: UInt16, timestamp: UInt32, ssrc: UInt32, level: UInt8) {
        slot.storeBytes(of: head, as: SIMD32<UInt8>.self)
        if length > 32 { slot.storeBytes(of: rest, toByteOffset: 32, as: SIMD64<UInt8>.self) }
        slot.storeBytes(of: second, toByteOffset: 1, as: UInt8.self)
        slot.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
        slot.storeBytes(of: timestamp.bigEndian, toByteOffset: 4, as: UInt32.self)
        slot.storeBytes(of: ssrc.bigEndian, toByteOffset: 8, as: UInt32.self)
        if levelOffset > 0 { slot.storeBytes(of: level, toByteOffset: Int(levelOffset), as: UInt8.self) }
    }
}
