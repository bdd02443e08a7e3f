import MediaPrimitives
import Testing

@Suite("Sequence numbers")
struct SequenceNumberTests {
    @Test(
        "Distances are signed and wrap",
        arguments: [
            (UInt16(0), UInt16(1), 1), (65_535, 0, 1), (0, 65_535, -1), (65_000, 400, 936), (400, 65_000, -936), (7, 7, 0),
            (0, 32_767, 32_767), (0, 32_768, -32_768), (32_768, 0, -32_768), (40_000, 7_232, -32_768),
        ] as [(UInt16, UInt16, Int)])
    func distance(from: UInt16, to: UInt16, expected: Int) {
        #expect(SequenceNumber(from).distance(to: SequenceNumber(to)) == expected)
        #expect(SequenceNumber(to).isNewer(than: SequenceNumber(from)) == (expected > 0))
    }

    @Test(
        "Adding wraps both ways",
        arguments: [(UInt16(65_535), 1, UInt16(0)), (0, -1, 65_535), (10, 65_536, 10), (10, -65_537, 9), (3, .max, 2), (3, .min, 3)]
            as [(UInt16, Int, UInt16)])
    func adding(start: UInt16, step: Int, expected: UInt16) {
        #expect((SequenceNumber(start) + step).rawValue == expected)
    }

    @Test("A long walk over many wraps is unwrapped without a slip, whatever the order of neighbours")
    func unwrapsWalk() {
        let entropy = Entropy.seeded(7)
        var random = entropy
        var unwrapper = SequenceUnwrapper()
        var truth: Int64 = 65_530
        let lift = unwrapper.unwrap(UInt16(truncatingIfNeeded: truth)) - truth
        for _ in 0..<50_000 {
            truth += Int64.random(in: -20...1_000, using: &random)
            #expect(unwrapper.unwrap(UInt16(truncatingIfNeeded: truth)) == truth + lift)
        }
        #expect(unwrapper.highest ?? 0 > 20 * 65_536)
    }

    @Test("Before the first number an older one is still positive")
    func olderThanFirst() {
        var unwrapper = SequenceUnwrapper()
        let first = unwrapper.unwrap(0)
        #expect(unwrapper.unwrap(65_535) == first - 1)
        #expect(unwrapper.unwrap(32_768) == first - 32_768)
        #expect(unwrapper.unwrap(32_768) > 0)
        #expect(unwrapper.highest == first)
    }

    @Test("Peeking takes no note")
    func peeking() {
        var unwrapper = SequenceUnwrapper()
        #expect(unwrapper.peek(9) == 65_545)
        #expect(unwrapper.highest == nil)
        _ = unwrapper.unwrap(9)
        #expect(unwrapper.peek(500) == 65_536 + 500)
        #expect(unwrapper.highest == 65_545)
    }

    @Test("Exactly half the space counts as behind: the reference stays")
    func halfTheSpace() {
        var unwrapper = SequenceUnwrapper()
        let first = unwrapper.unwrap(100)
        #expect(unwrapper.unwrap(100 + 32_768) == first - 32_768)
        #expect(unwrapper.highest == first)
        #expect(unwrapper.unwrap(100 + 32_767) == first + 32_767)
    }

    @Test("Timestamps are unwrapped to the nearest, backwards, too")
    func timestamps() {
        var unwrapper = TimestampUnwrapper()
        let first = unwrapper.unwrap(0xffff_ff00)
        #expect(unwrapper.unwrap(0x100) == first + 0x200)
        #expect(unwrapper.unwrap(0xffff_ff00) == first)
        var walked = unwrapper.unwrap(0)
        for _ in 0..<8 {
            let next = unwrapper.unwrap(UInt32(truncatingIfNeeded: walked + 0x7000_0000))
            #expect(next == walked + 0x7000_0000)
            walked = next
        }
    }
}
