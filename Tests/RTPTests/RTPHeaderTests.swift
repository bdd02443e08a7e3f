import MediaPrimitives
import RTP
import Testing

private let plain: [UInt8] = [0x80, 0xe0, 0xff, 0xff, 0x12, 0x34, 0x56, 0x78, 0xde, 0xad, 0xbe, 0xef]

private func parse(_ bytes: [UInt8]) -> RTPHeader? { RTPHeader.parse(bytes) }

@Suite("RTP headers")
struct RTPHeaderTests {
    @Test("a plain header's fields are read, the highest sequence number included")
    func plainHeader() throws {
        let header = try #require(parse(plain + [1, 2, 3]))
        #expect(header.payloadType == 96)
        #expect(header.marker)
        #expect(header.sequenceNumber == SequenceNumber(0xffff))
        #expect(header.sequenceNumber + 1 == SequenceNumber(0))
        #expect(header.timestamp == 0x1234_5678)
        #expect(header.ssrc == SSRC(0xdead_beef))
        #expect(header.csrcCount == 0)
        #expect(header.extensionLength == 0 && header.extensionProfile == 0)
        #expect(header.headerLength == 12 && header.payloadOffset == 12)
        #expect(header.payloadLength == 3 && header.paddingLength == 0)
    }

    @Test("CSRCs, extension and padding shift the payload to where it is")
    func everything() throws {
        var bytes = plain
        bytes[0] = 0x80 | 0x20 | 0x10 | 2
        bytes += [0, 0, 0, 1, 0, 0, 0, 2]
        bytes += [0xbe, 0xde, 0, 1, 0x10, 0x61, 0, 0]
        bytes += [7, 8, 9, 0, 0, 3]
        let header = try #require(parse(bytes))
        #expect(header.csrcCount == 2)
        #expect(header.extensionProfile == 0xbede)
        #expect(header.extensionOffset == 24 && header.extensionLength == 4)
        #expect(header.headerLength == 28)
        #expect(header.payloadLength == 3 && header.paddingLength == 3)
    }

    @Test(
        "padding counts from 1 to the whole payload are valid, all others are not",
        arguments: [(0, nil), (1, 3), (4, 0), (5, nil), (255, nil)] as [(UInt8, Int?)])
    func padding(count: UInt8, payload: Int?) {
        var bytes = plain + [1, 2, 3, count]
        bytes[0] |= 0x20
        #expect(parse(bytes)?.payloadLength == payload)
    }

    @Test("the P bit without a byte to hold the count is invalid")
    func paddingWithoutPayload() {
        var bytes = plain
        bytes[0] |= 0x20
        #expect(parse(bytes) == nil)
    }

    @Test("other versions are refused", arguments: [0x00, 0x40, 0xc0] as [UInt8])
    func version(first: UInt8) {
        var bytes = plain
        bytes[0] = first
        #expect(parse(bytes) == nil)
    }

    @Test("a header cut short at any length is refused")
    func truncation() {
        var bytes = plain
        bytes[0] = 0x80 | 0x10 | 3
        bytes += Array(repeating: 0, count: 12) + [0xbe, 0xde, 0, 2] + Array(repeating: 0, count: 8)
        #expect(parse(bytes)?.headerLength == bytes.count)
        for length in 0..<bytes.count { #expect(parse(Array(bytes[..<length])) == nil, "length \(length)") }
    }

    @Test("RTP and RTCP are told apart by the second byte (RFC 5761 §4)")
    func demux() {
        for second in UInt8.min...UInt8.max {
            let bytes: [UInt8] = [0x80, second, 0, 0]
            #expect(RTCPPacket.isRTCP(bytes) == (192...223).contains(second))
        }
        #expect(!RTCPPacket.isRTCP([0x40, 200] as [UInt8]))
        #expect(!RTCPPacket.isRTCP([0x80] as [UInt8]))
        #expect(!RTCPPacket.isRTCP([] as [UInt8]))
    }

    @Test("a retransmission's payload starts with the original sequence number (RFC 4588 §4)")
    func retransmission() throws {
        let bytes = plain + [0xab, 0xcd, 1]
        let header = try #require(parse(bytes))
        #expect(RTX.originalSequenceNumber(bytes, header) == SequenceNumber(0xabcd))
        let short = plain + [0xab]
        let shortHeader = try #require(parse(short))
        #expect(RTX.originalSequenceNumber(short, shortHeader) == nil)
        var padded = plain + [0xab, 0xcd, 2]
        padded[0] |= 0x20
        let paddedHeader = try #require(parse(padded))
        #expect(RTX.originalSequenceNumber(padded, paddedHeader) == nil, "the OSN is not read out of padding")
    }

    @Test("hostile bytes give nil, or offsets that lie inside of the packet")
    func hostile() {
        var full = plain
        full[0] = 0xb1
        full += [0, 0, 0, 1, 0xbe, 0xde, 0, 2, 0x10, 0x61, 0x22, 1, 2, 3, 0, 0, 5, 5, 0, 2]
        withHostileInputs([plain, full]) { bytes in
            guard let header = parse(bytes) else { return }
            #expect(header.payloadOffset + header.payloadLength + header.paddingLength == bytes.count)
            #expect(header.extensionOffset + header.extensionLength <= header.headerLength)
            _ = RTX.originalSequenceNumber(bytes, header)
        }
    }
}
