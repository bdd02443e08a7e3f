import Forwarding
import MediaPrimitives
import Testing

@Suite("The sequence mapper")
struct SequenceMapperTests {
    @Test("Numbers keep their distance, and what came before the start is not sent")
    func offset() {
        var leftOut = LeftOutNumbers()
        var mapper = SequenceMapper(source: 70_000, outgoing: 65_530)
        check([70_000, 70_001, 70_010, 70_005].map { mapper.map($0, &leftOut) } == [65_530, 65_531, 65_540, 65_535])
        check(mapper.map(69_999, &leftOut) == nil)
        check(mapper.highestOutgoing == 65_540)
    }

    @Test("Later numbers move up over those left out, and late ones do not")
    func leavingOut() {
        var leftOut = LeftOutNumbers()
        var mapper = SequenceMapper(source: 10, outgoing: 100)
        check(mapper.map(10, &leftOut) == 100)
        check(mapper.leaveOut(11, &leftOut))
        check(mapper.map(13, &leftOut) == 102)
        check(mapper.leaveOut(14, &leftOut))
        check(mapper.map(15, &leftOut) == 103)
        check(mapper.map(12, &leftOut) == 101)
        check(mapper.map(11, &leftOut) == nil)
        check(!mapper.leaveOut(12, &leftOut))
        check(!mapper.leaveOut(15, &leftOut))
    }

    @Test("Later numbers move on over those put in, and late ones keep their place, as long as that is remembered")
    func puttingIn() {
        var leftOut = LeftOutNumbers()
        var mapper = SequenceMapper(source: 10, outgoing: 100)
        check(mapper.map(10, &leftOut) == 100)
        // 11 is late, 12 is left out.
        check(mapper.leaveOut(12, &leftOut))
        check(mapper.map(13, &leftOut) == 102)
        check(mapper.putIn(&leftOut) == 103)
        check(mapper.putIn(&leftOut) == 104)
        check(mapper.highestOutgoing == 104)
        check(mapper.map(15, &leftOut) == 106)
        check(mapper.putIn(&leftOut) == 107)
        check(mapper.map(16, &leftOut) == 108)
        check([14, 11, 13, 15].map { mapper.map($0, &leftOut) } == [105, 101, 102, 106])
        // Sixteen places are remembered.
        for number: Int64 in 17..<32 {
            check(mapper.putIn(&leftOut) != nil)
            check(mapper.map(number, &leftOut) != nil)
        }
        check(mapper.map(13, &leftOut) == nil && mapper.map(14, &leftOut) == 105)
    }

    @Test("Not without end is anything put in at one place")
    func puttingInTooMuch() {
        var leftOut = LeftOutNumbers()
        var mapper = SequenceMapper()
        check(mapper.putIn(&leftOut) == nil)
        mapper = SequenceMapper(source: 10, outgoing: 100)
        check(mapper.map(10, &leftOut) == 100)
        for count: Int64 in 1...128 { check(mapper.putIn(&leftOut) == 100 + count) }
        check(mapper.putIn(&leftOut) == nil)
        check(mapper.map(11, &leftOut) == 229)
        check(mapper.putIn(&leftOut) == 230)
    }

    @Test("Random loss, reordering and leaving out give what a list of all numbers gives", arguments: 0..<40)
    func againstNaive(seed: UInt64) {
        var random = Entropy.seeded(seed)
        let start: Int64 = 65_536 + 65_500
        var mapper = SequenceMapper(source: start, outgoing: 32_767)
        var leftOut = LeftOutNumbers()
        var all: [Int64] = []
        var given: [Int64: Int64] = [:]
        // Left out all the time, or seldom: late ones beyond the memory and within it.
        let share = [3, 30, 300][Int(seed % 3)]
        var numbers = (0..<5_000).map { start + Int64($0) }
        for index in numbers.indices.dropLast(700) where Int.random(in: 0..<8, using: &random) == 0 {
            numbers.swapAt(index, index + Int.random(in: 1...[100, 700][Int(seed & 1)], using: &random))
        }
        for number in numbers {
            if Int.random(in: 0..<20, using: &random) == 0 { continue }
            if Int.random(in: 0..<share, using: &random) == 0 {
                let isNewest = number > max(given.keys.max() ?? start - 1, all.last ?? start - 1)
                check(mapper.leaveOut(number, &leftOut) == isNewest)
                if isNewest { all.append(number) }
                continue
            }
            let outgoing = mapper.map(number, &leftOut)
            let before = all.count { $0 < number }
            if let outgoing {
                #expect(outgoing == 32_767 + (number - start) - Int64(before))
                #expect(given.updateValue(outgoing, forKey: number) == nil)
            } else {
                // Only what was left out, or may have been, too long ago to tell.
                #expect(all.last.map { number <= $0 - 512 } ?? false)
            }
        }
        #expect(Set(given.values).count == given.count)
    }

    @Test("A gap inside of what is left out is left out, too, and none that is longer than what is remembered")
    func wholeGap() {
        var leftOut = LeftOutNumbers()
        var mapper = SequenceMapper(source: 10, outgoing: 100)
        check(mapper.map(10, &leftOut) == 100)
        check(mapper.leaveOut(11, &leftOut))
        check(mapper.leaveOut(14, wholeGap: true, &leftOut))
        check(mapper.map(15, &leftOut) == 101)
        check([11, 12, 13, 14].allSatisfy { mapper.map($0, &leftOut) == nil })
        check(mapper.leaveOut(16, &leftOut))
        check(mapper.leaveOut(1_000, wholeGap: true, &leftOut))
        check(mapper.map(1_001, &leftOut) == 1_001 + 101 - 15 - 2)
    }
}
