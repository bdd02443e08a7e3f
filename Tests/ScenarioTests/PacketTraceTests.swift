import HeadlessClients
import MediaPrimitives
import Simulation
import Testing

@Suite("Packet traces") struct PacketTraceTests {
    private static let calm: PacketTrace.Weather = {
        var calm = PacketTrace.Weather()
        calm.burstChance = 0
        calm.reordering = 0
        calm.lateChance = 0
        calm.stall = nil
        return calm
    }()

    /// The calm trace without these packets.
    private func trace(losing isLost: (PacketTrace.Packet) -> Bool, keyframeEvery interval: Interval = .milliseconds(1_990)) -> PacketTrace
    {
        var weather = Self.calm
        weather.keyframeDistance = interval...interval
        var trace = PacketTrace.made(seed: 1, length: .seconds(10), weather: weather)
        for index in trace.packets.indices where isLost(trace.packets[index]) { trace.packets[index].arrival = nil }
        return trace
    }

    @Test("a seed makes the same trace each time, another seed another") func seeds() {
        let trace = PacketTrace.made(seed: 3, length: .seconds(20))
        #expect(trace == PacketTrace.made(seed: 3, length: .seconds(20)))
        #expect(trace != PacketTrace.made(seed: 4, length: .seconds(20)))
    }

    @Test("a trace comes back from its text as it was, and other text is refused") func text() throws {
        var trace = PacketTrace.made(seed: 3, length: .seconds(20))
        #expect(trace.packets.contains { $0.arrival == nil })
        for index in trace.packets.indices {
            trace.packets[index].arrival = trace.packets[index].arrival.map { .microseconds($0.nanoseconds / 1_000) }
        }
        #expect(PacketTrace(text: trace.text) == trace)
        for text in ["1", "1 2 3 4 5 0 7 8 9", "a 0 0 0 1 0 100 0", "1 0 0 1 1 0 100 0", "1 0 0 0 1 0 -1 0", "1 0 0 0 1 0 100 -1"] {
            #expect(PacketTrace(text: text) == nil, "\(text)")
        }
    }

    @Test("in calm weather every frame is shown, and none late") func calm() {
        let shown = PacketTrace.made(seed: 5, length: .seconds(10), weather: Self.calm).play()
        #expect(shown.faults == [])
        #expect(shown.frames == 300)
        #expect(shown.freezes.count == 0)
    }

    @Test("a lost packet freezes the picture until the next keyframe") func loss() throws {
        let shown = trace(losing: { $0.frame == 100 && $0.index == 0 }).play()
        #expect(shown.faults == [])
        // Frame 99 is the last before, 120 the next keyframe.
        #expect(shown.frames == 300 - 20)
        let freeze = try #require(shown.freezes.freezes.first)
        #expect(shown.freezes.count == 1)
        #expect(abs(freeze.length.milliseconds - 700) < 20)
    }

    @Test("a keyframe that is not whole does not end a freeze") func lostKeyframe() throws {
        let shown = trace(losing: { $0.frame == 100 && $0.index == 0 || $0.frame == 120 && $0.index == 3 }).play()
        #expect(shown.faults == [])
        #expect(shown.frames == 300 - 80)
        let freeze = try #require(shown.freezes.freezes.first)
        #expect(abs(freeze.length.milliseconds - 2_700) < 20)
    }

    @Test("a way that holds packets back freezes the picture for as long, and every frame is shown") func stall() throws {
        var weather = Self.calm
        weather.stall = (.seconds(5), .milliseconds(6_200))
        let shown = PacketTrace.made(seed: 5, length: .seconds(10), weather: weather).play()
        #expect(shown.faults == [])
        #expect(shown.frames == 300)
        let freeze = try #require(shown.freezes.freezes.first)
        #expect(shown.freezes.count == 1)
        #expect(abs(freeze.length.milliseconds - 1_220) < 30)
    }

    @Test("rough weather gives freezes of many lengths, and never a broken picture", arguments: 1...20 as ClosedRange<UInt64>)
    func rough(seed: UInt64) {
        let shown = PacketTrace.made(seed: seed, length: .seconds(60)).play()
        #expect(shown.faults == [])
        #expect(shown.freezes.count >= 3)
        #expect(shown.frames < 1_750)
    }
}
