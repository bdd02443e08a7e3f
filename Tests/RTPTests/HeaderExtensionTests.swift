import MediaPrimitives
import RTP
import Testing

private func map(_ ids: (HeaderExtension, UInt8)...) -> HeaderExtensionMap {
    var map = HeaderExtensionMap()
    for (kind, id) in ids { map[kind] = id }
    return map
}

private let usual = map((.mid, 1), (.rid, 2), (.repairedRid, 3), (.absSendTime, 4), (.transportCC, 5), (.audioLevel, 6))

/// A packet whose extension has `profile` and these elements, which are padded to words.
private func packet(_ profile: UInt16, _ elements: [UInt8]) -> [UInt8] {
    let padded = elements + Array(repeating: 0, count: -elements.count & 3)
    return [0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, UInt8(profile >> 8), UInt8(profile & 0xff), 0, UInt8(padded.count / 4)] + padded
}

private func extensions(_ bytes: [UInt8], _ map: HeaderExtensionMap = usual) -> HeaderExtensionValues? {
    RTPHeader.parse(bytes).map { HeaderExtensionValues.parse(bytes, $0, map) }
}

@Suite("Header extensions")
struct HeaderExtensionTests {
    @Test("the one-byte form is read, padding between elements skipped (RFC 8285 §4.2)")
    func oneByte() throws {
        let bytes = packet(
            0xbede,
            [0x10, 0x61, 0, 0, 0x21, 0x68, 0x69, 0x30, 0x7a, 0x42, 0x12, 0x34, 0x56, 0x51, 0xff, 0xff, 0x60, 0x80 | 35])
        let values = try #require(extensions(bytes))
        #expect(values.mid == ShortText("a"))
        #expect(values.rid == ShortText("hi"))
        #expect(values.repairedRid == ShortText("z"))
        #expect(values.absSendTime == 0x123456)
        #expect(values.transportSequence == 0xffff)
        #expect(values.audioLevel == 35 && values.voiceActivity)
    }

    @Test("the two-byte form is read, ids above 14 and application bits included (§4.3)")
    func twoByte() throws {
        let ids = map((.mid, 200), (.transportCC, 15), (.audioLevel, 7))
        let bytes = packet(0x100f, [200, 3, 0x61, 0x62, 0x63, 0, 15, 2, 0, 1, 99, 0, 7, 1, 0x7f])
        let values = try #require(extensions(bytes, ids))
        #expect(values.mid == ShortText("abc"))
        #expect(values.transportSequence == 1)
        #expect(values.audioLevel == 127 && !values.voiceActivity)
    }

    @Test(
        "garbage ends the reading, and what came before it stands",
        arguments: [
            [0x10, 0x61, 0xf0, 0x51, 0, 9],  // id 15
            [0x10, 0x61, 0x03, 0x51, 0, 9],  // padding that claims a length
            [0x10, 0x61, 0, 0x51],  // a value that would lie in the payload
            [0x10, 0x61, 0x5f, 0, 9],  // a length that runs past the end
        ] as [[UInt8]])
    func garbage(elements: [UInt8]) throws {
        let values = try #require(extensions(packet(0xbede, elements) + [0, 9]))
        #expect(values.mid == ShortText("a"))
        #expect(values.transportSequence == nil)
    }

    @Test("values of the wrong size, empty texts, unknown profiles and ids that were not negotiated are nil")
    func wrongShapes() throws {
        #expect(extensions(packet(0xbede, [0x40, 1, 0x50, 1, 0x62, 1, 2, 3])) == HeaderExtensionValues())
        #expect(extensions(packet(0x1000, [1, 0, 2, 17] + Array(repeating: 65, count: 17))) == HeaderExtensionValues())
        #expect(extensions(packet(0xbedf, [0x10, 0x61])) == HeaderExtensionValues())
        #expect(extensions(packet(0xbede, [0x10, 0x61, 0x51, 0, 9]), HeaderExtensionMap()) == HeaderExtensionValues())
        #expect(extensions([0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]) == HeaderExtensionValues())
    }

    @Test("texts of up to 16 bytes survive", arguments: ["", "0", "12345678", "123456789", "abcdefghijklmnop", "ä"])
    func shortText(text: String) throws {
        let short = try #require(ShortText(text))
        #expect(short.description == text)
        #expect(short.count == UInt8(text.utf8.count))
        #expect(ShortText(text + "01234567890123456") == nil)
    }

