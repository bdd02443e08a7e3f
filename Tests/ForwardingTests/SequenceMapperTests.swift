import Forwarding
import MediaPrimitives
import Testing

@Suite("The sequence mapper")
struct SequenceMapperTests {
    @Test("Numbers keep their distance, and what came before the start is not sent")
    func offset() {
        var mapper = SequenceMapper(source: 70_000, outgoing: 65_530)
        check([70_000, 70_001, 70_010, 70_005].map { mapper.map($0) } == [65_530, 65_531, 65_540, 65_535])
        check(mapper.map(69_999) == nil)
        check(mapper.highestOutgoing == 65_540)
    }

    @Test("Later numbers move up over those left out, and late ones do not")
    func leftOut() {
        var mapper = SequenceMapper(source: 10, outgoing: 100)
        check(mapper.map(10) == 100)
        check(mapper.leaveOut(11))
        check(mapper.map(13) == 102)
        check(mapper.leaveOut(14))
        check(mapper.map(15) == 103)
        check(mapper.map(12) == 101)
        check(mapper.map(11) == nil)
        check(!mapper.leaveOut(12))
        check(!mapper.leaveOut(15))
    }

    @Test("Random loss, reordering and leaving out give what a list of all numbers gives", arguments: 0..<40)
    func againstNaive(seed: UInt64) {
        var random = Entropy.seeded(seed)
        let start: Int64 = 65_536 + 65_500
        var mapper = SequenceMapper(source: start, outgoing: 32_767)
        var leftOut: [Int64] = []
        var given: [Int64: Int64] = [:]
        // Left out all the time, or seldom: late ones beyond the memory and within it.
        let share = [3, 30, 300][Int(seed % 3)]
        var numbers = (0..<5_000).map { start + Int64($0) }
        for index in numbers.indices.dropLast(100) where Int.random(in: 0..<8, using: &random) == 0 {
            numbers.swapAt(index, index + Int.random(in: 1...100, using: &random))
        }
        for number in numbers {
            if Int.random(in: 0..<20, using: &random) == 0 { continue }
            if Int.random(in: 0..<share, using: &random) == 0 {
                let isNewest = number > max(given.keys.max() ?? start - 1, leftOut.last ?? start - 1)
                check(mapper.leaveOut(number) == isNewest)
                if isNewest { leftOut.append(number) }
                continue
            }
            let outgoing = mapper.map(number)
            let before = leftOut.count { $0 < number }
            if let outgoing {
                #expect(outgoing == 32_767 + (number - start) - Int64(before))
                #expect(given.updateValue(outgoing, forKey: number) == nil)
            } else {
                // Only what may have been left out too long ago to tell.
                #expect(leftOut.count >= 64 && number < leftOut[leftOut.count - 64])
            }
        }
        #expect(Set(given.values).count == given.count)
    }
}
