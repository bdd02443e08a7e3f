import Forwarding
import RTP
import Testing

@Suite("Payload prefixes")
struct PayloadPrefixTests {
    @Test("rewriting keeps every width and flag", arguments: 0..<32)
    func rewrite(shape: Int) throws {
        let (hasID, isLong, hasIndex, hasTID, hasKey) = (shape & 1 != 0, shape & 2 != 0, shape & 4 != 0, shape & 8 != 0, shape & 16 != 0)
        var payload: [UInt8] = [0x90 | 0x20, (hasID ? 0x80 : 0) | (hasIndex ? 0x40 : 0) | (hasTID ? 0x20 : 0) | (hasKey ? 0x10 : 0)]
        if hasID { payload += isLong ? [0x80, 0x05] : [0x05] }
        if hasIndex { payload.append(9) }
        if hasTID || hasKey { payload.append(0x40 | 0x20 | 7) }
        let descriptorLength = payload.count
        payload += [0x01, 0xaa, 0xbb]
        let original = try #require(descriptor(payload))
        #expect(original.length == descriptorLength)
        let prefix = payload.withUnsafeBytes { PayloadPrefix(original, of: $0) }
        #expect(prefix.length == descriptorLength && prefix.numbers == PictureNumbers(original))
        let bytes = prefix.bytes(PictureNumbers(pictureID: 0x7fff, tl0PicIdx: 0xff, keyIndex: 0xff))
        let rewritten = try #require(descriptor((bytes + payload[descriptorLength...])))
        var expected = original
        if hasID { expected.pictureID = isLong ? 0x7fff : 0x7f }
        if hasIndex { expected.tl0PicIdx = 0xff }
        if hasKey { expected.keyIndex = 0x1f }
        #expect(rewritten == expected)
        #expect(bytes[0] == payload[0] && bytes[1] == payload[1])
    }

    @Test("over other bytes than those that were parsed, nothing is replaced")
    func otherBytes() throws {
        let payload: [UInt8] = [0x90, 0xf0, 0x80, 0x01, 0x02, 0x03]
        let known = try #require(descriptor(payload))
        for length in 0..<payload.count {
            let prefix = payload[..<length].withUnsafeBytes { PayloadPrefix(known, of: $0) }
            #expect(prefix.length == 0 && prefix.bytes(PictureNumbers(pictureID: 1, tl0PicIdx: 1, keyIndex: 1)) == [])
        }
    }
}

private func descriptor(_ payload: [UInt8]) -> VP8Descriptor? { VP8Descriptor.parse(payload.span.bytes) }

extension PayloadPrefix {
    /// As they stand at the start of a payload.
    fileprivate func bytes(_ numbers: PictureNumbers) -> [UInt8] {
        let word = word(numbers)
        return (0..<UInt64(length)).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }
}
