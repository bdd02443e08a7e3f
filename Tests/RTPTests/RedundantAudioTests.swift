import MediaPrimitives
import RTP
import Testing

@Suite("Redundant audio")
struct RedundantAudioTests {
    private func parse(_ payload: [UInt8]) -> RedundantAudio? { RedundantAudio.parse(payload.span.bytes) }

    private func written(_ older: [(UInt32, [UInt8])], _ primary: [UInt8], payloadType: UInt8 = 111) -> [UInt8]? {
        var fits = false
        let bytes = ByteWriter.array {
            fits = RedundantAudio.write(older: older, primary: primary, payloadType: payloadType, into: &$0)
        }
        return fits ? bytes : nil
    }

    @Test("a packet as browsers send it: one older frame of 20 ms ago, and the new one")
    func browser() throws {
        // F = 1, 111, offset 960, 3 bytes; F = 0, 111.
        let payload: [UInt8] = [0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3, 4, 5]
        let audio = try #require(parse(payload))
        #expect(audio.primaryType == 111 && audio.primaryOffset == 8 && audio.blocks == 1)
        let block = audio.block(0, in: payload.span.bytes)
        #expect(block?.payloadType == 111 && block?.timestampOffset == 960 && block?.range == 5..<8)
        #expect(written([(960, [1, 2, 3])], [4, 5]) == payload)
        let descriptor = PayloadDescriptor.parse(codec: .red, payload: payload.span.bytes)
        #expect(descriptor == .redundant(audio))
    }

    @Test("none, several and empty frames")
    func frames() throws {
        let alone = try #require(parse([0x6f, 9, 9]))
        #expect(alone.primaryOffset == 1 && alone.blocks == 0)
        let payload = try #require(written([(1_920, [7]), (960, [])], [8, 8], payloadType: 96))
        let several = try #require(parse(payload))
        #expect(several.blocks == 2 && several.primaryType == 96)
        let ranges = (0...2).map { several.block($0, in: payload.span.bytes)?.range }
        #expect(ranges == [9..<10, 10..<10, nil])
        #expect(parse([0x6f])?.primaryOffset == 1)
    }

    @Test("what is cut short, too long or without an end is not parsed")
    func hostile() {
        let payload: [UInt8] = [0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3, 4, 5]
        for length in 0..<8 { #expect(parse(Array(payload[..<length])) == nil) }
        #expect(parse([0xef, 0x0f, 0x03, 0xff, 0x6f, 1, 2]) == nil)
        #expect(parse(Array(repeating: 0xff, count: 1_400)) == nil)
        let most = (0..<RedundantAudio.blockLimit).map { _ in [0xef, 0, 0, 0] as [UInt8] }.flatMap(\.self)
        #expect(parse(most + [0x6f])?.blocks == RedundantAudio.blockLimit)
        #expect(parse([0xef, 0, 0, 0] + most + [0x6f]) == nil)
        #expect(written([(0x4000, [1])], [2]) == nil && written([(960, Array(repeating: 1, count: 1_024))], [2]) == nil)
    }
}
