import HeadlessClients
import MediaPrimitives
import Simulation
import Testing

@Suite("A browser's jitter buffer") struct PlayoutTests {
    /// Frames of 30 a second, each `lateness` milliseconds (by number) after its time, in order.
    private func play(_ count: Int, roundTrip: Double = 100, repaired: Set<Int> = [], _ lateness: (Int) -> Double) -> PlayoutBuffer {
        var buffer = PlayoutBuffer()
        buffer.roundTrip = roundTrip
        var ready = Instant(nanoseconds: 0)
        for number in 0..<count {
            let captured = Instant(nanoseconds: 5_000_000_000 + Int64(number) * 33_333_333)
            let arrived = captured + .microseconds(Int64(lateness(number) * 1_000))
            // Nobody is decoded before those that he builds on.
            ready = max(ready, arrived)
            let stamp = PayloadStamp(
                source: 1, layer: 0, isKeyframe: number == 0, frame: UInt32(number), index: 0, count: 1, ordinal: 0, captured: captured)
            buffer.add(
                PlayoutBuffer.Frame(
                    timestamp: UInt32(truncatingIfNeeded: 0xffff_0000 + number * 3_000), arrived: arrived, ready: ready,
                    isRepaired: repaired.contains(number), stamp: stamp))
        }
        return buffer
    }

    private func gaps(_ buffer: PlayoutBuffer) -> [Double] {
        zip(buffer.shown.dropFirst(), buffer.shown).map { ($0.at - $1.at).milliseconds }
    }

    @Test("what comes evenly is shown evenly, a little later, and timestamps may wrap")
    func even() {
        let buffer = play(1_000) { _ in 50 }
        #expect(gaps(buffer).allSatisfy { abs($0 - 33.3) < 1 })
        #expect(buffer.shown.allSatisfy { (60...90).contains(($0.at - $0.captured).milliseconds) })
        #expect(buffer.freezes.count == 0)
    }

    @Test("what varies is shown evenly once that is known")
    func jitter() {
        let entropy = Entropy.seeded(7)
        let buffer = play(1_000) { _ in 50 + Double(entropy.next() % 40) }
        #expect(gaps(buffer).dropFirst(100).allSatisfy { (10...60).contains($0) })
        #expect(buffer.freezes.count == 0)
    }

    @Test("a frame that comes late beyond all that is known stands still, and is counted with its whole length")
    func late() {
        let buffer = play(300) { $0 == 200 ? 450 : 50 }
        #expect(buffer.freezes.count == 1)
        let length = buffer.freezes.duration.milliseconds
        // 400 ms late, less what the buffer had.
        #expect((390...435).contains(length), "\(length)")
    }

    @Test("once frames need repair it waits for one round trip, and no frame that takes one more is missed")
    func repair() {
        let late: Set<Int> = [100, 120, 140, 160, 300, 400, 500]
        let buffer = play(600, repaired: late) { late.contains($0) ? 50 + 120 : 50 }
        #expect(buffer.freezes.count == 0)
        #expect(gaps(buffer).dropFirst(250).allSatisfy { $0 < 60 })
        let delay = buffer.shown[299].at - buffer.shown[299].captured
        #expect((140...190).contains(delay.milliseconds), "\(delay)")
    }

    @Test(
        "it freezes about as often and as long as Chromium 156 did over the same packets",
        arguments: [(1, 14, 16.81), (2, 8, 9.11), (3, 9, 11.65)] as [(UInt64, Int, Double)])
    func chromium(seed: UInt64, count: Int, seconds: Double) throws {
        let video = PacketTrace.made(seed: seed, length: .seconds(45)).watch(.browser)
        let freezes = try #require(video.playout?.freezes)
        // Waits of about 190 ms are freezes for the one and none for the other.
        #expect(abs(freezes.count - count) <= 2)
        #expect(abs(freezes.duration.seconds - seconds) <= 0.1 * seconds)
    }

    @Test("after a pause the time until the next frame is no freeze")
    func pause() {
        var buffer = play(100) { _ in 50 }
        buffer.pause()
        let captured = Instant(nanoseconds: 30_000_000_000)
        let stamp = PayloadStamp(
            source: 1, layer: 0, isKeyframe: true, frame: 100, index: 0, count: 1, ordinal: 0, captured: captured)
        buffer.add(
            PlayoutBuffer.Frame(
                timestamp: 0xffff_0000 &+ 25 * 90_000, arrived: captured + .milliseconds(50), ready: captured + .milliseconds(50),
                isRepaired: false, stamp: stamp))
        #expect(buffer.freezes.count == 0 && buffer.shown.count == 101)
    }
}
