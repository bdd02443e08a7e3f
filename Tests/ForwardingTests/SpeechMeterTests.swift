import Forwarding
import MediaPrimitives
import Testing

@Suite("Speech")
struct SpeechMeterTests {
    /// Feeds a level every 20 ms; returns what was told, with the time in ms.
    private func run(_ meter: inout SpeechMeter, from start: Int64 = 0, _ levels: [UInt8], every interval: Int64 = 20) -> [(Int64, UInt8)] {
        levels.enumerated().compactMap { index, level in
            let time = start + Int64(index) * interval
            return meter.note(level, at: at(time)).map { (time, $0) }
        }
    }

    @Test(
        "full scale is 8, speech at the threshold 1, and what is not louder than it nothing",
        arguments: [(0, 8), (34, 1), (35, 0), (127, 0)])
    func scale(level: UInt8, told: UInt8) {
        var meter = SpeechMeter()
        _ = run(&meter, Array(repeating: level, count: 200))
        #expect(meter.level == told)
    }

    @Test("two fifths of a window must be loud", arguments: [(7, false), (8, true)])
    func share(loud: Int, isSpeech: Bool) {
        var meter = SpeechMeter()
        let window: [UInt8] = Array(repeating: 10, count: loud) + Array(repeating: 127, count: 20 - loud)
        _ = run(&meter, window + [127])
        #expect((meter.level > 0) == isSpeech)
    }

    @Test("a level is told only when it changes, and at most once a window")
    func changes() {
        var meter = SpeechMeter()
        let told = run(&meter, Array(repeating: 6, count: 500))
        #expect(told.first?.0 == 400)
        #expect(told.count <= 3)
        // From window to window as different as can be.
        let wild = run(&meter, from: 10_000, (0..<1_000).map { $0 / 20 % 2 == 0 ? 0 : 127 })
        #expect(wild.count <= 50)
        for (a, b) in zip(wild, wild.dropFirst()) { #expect(b.0 - a.0 >= 400 && b.1 != a.1) }
    }

    @Test("the level climbs smoothly")
    func smooth() {
        var meter = SpeechMeter()
        let levels = run(&meter, Array(repeating: 0, count: 200)).map(\.1)
        #expect(levels == levels.sorted() && levels.first == 6 && levels.last == 8)
    }

    @Test("packets that cease are silence within 800 ms, and what comes later begins anew")
    func ceases() {
        var meter = SpeechMeter()
        _ = run(&meter, Array(repeating: 10, count: 60))
        #expect(meter.level > 0)
        #expect(meter.nextDeadline == at(59 * 20 + 400))
        #expect(meter.handleTimeout(at: at(59 * 20 + 399)) == nil)
        #expect(meter.handleTimeout(at: at(59 * 20 + 400)) == 0)
        #expect(meter.nextDeadline == .distantFuture && meter.handleTimeout(at: at(9_000)) == nil)
        // Loud packets before a gap are not told of after it.
        _ = run(&meter, from: 10_000, Array(repeating: 10, count: 19))
        #expect(run(&meter, from: 20_000, [127, 127]).isEmpty && meter.level == 0)
    }

    @Test("silence in packets is silence after the window that it fills")
    func silence() {
        var meter = SpeechMeter()
        _ = run(&meter, Array(repeating: 10, count: 60))
        let told = run(&meter, from: 1_200, Array(repeating: 127, count: 60))
        #expect(told.map(\.1).last == 0 && (told.last?.0 ?? 9_999) <= 2_000)
    }

    @Test("a click in comfort noise is no speech, and frames of 60 and 120 ms are")
    func sparse() {
        var meter = SpeechMeter()
        #expect(run(&meter, [127, 5, 127, 127, 127], every: 390).isEmpty)
        for interval: Int64 in [60, 120] {
            var meter = SpeechMeter()
            #expect(run(&meter, Array(repeating: 10, count: 20), every: interval).first.map { $0.1 > 0 } == true)
        }
    }

    @Test("time that does not advance, or goes back, changes nothing")
    func badTime() {
        var meter = SpeechMeter()
        for _ in 0..<1_000 { _ = meter.note(0, at: at(5)) }
        for time in stride(from: Int64(1_000), to: 0, by: -20) { _ = meter.note(200, at: at(time)) }
        #expect(meter.level <= 8)
    }
}
