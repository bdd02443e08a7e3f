import Forwarding
import MediaPrimitives
import Testing

/// A room in which a decision is made every 300 ms.
private struct TestRoom {
    var speakers: [TestSpeaker]
    var dominance = DominantSpeaker<Int>()
    var time: Int64 = 0
    /// Who had the floor from when on.
    var changes: [(at: Int64, speaker: Int)] = []

    init(_ count: Int) {
        speakers = (0..<count).map { TestSpeaker(seed: UInt32($0 + 1) * 7_919) }
        everybodyRests(2_100)
    }

    mutating func everybodyRests(_ milliseconds: Int64) { run(milliseconds) { _, _ in false } }

    /// `speaks` tells who speaks at which time, in ms from now.
    mutating func run(_ milliseconds: Int64, _ speaks: (Int, Int64) -> Bool) {
        for step in 0..<milliseconds / 20 {
            for index in speakers.indices {
                if speaks(index, step * 20) { speakers[index].speak(20) } else { speakers[index].rest(20) }
            }
            time += 20
            guard time % 300 < 20 else { continue }
            let scores = speakers.indices.map { ($0, speakers[$0].scores()) }
            if dominance.decide(among: scores), let current = dominance.current { changes.append((time, current)) }
        }
    }
}

@Suite("Who has the floor")
struct DominantSpeakerTests {
    @Test("nobody before anybody has spoken, then whoever does, and through silence")
    func first() {
        var room = TestRoom(3)
        #expect(room.dominance.current == nil)
        let start = room.time
        room.run(2_000) { speaker, _ in speaker == 1 }
        #expect(room.changes.map(\.speaker) == [1])
        #expect(room.changes.allSatisfy { $0.at - start <= 1_000 })
        room.everybodyRests(60_000)
        #expect(room.dominance.current == 1 && room.changes.count == 1)
    }

    @Test("it goes from one speaker to the next within about a second")
    func handOver() {
        var room = TestRoom(4)
        var last = -1
        for turn in [0, 1, 2, 1, 3, 0] where turn != last {
            last = turn
            let start = room.time
            room.run(5_000) { speaker, _ in speaker == turn }
            #expect(room.dominance.current == turn)
            #expect(room.changes.last.map { $0.at - start <= 1_500 } == true)
        }
        #expect(room.changes.count == 6)
    }

    @Test("coughs and short words do not take it", arguments: [60, 100, 200] as [Int64])
    func coughs(length: Int64) {
        var room = TestRoom(3)
        room.run(30_000) { speaker, time in
            speaker == 0 || (speaker == 1 && time % 3_000 < length) || (speaker == 2 && time % 2_300 < length)
        }
        #expect(room.changes.map(\.speaker) == [0])
    }

    @Test("two who speak at once do not take it from each other all the time")
    func duel() {
        var room = TestRoom(2)
        room.run(3_000) { speaker, _ in speaker == 0 }
        room.run(20_000) { _, _ in true }
        #expect(room.changes.count <= 4)
    }

    @Test("after a minute's mute without packets it goes to whoever speaks, and back")
    func mute() {
        var room = TestRoom(2)
        room.run(3_000) { speaker, _ in speaker == 0 }
        room.speakers[0].pause(60_000)
        for _ in 0..<3_000 { room.speakers[1].rest(20) }
        room.run(3_000) { speaker, _ in speaker == 1 }
        #expect(room.dominance.current == 1)
        room.run(3_000) { speaker, _ in speaker == 0 }
        #expect(room.changes.map(\.speaker) == [0, 1, 0])
    }

    @Test("whoever has it and leaves, loses it; the order in which they are told of decides nothing")
    func leaving() {
        var dominance = DominantSpeaker<Int>()
        let loud = SpeechActivity.Scores(immediate: 9, medium: 5, long: 8)
        #expect(dominance.decide(among: [(3, loud), (2, loud), (5, loud)]) == true)
        var other = DominantSpeaker<Int>()
        #expect(other.decide(among: [(5, loud), (2, loud), (3, loud)]) == true)
        #expect(dominance.current == 2 && other.current == 2)
        #expect(dominance.decide(among: [(3, .silence), (5, .silence)]) == false)
        #expect(dominance.current == nil)
        #expect(dominance.decide(among: [(3, .silence), (5, loud)]) == true)
        #expect(dominance.current == 5)
        #expect(dominance.decide(among: []) == false)
        #expect(dominance.current == nil)
    }
}
