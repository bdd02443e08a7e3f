import MediaPrimitives
import Testing

@Suite("The deadline queue")
struct DeadlineQueueTests {
    /// The same, without a heap.
    private struct NaiveQueue {
        var deadlines: [Int: Instant] = [:]

        mutating func schedule(_ key: Int, at deadline: Instant) {
            if deadline < deadlines[key] ?? .distantFuture { deadlines[key] = deadline }
        }
        mutating func cancel(_ key: Int) { deadlines[key] = nil }
        var next: Instant { deadlines.values.min() ?? .distantFuture }
    }

    @Test("Random operations give what a naive queue gives", arguments: 0..<20)
    func againstNaive(seed: UInt64) {
        var random = Entropy.seeded(seed)
        var queue = DeadlineQueue()
        var naive = NaiveQueue()
        var now: Int64 = 0
        for _ in 0..<4_000 {
            let key = Int.random(in: 0..<12, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                // Few distinct instants, so that many are equal.
                let deadline = Instant(nanoseconds: now + Int64.random(in: -2...8, using: &random))
                queue.schedule(key, at: deadline)
                naive.schedule(key, at: deadline)
            case 6:
                queue.cancel(key)
                naive.cancel(key)
            case 7:
                queue.schedule(key, at: .distantFuture)
            default:
                now += Int64.random(in: 0...3, using: &random)
                let due = naive.next
                let popped = queue.popDue(at: Instant(nanoseconds: now))
                if due <= Instant(nanoseconds: now) {
                    #expect(popped.flatMap { naive.deadlines[$0] } == due)
                    if let popped { naive.cancel(popped) }
                } else {
                    #expect(popped == nil)
                }
            }
            #expect(queue.next == naive.next)
        }
    }

    @Test("A key is woken once for its deadline, and at the earliest of several")
    func once() {
        var queue = DeadlineQueue()
        for deadline: Int64 in [9, 3, 5, 3, 7] { queue.schedule(2, at: Instant(nanoseconds: deadline)) }
        #expect(queue.next == Instant(nanoseconds: 3))
        #expect(queue.popDue(at: Instant(nanoseconds: 2)) == nil)
        #expect(queue.popDue(at: Instant(nanoseconds: 3)) == 2)
        #expect(queue.popDue(at: Instant(nanoseconds: 1_000)) == nil)
        #expect(queue.next == .distantFuture)
    }

    @Test("A key given to another after its end is not woken for the former's deadline")
    func reuse() {
        var queue = DeadlineQueue()
        queue.schedule(0, at: Instant(nanoseconds: 5))
        queue.cancel(0)
        queue.schedule(0, at: Instant(nanoseconds: 50))
        #expect(queue.popDue(at: Instant(nanoseconds: 49)) == nil)
        #expect(queue.popDue(at: Instant(nanoseconds: 50)) == 0)
        queue.cancel(1_000)
        #expect(queue.next == .distantFuture)
    }
}
