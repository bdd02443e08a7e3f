import MediaPrimitives
import MediaWorker
import Testing

@Suite("When another worker is rung for")
struct BellScheduleTests {
    private final class Bench {
        private var bells = BellSchedule(workers: 3)
        private let start = Instant(nanoseconds: 5_000_000_000)

        /// Whether it rings at once.
        func tell(_ other: Int, isPressing: Bool = false, at milliseconds: Int64) -> Bool {
            bells.noteNews(for: other, isPressing: isPressing, at: start + .milliseconds(milliseconds))
        }

        /// Whom it rings for then, where `read` have looked by themselves, and after how many milliseconds of all it wants to be asked again.
        func ask(at milliseconds: Int64, read: Set<Int> = []) -> (rung: [Int], next: Int64?) {
            var rung: [Int] = []
            let next = bells.handleTimeout(at: start + .milliseconds(milliseconds)) {
                read.contains($0)
            } ring: {
                rung.append($0)
            }
            return (rung, next == .distantFuture ? nil : (next - start).nanoseconds / 1_000_000)
        }
    }

    @Test("what presses is rung for at once, and what lay there before with it")
    func pressing() {
        let bench = Bench()
        #expect(bench.tell(2, isPressing: true, at: 0))
        #expect(!bench.tell(1, at: 0))
        #expect(bench.tell(1, isPressing: true, at: 1))
        #expect(bench.ask(at: 1_000) == ([], nil))
    }

    @Test("what does not press is rung for once, when the oldest of it has lain for two milliseconds")
    func patient() {
        let bench = Bench()
        #expect(!bench.tell(1, at: 0) && !bench.tell(1, at: 1) && !bench.tell(2, at: 1))
        #expect(bench.ask(at: 1) == ([], 2))
        #expect(bench.ask(at: 2) == ([1], 3))
        #expect(bench.ask(at: 3) == ([2], nil))
        #expect(bench.ask(at: 1_000) == ([], nil))
    }

    @Test("nobody is rung for who has looked by itself, and then the time counts anew")
    func read() {
        let bench = Bench()
        #expect(!bench.tell(1, at: 0))
        #expect(bench.ask(at: 2, read: [1]) == ([], nil))
        #expect(!bench.tell(1, at: 3))
        #expect(bench.ask(at: 4) == ([], 5))
    }
}