    @Test(
        "what is written is read back, with the fewest bytes the ids allow",
        arguments: [
            (map((.mid, 1), (.absSendTime, 4), (.transportCC, 5), (.audioLevel, 6)), 0xbede),
            (map((.mid, 14), (.absSendTime, 2), (.transportCC, 3), (.audioLevel, 1)), 0xbede),
            (map((.mid, 15), (.absSendTime, 2), (.transportCC, 3), (.audioLevel, 1)), 0x1000),
            (map((.mid, 1), (.absSendTime, 255), (.transportCC, 3), (.audioLevel, 7)), 0x1000),
        ] as [(HeaderExtensionMap, UInt16)])
    func roundTrip(map: HeaderExtensionMap, profile: UInt16) throws {
        var header = OutgoingHeader(
            payloadType: 111, marker: true, sequenceNumber: SequenceNumber(65535), timestamp: 0xffff_ffff, ssrc: SSRC(0x8000_0001))
        header.mid = try #require(ShortText("sixteen-bytes-ok"))
        header.audioLevel = 42
        header.voiceActivity = true
        header.reservesSendTime = true
        header.reservesTransportSequence = true
        header.rid = try #require(ShortText("not negotiated"))
        var offsets = StampOffsets()
        var bytes = try #require(ByteWriter.array { offsets = header.write(into: &$0, map) })
        bytes.withUnsafeMutableBytes { offsets.stamp($0, absSendTime: 0xabcdef, transportSequence: 0xfffe) }
        let parsed = try #require(RTPHeader.parse(bytes))
        #expect(parsed.payloadType == 111 && parsed.marker)
        #expect(parsed.sequenceNumber == SequenceNumber(65535))
        #expect(parsed.timestamp == 0xffff_ffff)
        #expect(parsed.ssrc == SSRC(0x8000_0001))
        #expect(parsed.extensionProfile == profile)
        #expect(parsed.headerLength == bytes.count && bytes.count % 4 == 0)
        let values = try #require(extensions(bytes, map))
        #expect(values.mid == header.mid)
        #expect(values.rid == nil)
        #expect(values.audioLevel == 42 && values.voiceActivity)
        #expect(values.absSendTime == 0xabcdef)
        #expect(values.transportSequence == 0xfffe)
    }

    @Test("all extensions in either form fit in the stated maximum", arguments: [0, 200] as [UInt8])
    func maximumLength(idBase: UInt8) throws {
        var ids = HeaderExtensionMap()
        for (i, kind) in HeaderExtension.allCases.enumerated() { ids[kind] = idBase + UInt8(i) + 1 }
        var header = OutgoingHeader(payloadType: 96, marker: false, sequenceNumber: SequenceNumber(1), timestamp: 0, ssrc: SSRC(1))
        let text = try #require(ShortText("0123456789abcdef"))
        header.mid = text
        header.rid = text
        header.repairedRid = text
        header.audioLevel = 0
        header.reservesSendTime = true
        header.reservesTransportSequence = true
        let bytes = try #require(ByteWriter.array(capacity: OutgoingHeader.maximumLength) { _ = header.write(into: &$0, ids) })
        let values = try #require(extensions(bytes, ids))
        #expect(values.mid == text && values.rid == text && values.repairedRid == text)
        // One byte less than needed is refused, and says so.
        #expect(ByteWriter.array(capacity: bytes.count - 1) { _ = header.write(into: &$0, ids) } == nil)
    }

    @Test("a header without extensions has twelve bytes, no X bit, and nothing to stamp")
    func bare() throws {
        var header = OutgoingHeader(payloadType: 96, marker: false, sequenceNumber: SequenceNumber(7), timestamp: 8, ssrc: SSRC(9))
        header.reservesSendTime = true
        header.reservesTransportSequence = true
        header.hasPadding = true
        var offsets = StampOffsets()
        let bytes = try #require(ByteWriter.array { offsets = header.write(into: &$0, HeaderExtensionMap()) })
        #expect(bytes == [0xa0, 96, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9])
        #expect(offsets == StampOffsets())
    }

    @Test("offsets are counted from the header, not from the start of the memory")
    func offsetsAreRelative() {
        var header = OutgoingHeader(payloadType: 96, marker: false, sequenceNumber: SequenceNumber(7), timestamp: 8, ssrc: SSRC(9))
        header.reservesTransportSequence = true
        var first = StampOffsets()
        var second = StampOffsets()
        _ = ByteWriter.array {
            first = header.write(into: &$0, usual)
            second = header.write(into: &$0, usual)
        }
        #expect(first.transportSequence == 17 && first == second)
    }

    @Test("stamps outside of the packet are not written")
    func stampOutOfBounds() {
        var offsets = StampOffsets()
        offsets.absSendTime = 3
        offsets.transportSequence = 5
        var bytes: [UInt8] = [0, 0, 0, 0, 0, 0]
        bytes.withUnsafeMutableBytes {
            offsets.stamp(UnsafeMutableRawBufferPointer(rebasing: $0[..<5]), absSendTime: 1, transportSequence: 1)
        }
        #expect(bytes == [0, 0, 0, 0, 0, 0])
    }

    @Test("abs-send-time is 6.18 fixed point and wraps every 64 seconds")
    func absSendTime() {
        #expect(StampOffsets.absSendTime(Instant(nanoseconds: 0)) == 0)
        #expect(StampOffsets.absSendTime(Instant(nanoseconds: 1_000_000_000)) == 1 << 18)
        #expect(StampOffsets.absSendTime(Instant(nanoseconds: 63_999_999_999)) == 0xff_ffff)
        #expect(StampOffsets.absSendTime(Instant(nanoseconds: 64_000_000_000)) == 0)
        #expect(StampOffsets.absSendTime(Instant(nanoseconds: -1)) == 0xff_ffff)
        #expect(StampOffsets.absSendTime(.distantFuture) <= 0xff_ffff)
    }

    @Test("hostile extensions never trap")
    func hostile() {
        let one = packet(0xbede, [0x10, 0x61, 0x21, 0x68, 0x69, 0x42, 1, 2, 3, 0x51, 0, 9, 0x60, 0x85])
        let two = packet(0x1000, [1, 1, 0x61, 2, 2, 0x68, 0x69, 4, 3, 1, 2, 3, 5, 2, 0, 9, 6, 1, 0x85])
        withHostileInputs([one, two], count: 20_000) { bytes in
            guard let values = extensions(bytes) else { return }
            #expect((values.audioLevel ?? 0) <= 127)
            #expect((values.absSendTime ?? 0) <= 0xff_ffff)
        }
    }
}
