import Forwarding
import MediaPrimitives
import Testing

extension MissingPackets.Arrival {
    fileprivate var name: String {
        switch self {
        case .inOrder: "in order"
        case .gap(let count): "gap \(count)"
        case .filled: "filled"
        case .repeated: "repeated"
        case .overflow: "overflow"
        }
    }
}

extension MissingPackets {
    fileprivate mutating func due(at now: Instant, room: Int = 100) -> (numbers: [UInt16], gaveUp: Bool) {
        var requested: [SequenceNumber] = []
        let gaveUp = takeDue(at: now, room: room, into: &requested)
        return (requested.map(\.rawValue), gaveUp)
    }
    fileprivate mutating func arrivals(_ numbers: [Int64], at now: Instant = at(0)) -> [String] { numbers.map { note($0, at: now).name } }
}

@Suite("Missing packets")
struct MissingPacketsTests {
    @Test("Gaps are told, filled once, and repeated after that")
    func arrivals() {
        var missing = MissingPackets()
        let names = missing.arrivals([65_534, 65_535, 65_538, 65_536, 65_536, 65_538, 65_537, 65_539, 65_530])
        #expect(names == ["in order", "in order", "gap 2", "filled", "repeated", "repeated", "filled", "in order", "repeated"])
        #expect(missing.isEmpty && missing.nextDeadline == .distantFuture)
    }

    @Test("Small reordering is waited out; then one request, and one more per retry interval, ten at most")
    func timing() {
        var missing = MissingPackets(retryInterval: .milliseconds(60))
        _ = missing.arrivals([65_535, 65_537])
        #expect(missing.nextDeadline == at(8))
        var taken = missing.due(at: at(7))
        #expect(taken == ([], false))
        for round: Int64 in 0..<10 {
            #expect(missing.nextDeadline == at(8 + 60 * round))
            taken = missing.due(at: at(8 + 60 * round))
            #expect(taken == ([0], false))
        }
        taken = missing.due(at: at(8 + 60 * 10))
        #expect(taken == ([], true))
        #expect(missing.isEmpty && missing.nextDeadline == .distantFuture)
        let late = missing.arrivals([65_536])
        #expect(late == ["repeated"])
    }

    @Test("The time between requests follows the round trip, as the answers show it")
    func roundTrip() {
        var missing = MissingPackets(retryInterval: .milliseconds(60))
        _ = missing.arrivals([1, 3])
        _ = missing.due(at: at(8))
        #expect(missing.nextDeadline == at(68))
        // The answer takes 200 ms.
        _ = missing.arrivals([2], at: at(208))
        _ = missing.arrivals([5], at: at(300))
        _ = missing.due(at: at(308))
        #expect(missing.nextDeadline == at(308 + 225))
        // What was never asked for says nothing of the round trip.
        _ = missing.arrivals([4, 7, 6], at: at(508))
        _ = missing.arrivals([9], at: at(600))
        _ = missing.due(at: at(608))
        #expect(missing.nextDeadline == at(608 + 225))
    }

    @Test("While packets wait on their way their answers do: nothing is asked for twice before it can have come")
    func wait() {
        var missing = MissingPackets(retryInterval: .milliseconds(60))
        var asked: [SequenceNumber] = []
        _ = missing.arrivals([1, 3])
        _ = missing.due(at: at(8))
        #expect(missing.nextDeadline == at(68))
        // A queue of 300 ms has come to be since.
        _ = missing.takeDue(at: at(68), room: 100, wait: .milliseconds(300), into: &asked)
        #expect(asked.isEmpty && missing.nextDeadline == at(8 + 360))
        // It is no part of the round trip that is learned.
        _ = missing.arrivals([2, 5], at: at(328))
        _ = missing.takeDue(at: at(336), room: 100, wait: .milliseconds(300), into: &asked)
        #expect(asked == [SequenceNumber(4)] && missing.nextDeadline == at(336 + 360))
        // It goes, and what is asked for from then on is not waited for so long.
        _ = missing.takeDue(at: at(696), room: 100, into: &asked)
        #expect(asked.count == 2 && missing.nextDeadline == at(696 + 60))
        // What wavers a little is no queue; none is believed to be longer than half a second.
        _ = missing.takeDue(at: at(756), room: 100, wait: .milliseconds(29), into: &asked)
        #expect(missing.nextDeadline == at(756 + 60))
        _ = missing.takeDue(at: at(816), room: 100, wait: .seconds(9), into: &asked)
        #expect(missing.nextDeadline == at(756 + 560))
    }

