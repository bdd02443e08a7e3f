import MediaPrimitives
import RTP
import Testing

@Suite("RTCP source descriptions and goodbyes")
struct RTCPSourceTests {
    @Test("a CNAME of any length survives, and ends on a word with at least one null byte", arguments: [0, 1, 2, 3, 4, 5, 16, 254, 255])
    func cname(length: Int) throws {
        let name = String(repeating: "c", count: length)
        let bytes = try #require(ByteWriter.array { SourceDescription.write(into: &$0, ssrc: SSRC(7), cname: name) })
        #expect(bytes.count % 4 == 0 && bytes.last == 0)
        #expect(first(bytes)?.end == bytes.count)
        let parsed = try #require(SourceDescription.parse(bytes))
        #expect(parsed.ssrc == SSRC(7) && parsed.cname(in: bytes) == name)
    }

    @Test("a CNAME above 255 bytes is not written")
    func tooLong() {
        #expect(ByteWriter.array { SourceDescription.write(into: &$0, ssrc: SSRC(7), cname: String(repeating: "c", count: 256)) } == nil)
    }

    @Test("the CNAME is found behind other items and in a later chunk")
    func laterChunk() throws {
        let chunks: [UInt8] = [0, 0, 0, 1, 2, 3, 65, 66, 67, 0, 0, 0] + [0, 0, 0, 2, 6, 0, 1, 1, 90, 0, 0, 0]
        let bytes: [UInt8] = [0x82, 202, 0, 6] + chunks
        let parsed = try #require(SourceDescription.parse(bytes))
        #expect(parsed.ssrc == SSRC(2) && parsed.cname(in: bytes) == "Z")
    }

    @Test(
        "chunks without end, items past the end and missing CNAMEs give nil",
        arguments: [
            [0x80, 202, 0, 0], [0x81, 202, 0, 0], [0x81, 202, 0, 1, 0, 0, 0, 1], [0x81, 202, 0, 2, 0, 0, 0, 1, 1, 3, 65, 66],
            [0x81, 202, 0, 2, 0, 0, 0, 1, 2, 2, 65, 66], [0x81, 202, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0],
        ] as [[UInt8]])
    func refused(bytes: [UInt8]) { #expect(SourceDescription.parse(bytes) == nil) }

    @Test("a BYE names its sources, and its reason is passed over")
    func goodbye() throws {
        let written = try #require(ByteWriter.array { Goodbye.write(into: &$0, ssrc: SSRC(0xffff_ffff)) })
        #expect(written == [0x81, 203, 0, 1, 0xff, 0xff, 0xff, 0xff])
        #expect(Goodbye.parse(written)?.sources(in: written) == [SSRC(0xffff_ffff)])
        let reason: [UInt8] = [0x82, 203, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 3, 98, 121, 101]
        #expect(Goodbye.parse(reason)?.sources(in: reason) == [SSRC(1), SSRC(2)])
        let short: [UInt8] = [0x82, 203, 0, 1, 0, 0, 0, 1]
        #expect(Goodbye.parse(short) == nil)
        let none: [UInt8] = [0x80, 203, 0, 0]
        #expect(Goodbye.parse(none)?.count == 0)
    }

    @Test("a BYE is written for many sources, 31 to a packet, as far as there is room", arguments: [0, 1, 30, 31, 32, 62, 63, 200])
    func goodbyes(count: Int) throws {
        let ssrcs = (0..<count).map { SSRC(UInt32($0) &* 0x9e37_79b9) }
        for capacity in [4, 7, 8, 11, 12, 128, 132, 135, 136, 140, 1_200] {
            var written = 0
            let bytes = try #require(ByteWriter.array(capacity: capacity) { written = Goodbye.write(into: &$0, ssrcs: ssrcs) })
            let walk = packets(bytes)
            #expect(walk.isMalformed == bytes.isEmpty && walk.packets.allSatisfy { $0.kind == .goodbye && $0.count > 0 })
            let read = walk.packets.flatMap { packet in
                (0..<Int(packet.count)).compactMap { Goodbye.parse(bytes.span.bytes, packet)?.source($0, in: bytes.span.bytes) }
            }
            #expect(read == Array(ssrcs[..<written]))
            // The next one would not have found room.
            #expect(written == count || bytes.count + (written % 31 == 0 ? 8 : 4) > capacity)
        }
    }
}

@Suite("RTCP bitrate and intra requests")
struct RTCPRequestTests {
    @Test("a FIR carries several sources (RFC 5104 §4.3.1.2)")
    func fir() throws {
        let entries = [
            FullIntraRequest.Entry(ssrc: SSRC(0x0102_0304), sequenceNumber: 255), FullIntraRequest.Entry(ssrc: SSRC(5), sequenceNumber: 0),
        ]
        let bytes = try #require(ByteWriter.array { FullIntraRequest.write(into: &$0, sender: SSRC(9), entries: entries.span) })
        #expect(bytes == [0x84, 206, 0, 6, 0, 0, 0, 9, 0, 0, 0, 0, 1, 2, 3, 4, 255, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0])
        let parsed = try #require(FullIntraRequest.parse(bytes))
        #expect(parsed.sender == SSRC(9) && parsed.entries(in: bytes) == entries)
    }

    @Test("entries of a FIR are bounded both ways, and a FIR without entries is none")
    func firBounds() throws {
        let entries = Array(repeating: FullIntraRequest.Entry(ssrc: SSRC(1), sequenceNumber: 2), count: 100)
        let bytes = try #require(ByteWriter.array { FullIntraRequest.write(into: &$0, sender: SSRC(9), entries: entries.span) })
        #expect(FullIntraRequest.parse(bytes)?.entryCount == FullIntraRequest.maximumEntries)
        #expect(ByteWriter.array { FullIntraRequest.write(into: &$0, sender: SSRC(9), entries: Span()) } == [])
        let empty: [UInt8] = [0x84, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0]
        #expect(FullIntraRequest.parse(empty) == nil)
    }

    @Test(
        "REMB keeps 18 significant bits, rounded down",
        arguments: [
            (0, 0), (1, 1), (0x3_ffff, 0x3_ffff), (0x4_0000, 0x4_0000), (0x4_0001, 0x4_0000), (2_500_000, 2_500_000),
            (UInt64.max, 0x3_ffff << 46),
        ] as [(UInt64, UInt64)])
    func remb(written: UInt64, read: UInt64) throws {
        let ssrcs = [SSRC(1), SSRC(0xffff_fffe)]
        let bytes = try #require(
            ByteWriter.array {
                ReceiverEstimatedMaximumBitrate.write(into: &$0, sender: SSRC(9), bitsPerSecond: written, ssrcs: ssrcs.span)
            })
        #expect(Array(bytes[12..<16]) == Array("REMB".utf8))
        let parsed = try #require(ReceiverEstimatedMaximumBitrate.parse(bytes))
        #expect(parsed.sender == SSRC(9) && parsed.bitsPerSecond == read && parsed.ssrcs(in: bytes) == ssrcs)
    }

    @Test("other application layer messages, too many SSRCs and bitrates above 64 bits are no REMB")
    func notREMB() throws {
        let good = try #require(
            ByteWriter.array { ReceiverEstimatedMaximumBitrate.write(into: &$0, sender: SSRC(9), bitsPerSecond: 3, ssrcs: [SSRC(1)].span) })
        for (offset, value) in [(12, 0x53), (16, 2), (17, 0xfc)] as [(Int, UInt8)] {
            var bad = good
            bad[offset] = value
            #expect(ReceiverEstimatedMaximumBitrate.parse(bad) == nil, "byte \(offset)")
        }
    }
}
