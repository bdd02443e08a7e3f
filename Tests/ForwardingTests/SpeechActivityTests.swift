import Forwarding
import Foundation
import MediaPrimitives
import Testing

/// Somebody whose levels are fed at 50 packets a second.
struct TestSpeaker {
    var activity = SpeechActivity()
    private(set) var time: Int64 = 0
    private var timestamp: UInt32 = .max - 20_000
    private var random: UInt32
    private let packet: Int64

    init(seed: UInt32 = 1, packet: Int64 = 20) {
        random = seed
        self.packet = packet
    }

    private mutating func next(_ bound: UInt32) -> UInt32 {
        random = random &* 1_664_525 &+ 1_013_904_223
        return (random >> 8) % bound
    }

    /// Speech: loud syllables with the short pauses between words.
    mutating func speak(_ milliseconds: Int64) {
        feed(milliseconds) { $0.next(100) < 92 ? UInt8(12 + $0.next(25)) : UInt8(45 + $0.next(20)) }
    }
    /// A room in which nobody speaks.
    mutating func rest(_ milliseconds: Int64) { feed(milliseconds) { UInt8(66 + $0.next(8)) } }
    mutating func bang(_ milliseconds: Int64) { feed(milliseconds) { UInt8(8 + $0.next(6)) } }
    /// Muted, or a codec that is silent in silence: nothing is sent.
    mutating func pause(_ milliseconds: Int64) {
        time += milliseconds
        timestamp &+= UInt32(milliseconds) * 48
    }
    mutating func feed(_ milliseconds: Int64, _ level: (inout TestSpeaker) -> UInt8) {
        for _ in 0..<milliseconds / packet {
            let level = level(&self)
            activity.note(level, timestamp: timestamp, at: at(time))
            pause(packet)
        }
    }
    mutating func scores() -> SpeechActivity.Scores { activity.scores(at: at(time)) }
}

@Suite("How much somebody speaks")
struct SpeechActivityTests {
    private func expectSilence(_ speaker: inout TestSpeaker, sourceLocation: SourceLocation = #_sourceLocation) {
        let scores = speaker.scores()
        #expect(scores == .silence && !speaker.activity.isActive, sourceLocation: sourceLocation)
    }

    @Test("scores are the paper's likelihoods of speech")
    func likelihoods() {
        func score(_ active: Int, of all: Int, _ lambda: Double) -> Double {
            var binomial = 1.0
            for k in 0..<active { binomial *= Double(all - k) / Double(k + 1) }
            return max(SpeechActivity.Scores.least, log(binomial) + Double(all) * log(0.5) - log(lambda) + lambda * Double(active))
        }
        for value in 0...12 {
            let all = SpeechActivity.Scores(immediate: UInt8(value), medium: UInt8(min(5, value)), long: UInt8(min(10, value))).likelihoods
            #expect(abs(all.immediate - score(value, of: 13, 0.78)) < 1e-5)
            #expect(abs(all.medium - score(min(5, value), of: 5, 24)) < 1e-5)
            #expect(abs(all.long - score(min(10, value), of: 10, 47)) < 1e-5)
        }
        // What nobody sends does not trap.
        let wild = SpeechActivity.Scores(immediate: 255, medium: 255, long: 255).likelihoods
        #expect(wild.immediate > 0 && wild.medium > 0 && wild.long > 0)
    }

    @Test("a room's noise is no speech, speech is on all scales, and its end is the end of all within a second", arguments: [10, 20, 60])
    func scales(packet: Int64) {
        var speaker = TestSpeaker(packet: packet)
        speaker.rest(3_000)
        expectSilence(&speaker)
        speaker.speak(3_000)
        let speaking = speaker.scores()
        #expect(speaking.medium >= 3 && speaking.long >= 3 && speaker.activity.isActive)
        speaker.rest(180)
        let paused = speaker.scores()
        #expect(paused.immediate == 0 && paused.medium == 0 && paused.long >= 1)
        speaker.rest(900)
        expectSilence(&speaker)
    }

    @Test("a sound of 40 ms is nothing on the long scale, and one of 200 ms at most two tenths")
    func short() {
        var speaker = TestSpeaker()
        speaker.rest(2_000)
        speaker.bang(40)
        let click = speaker.scores()
        #expect(click.long == 0 && click.medium == 2)
        speaker.rest(1_100)
        speaker.bang(200)
        let bang = speaker.scores()
        #expect((1...2).contains(bang.long))
    }

    @Test("packets that cease are silence, and those that were only late are not")
    func ceasing() {
        var speaker = TestSpeaker()
        speaker.rest(1_000)
        speaker.speak(2_000)
        let before = speaker.scores()
        var muted = speaker
        muted.pause(1_200)
        expectSilence(&muted)
        muted.pause(60_000)
        expectSilence(&muted)
        muted.speak(1_000)
        let back = muted.scores()
        #expect(back.long > 3)
        // The next five packets come together, 160 ms after those before them.
        var late = speaker
        let assumed = late.activity.scores(at: at(late.time + 140))
        #expect(assumed.long < before.long && assumed.immediate == 0)
        late.bang(100)
        let after = late.scores()
        #expect(after.medium == 5 && after.long >= before.long)
    }

    @Test("what is always as loud is learned to be no speech")
    func hum() {
        var speaker = TestSpeaker()
        speaker.feed(60_000) { _ in 30 }
        expectSilence(&speaker)
        speaker.feed(1_000) { _ in 15 }
        let loud = speaker.scores()
        #expect(loud.long == 10)
    }

    @Test("timestamps that jump or go back end nothing but what was")
    func jumps() {
        var activity = SpeechActivity()
        var time: Int64 = 0
        for timestamp: UInt32 in [0, 960, 0, 0x8000_0000, 0x7fff_ffff, .max, 959, 12, 0xf000_0000, 1 << 30] {
            for level: UInt8 in [0, 127, 255, 35] { activity.note(level, timestamp: timestamp, at: at(time)) }
            _ = activity.scores(at: at(time + 5))
            _ = activity.scores(at: at(-time))
            time += 7
        }
        let end = activity.scores(at: at(Int64.max / 2_000_000))
        #expect(end == .silence)
    }
}