    @Test("What nobody is sent is not asked for, and may still come late")
    func forgo() {
        var missing = MissingPackets()
        _ = missing.arrivals([1, 4])
        missing.forgo(at: at(8))
        #expect(missing.nextDeadline == .distantFuture && !missing.isEmpty)
        _ = missing.arrivals([6], at: at(10))
        missing.forgo(at: at(10))
        #expect(missing.nextDeadline == at(18))
        let taken = missing.due(at: at(18))
        #expect(taken.numbers == [5])
        let late = missing.arrivals([2, 5], at: at(20))
        #expect(late == ["filled", "filled"])
    }

    @Test("What has no room is asked for next time, lowest first")
    func room() {
        var missing = MissingPackets()
        _ = missing.arrivals([10, 20])
        var taken = missing.due(at: at(8), room: 4)
        #expect(taken.numbers == [11, 12, 13, 14])
        #expect(missing.nextDeadline == at(8))
        taken = missing.due(at: at(8), room: 4)
        #expect(taken.numbers == [15, 16, 17, 18])
        taken = missing.due(at: at(8), room: 4)
        #expect(taken.numbers == [19])
        #expect(missing.nextDeadline == at(68))
        taken = missing.due(at: at(8), room: 0)
        #expect(taken == ([], false))
    }

    @Test("A gap too large to repair is given up, whether at once or bit by bit", arguments: [513, 100, 2] as [Int64])
    func overflow(gap: Int64) {
        var missing = MissingPackets()
        _ = missing.arrivals([0])
        var number: Int64 = 0
        var overflowed = false
        for _ in 0..<513 where !overflowed {
            number += gap + 1
            overflowed = missing.arrivals([number]) == ["overflow"]
        }
        // Where packets arrive between, what is far behind is shed instead.
        #expect(overflowed == (gap > 2) || missing.arrivals([1]) == ["repeated"])
        let next = missing.arrivals([number + 1])
        #expect(next == ["in order"])
    }

    @Test("Without anybody asking, losses of the past are shed: the list does not fill up over hours")
    func window() {
        var missing = MissingPackets()
        var overflows = 0
        for number: Int64 in 0..<100_000 where number % 50 != 7 { if missing.arrivals([number]) == ["overflow"] { overflows += 1 } }
        #expect(overflows == 0)
        let late = missing.arrivals([99_957, 99_907, 98_007, 7])
        #expect(late == ["filled", "filled", "repeated", "repeated"])
    }

    @Test("A keyframe makes what came before worthless")
    func forget() {
        var missing = MissingPackets()
        _ = missing.arrivals([1, 5, 9])
        missing.forget(before: 6)
        let taken = missing.due(at: at(8))
        #expect(taken.numbers == [6, 7, 8])
        let late = missing.arrivals([3, 7])
        #expect(late == ["repeated", "filled"])
        missing.forget(before: 100)
        #expect(missing.isEmpty && missing.nextDeadline == .distantFuture)
    }

    @Test("The deadline is never later than the earliest that is due, whatever happens", arguments: 0..<10)
    func deadlineIsSafe(seed: UInt64) {
        var random = Entropy.seeded(seed)
        var missing = MissingPackets()
        var number: Int64 = 65_000
        var now: Int64 = 0
        for _ in 0..<3_000 {
            now += Int64.random(in: 0...5, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: missing.forget(before: number - Int64.random(in: 0...50, using: &random))
            case 1: _ = missing.note(number - Int64.random(in: 0...40, using: &random), at: at(now))
            default:
                number += Int64.random(in: 1...6, using: &random)
                _ = missing.note(number, at: at(now))
            }
            let deadline = missing.nextDeadline
            let taken = missing.due(at: at(now))
            if !taken.numbers.isEmpty || taken.gaveUp { #expect(deadline <= at(now)) }
            #expect(missing.isEmpty == (missing.nextDeadline == .distantFuture))
            #expect(missing.nextDeadline > at(now))
        }
    }
}
