import HeadlessClients
import MediaPrimitives
import Testing

@Suite("What a browser asks for again") struct NackRequestTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func at(_ milliseconds: Int64) -> Instant { start + .milliseconds(milliseconds) }

    @Test("a missing packet is asked for at once, then every round trip, ten times in all")
    func retries() {
        var nacks = NackRequests()
        let isHopeful = nacks.note(missing: 70_000..<70_002, at: start)
        #expect(isHopeful)
        #expect(nacks.nextDeadline == start)
        var asked: [Int64] = []
        for millisecond in 0..<Int64(2_000) where nacks.nextDeadline <= at(millisecond) {
            let due = nacks.takeDue(at: at(millisecond), room: 100)
            if due.isEmpty { continue }
            #expect(due.map(\.rawValue) == [4_464, 4_465])
            asked.append(millisecond)
        }
        #expect(asked == (0..<10).map { $0 * 100 })
        #expect(nacks.nextDeadline == .distantFuture)
        #expect(nacks.wasAsked(70_001) && !nacks.wasAsked(70_002))
    }

    @Test("the round trip is learned from answers to a single request, in steps of 20 ms for the next")
    func roundTrip() {
        var nacks = NackRequests()
        for number in 0..<Int64(50) {
            let now = at(number * 1_000)
            _ = nacks.note(missing: number..<(number + 1), at: now)
            let due = nacks.takeDue(at: now, room: 10)
            #expect(due.count == 1)
            nacks.note(filled: number, isRetransmission: true, at: now + .milliseconds(45))
        }
        #expect(abs(nacks.roundTrip - 45) < 1)
        _ = nacks.note(missing: 1_000..<1_001, at: at(60_000))
        _ = nacks.takeDue(at: at(60_000), room: 10)
        #expect(nacks.nextDeadline == at(60_060))
    }

    @Test("where packets overtake each other the first request waits for them")
    func reordering() {
        var nacks = NackRequests()
        _ = nacks.note(missing: 5..<6, at: start)
        nacks.note(filled: 5, isRetransmission: false, at: at(3))
        _ = nacks.note(missing: 9..<10, at: at(10))
        #expect(nacks.nextDeadline == at(30))
        nacks.note(filled: 9, isRetransmission: false, at: at(12))
        #expect(nacks.nextDeadline == .distantFuture && !nacks.wasAsked(9))
        _ = nacks.note(missing: 20..<21, at: at(20_000))
        #expect(nacks.nextDeadline == at(20_000))
    }

    @Test("too much at once is given up for a keyframe, and a keyframe ends what was asked before it")
    func givingUp() {
        var nacks = NackRequests()
        let isHopeful = nacks.note(missing: 0..<900, at: start)
        nacks.forget(before: 850)
        let due = nacks.takeDue(at: start, room: 1_000)
        #expect(isHopeful && due.count == 50)
        let isStillHopeful = nacks.note(missing: 1_000..<2_000, at: start)
        #expect(!isStillHopeful)
        #expect(nacks.nextDeadline == .distantFuture)
    }
}
