import MediaPrimitives
import RTP

/// The headers of one stream, written once: what differs from packet to packet lies at places that are known.
struct HeaderTemplate {
    private var bytes = InlineArray<12, UInt64>(repeating: 0)
    /// 0 where the header does not fit, or cannot be.
    private(set) var length = 0
    private(set) var stamps = StampOffsets()
    private var levelOffset = 0

    /// Headers with `mid` and room for the stamps; with an audio level where `hasLevel`.
    init(mid: ShortText, hasLevel: Bool, _ extensions: HeaderExtensionMap) {
        var header = OutgoingHeader(payloadType: 0, marker: false, sequenceNumber: SequenceNumber(0), timestamp: 0, ssrc: SSRC(0))
        header.mid = mid
        header.reservesSendTime = true
        header.reservesTransportSequence = true
        var levels: [[UInt8]] = []
        for level: UInt8 in [0, 1] {
            if hasLevel { header.audioLevel = level }
            levels.append(
                ByteWriter.array(capacity: MemoryLayout.size(ofValue: bytes)) { stamps = header.write(into: &$0, extensions) } ?? [])
        }
        guard levels[0].count == levels[1].count else { return }
        length = levels[0].count
        // Where the two differ is the level.
        levelOffset = levels[0].indices.first { levels[0][$0] != levels[1][$0] } ?? 0
        var buffer = bytes.mutableSpan
        buffer.withUnsafeMutableBytes { $0.copyBytes(from: levels[0]) }
    }

    /// Writes a header at the start of `slot`, which is longer than any.
    @inline(__always)
    func write(
        into slot: UnsafeMutableRawBufferPointer, payloadType: UInt8, marker: Bool, sequence: UInt16, timestamp: UInt32, ssrc: SSRC,
        level: UInt8
    ) {
        guard let base = slot.baseAddress, length >= RTPHeader.fixedLength, length <= slot.count else { return }
        bytes.span.withUnsafeBytes { source in
            // Whole words, up to what is behind the header: quicker than so many bytes exactly.
            guard let from = source.baseAddress, source.count <= slot.count else { return }
            base.copyMemory(from: from, byteCount: source.count)
        }
        base.storeBytes(of: (marker ? 0x80 : 0) | payloadType & 0x7f, toByteOffset: 1, as: UInt8.self)
        base.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
        base.storeBytes(of: timestamp.bigEndian, toByteOffset: 4, as: UInt32.self)
        base.storeBytes(of: ssrc.rawValue.bigEndian, toByteOffset: 8, as: UInt32.self)
        if levelOffset > 0 { base.storeBytes(of: level, toByteOffset: levelOffset, as: UInt8.self) }
    }
}
