import MediaPrimitives
import Rooms
import Testing

@Suite("Link quality")
struct LinkQualityTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private func judge(_ note: (inout LinkQualityMeter) -> Void) -> LinkQuality? {
        var meter = LinkQualityMeter()
        meter.start(at: at(0))
        note(&meter)
        return meter.handleTimeout(lastArrival: at(4), at: at(5))
    }

    @Test(
        "loss on the way up is judged at 2 % and 10 %",
        arguments: [
            (1_000, 0, .excellent), (1_000, 19, .excellent), (1_000, 20, .good), (1_000, 99, .good), (1_000, 100, .poor), (5, 5, .poor),
        ]
            as [(Int64, Int64, LinkQuality)])
    func up(expected: Int64, lost: Int64, quality: LinkQuality) {
        #expect(judge { $0.noteUp(expected: expected, lost: lost) } == quality)
    }

    @Test(
        "loss on the way down is what the reports tell, each as heavy as what it is about",
        arguments: [(5, .excellent), (6, .good), (25, .good), (26, .poor), (255, .poor)] as [(UInt8, LinkQuality)])
    func down(fraction: UInt8, quality: LinkQuality) {
        #expect(judge { $0.noteDown(expected: 1_000, fractionLost: fraction) } == quality)
        // A stream of which nothing was sent does not make it better, nor worse.
        #expect(
            judge {
                $0.noteDown(expected: 1_000, fractionLost: fraction)
                $0.noteDown(expected: 0, fractionLost: 0)
                $0.noteDown(expected: 0, fractionLost: 255)
            } == quality)
    }

    @Test("the worse of the two directions counts")
    func worse() {
        #expect(
            judge {
                $0.noteUp(expected: 100, lost: 50)
                $0.noteDown(expected: 100, fractionLost: 0)
            } == .poor)
    }

    @Test("it is told first after five seconds, then only when it changes, and each interval counts for itself")
    func changes() {
        var meter = LinkQualityMeter()
        #expect(meter.nextDeadline == .distantFuture)
        meter.start(at: at(0))
        #expect(meter.nextDeadline == at(5))
        func judge(_ second: Int64, lost: Int64, lastArrival: Int64) -> LinkQuality? {
            meter.noteUp(expected: 100, lost: lost)
            return meter.handleTimeout(lastArrival: at(lastArrival), at: at(second))
        }
        let told = [
            judge(4, lost: 0, lastArrival: 4), judge(5, lost: 0, lastArrival: 5), judge(10, lost: 0, lastArrival: 10),
            judge(15, lost: 20, lastArrival: 15), judge(20, lost: 0, lastArrival: 15), judge(25, lost: 0, lastArrival: 15),
            judge(30, lost: 0, lastArrival: 29),
        ]
        #expect(told == [nil, .excellent, nil, .poor, .excellent, .lost, .excellent])
    }

    @Test("absurd numbers do no harm")
    func absurd() {
        #expect(judge { $0.noteUp(expected: -5, lost: 7) } == .excellent)
        #expect(judge { for _ in 0..<4 { $0.noteDown(expected: Int64(UInt32.max), fractionLost: 255) } } == .poor)
    }
}
