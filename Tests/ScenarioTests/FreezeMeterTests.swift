import HeadlessClients
import MediaPrimitives
import Simulation
import Testing

@Suite("Freezes") struct FreezeMeterTests {
    /// Frames at these distances, in milliseconds.
    private func measure(_ distances: [Int64]) -> FreezeMeter {
        var meter = FreezeMeter()
        var now = Instant(nanoseconds: 5_000_000_000)
        meter.noteFrame(at: now)
        for distance in distances {
            now = now + .milliseconds(distance)
            meter.noteFrame(at: now)
        }
        return meter
    }

    private func steady(_ count: Int, _ distance: Int64 = 33) -> [Int64] { Array(repeating: distance, count: count) }

    @Test(
        "one distance decides",
        arguments: [
            // 30 frames a second: (29 × 33 + d) / 30 + 150 ms is reached at 188.
            ([Int64](repeating: 33, count: 40), 187, false), ([Int64](repeating: 33, count: 40), 189, true),
            // 5 frames a second: three times the average, (29 × 200 + d) / 30, is reached at 645.
            ([Int64](repeating: 200, count: 40), 640, false), ([Int64](repeating: 200, count: 40), 650, true),
            // The fifth interval is the first that is judged.
            ([Int64](repeating: 33, count: 3), 2_000, false), ([Int64](repeating: 33, count: 4), 2_000, true),
            // Only the last thirty count: what was slow before that is forgotten.
            ([Int64](repeating: 200, count: 40) + [Int64](repeating: 33, count: 29), 189, true),
            ([Int64](repeating: 200, count: 40) + [Int64](repeating: 33, count: 20), 189, false),
        ] as [([Int64], Int64, Bool)])
    func threshold(before: [Int64], distance: Int64, isFreeze: Bool) {
        let meter = measure(before + [distance] + before.suffix(1))
        #expect(meter.count == (isFreeze ? 1 : 0))
        #expect(meter.duration == (isFreeze ? .milliseconds(distance) : .zero))
    }

    @Test("a freeze raises the average, and a shorter one soon after it is none")
    func aftermath() {
        #expect(measure(steady(40) + [3_000] + steady(10) + [300]).count == 1)
        #expect(measure(steady(40) + [3_000] + steady(30) + [300]).count == 2)
    }

    @Test("a freeze has the whole interval's length, and counts only once a frame ends it")
    func length() {
        let meter = measure(steady(40) + [1_500] + steady(40) + [700, 33])
        #expect(meter.freezes.map(\.length) == [.milliseconds(1_500), .milliseconds(700)])
        #expect(meter.freezes[0].from == Instant(nanoseconds: 5_000_000_000 + 40 * 33_000_000))
        #expect(meter.duration == .milliseconds(2_200))
        #expect(measure(steady(40)).count == 0)
    }
}
