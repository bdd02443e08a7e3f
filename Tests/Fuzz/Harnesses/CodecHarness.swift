import Forwarding
import MediaPrimitives
import RTP

/// The payload descriptors of all codecs, and the rewriting of VP8's.
enum CodecHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let payload = UnsafeRawBufferPointer(rebasing: input.dropFirst())
        guard let codec = Codec(rawValue: first & 7) else { return }
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload.bytes)
        try expect((descriptor == .empty) == payload.isEmpty, "empty and not, at once")
        _ = (descriptor.isKeyframeStart, descriptor.startsFrame, descriptor.size)
        try expect(descriptor.temporalID < 8 && descriptor.spatialID < 8, "a layer that 3 bits do not hold")
        switch descriptor {
        case .vp8(let vp8): try check(vp8, payload.bytes, seed: first)
        case .vp9(let vp9): try check(vp9, payload.bytes)
        case .h264(let h264):
            try expect(!h264.startsWithParameterSets || h264.hasSequenceParameterSet, "starts with parameter sets that are not there")
            if h264.startsIDR { try PlantedBug.check(payload.bytes.uint32(at: 3)) }
        case .av1(let av1): try expect(!(av1.startsSequence && av1.continuesOBU), "starts and continues at once")
        case .redundant(let audio): try check(audio, payload.bytes)
        case .empty, .opaque, .malformed: break
        }
    }

    /// The blocks lie one behind the other, and the primary behind the last.
    private static func check(_ audio: RedundantAudio, _ payload: RawSpan) throws(Finding) {
        try expect(audio.primaryType < 128 && audio.blocks <= RedundantAudio.blockLimit, "\(audio.blocks) blocks")
        try expect(audio.block(audio.blocks, in: payload) == nil && audio.block(-1, in: payload) == nil, "a block that is not there")
        var end = 4 * audio.blocks + 1
        var older: [(UInt32, [UInt8])] = []
        for index in 0..<audio.blocks {
            guard let block = audio.block(index, in: payload) else { throw Finding("block \(index) is not there") }
            try expect(block.range.lowerBound == end && block.timestampOffset < 0x4000, "block \(index) lies elsewhere")
            end = block.range.upperBound
            older.append((block.timestampOffset, payload.array(block.range)))
        }
        try expect(audio.primaryOffset == end && end <= payload.byteCount, "the primary lies elsewhere")
        let copy = ByteWriter.array {
            _ = RedundantAudio.write(
                older: older, primary: payload.array(end..<payload.byteCount), payloadType: audio.primaryType, into: &$0)
        }
        guard let copy else { return }
        try expect(RedundantAudio.parse(copy.span.bytes) == audio, "what was written again is another payload")
    }

    private static func check(_ descriptor: VP9Descriptor, _ payload: RawSpan) throws(Finding) {
        try expect((1...payload.byteCount).contains(descriptor.length), "the descriptor is longer than its packet")
        try expect(descriptor.spatialLayerCount <= 8, "more than eight spatial layers")
        if let pictureID = descriptor.pictureID { try expect(pictureID < (descriptor.hasLongPictureID ? 0x8000 : 0x80), "PictureID") }
    }

    /// A rewritten descriptor has the new numbers, the old length and everything else as it was.
    private static func check(_ descriptor: VP8Descriptor, _ payload: RawSpan, seed: UInt8) throws(Finding) {
        try expect((1...6).contains(descriptor.length) && descriptor.length <= payload.byteCount, "a length of \(descriptor.length)")
        var rewriter = PictureRewriter()
        let first = rewriter.rewrite(PictureNumbers(descriptor), isNewest: true)
        rewriter.align(to: .vp8(descriptor))
        let next = rewriter.rewrite(PictureNumbers(descriptor), isNewest: true)
        // The first packet after a change of source follows the last one before it.
        if descriptor.pictureID != nil { try expect(next.pictureID == (first.pictureID + 1) & 0x7fff, "PictureID jumps") }
        if descriptor.tl0PicIdx != nil { try expect(next.tl0PicIdx == first.tl0PicIdx &+ 1, "TL0PICIDX jumps") }
        if descriptor.keyIndex != nil { try expect(next.keyIndex == (first.keyIndex + 1) & 0x1f, "KEYIDX jumps") }
        let (prefix, word) = payload.withUnsafeBytes { bytes in
            let prefix = PayloadPrefix(descriptor, of: bytes)
            return (prefix, prefix.word(next))
        }
        let replaced = Int(prefix.length)
        try expect(replaced == descriptor.length, "\(replaced) bytes stand for \(descriptor.length)")
        var written = (0..<UInt64(replaced)).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        written += payload.array(replaced..<payload.byteCount)
        guard let copy = VP8Descriptor.parse(written.span.bytes) else { throw Finding("a rewritten descriptor does not parse") }
        var expected = descriptor
        if descriptor.pictureID != nil { expected.pictureID = next.pictureID & (descriptor.hasLongPictureID ? 0x7fff : 0x7f) }
        if descriptor.tl0PicIdx != nil { expected.tl0PicIdx = next.tl0PicIdx }
        if descriptor.keyIndex != nil { expected.keyIndex = next.keyIndex }
        try expect(copy == expected, "rewriting changed more than the numbers")
        // Of a payload that is cut short, nothing is replaced.
        let cut = payload.withUnsafeBytes {
            PayloadPrefix(descriptor, of: UnsafeRawBufferPointer(rebasing: $0[..<(descriptor.length - 1)]))
        }
        try expect(cut.length == 0, "written over what is not there")
    }
}
