import Forwarding
import MediaPrimitives
import Testing

@Suite("Who is heard")
struct LoudestSpeakersTests {
    private var speakers = LoudestSpeakers<Int>(places: 2)
    private var heard: Set<Int> = []
    private var said: [String] = []

    /// Takes the changes, which never contradict what is.
    private mutating func settle() {
        for (speaker, isHeard) in speakers.takeChanges() {
            #expect(heard.contains(speaker) != isHeard)
            if isHeard { heard.insert(speaker) } else { heard.remove(speaker) }
        }
        #expect(heard.count <= 2)
    }

    private mutating func speak(_ speaker: Int, _ loudness: Int = 90, dominant: Int? = nil, at time: Int64) {
        speakers.note(speaker, loudness: loudness, dominant: dominant, at: at(time))
        settle()
    }

    private mutating func room(_ count: Int) {
        for speaker in 0..<count { speakers.add(speaker, at: at(0)) }
        settle()
    }

    @Test("a small room is heard whole, and who comes later only when they speak")
    mutating func whole() {
        room(4)
        #expect(heard == [0, 1])
        speak(3, at: 2_000)
        #expect(heard == [1, 3])
        speak(2, at: 2_000)
        #expect(heard == [2, 3])
    }

    @Test("nobody goes within 1.5 s of their last word, but for somebody clearly louder")
    mutating func stay() {
        room(4)
        speak(0, at: 10_000)
        speak(1, at: 10_400)
        speak(2, 90, at: 11_000)
        speak(3, 95, at: 11_400)
        #expect(heard == [0, 1])
        speak(2, 90, at: 11_500)
        #expect(heard == [1, 2])
        // Whoever has just come stays, however loud others are.
        speak(1, at: 11_600)
        speak(0, 127, at: 11_700)
        #expect(heard == [0, 2])
        speak(1, 127, at: 12_900)
        #expect(heard == [0, 2])
        speak(1, 127, at: 13_000)
        #expect(heard == [0, 1])
    }

    @Test("whoever has the floor is never replaced")
    mutating func floor() {
        room(3)
        speak(0, at: 5_000)
        speak(1, at: 9_000)
        speak(2, 127, dominant: 0, at: 20_000)
        #expect(heard == [0, 2])
    }

    @Test("a place that becomes free is given to whoever has spoken last, or else has been there longest")
    mutating func freePlace() {
        room(5)
        speak(0, at: 2_000)
        speak(1, at: 2_000)
        speak(4, 80, at: 2_100)
        speakers.remove(0, at: at(2_200))
        heard.remove(0)
        settle()
        #expect(heard == [1, 4])
        speakers.remove(1, at: at(2_300))
        heard.remove(1)
        settle()
        #expect(heard == [2, 4])
        // Whoever was not heard leaves no place.
        speakers.remove(3, at: at(2_400))
        speakers.remove(77, at: at(2_400))
        settle()
        #expect(heard == [2, 4])
    }

    @Test("speech begins with the second loud packet in a tenth of a second", arguments: [20, 60, 100] as [Int64])
    func onset(packet: Int64) {
        var onset = SpeechOnset()
        let told = { (level: UInt8, isVoice: Bool, time: Int64) in onset.note(level, isVoice: isVoice, at: at(time)) }
        #expect([told(60, false, 0), told(60, true, packet)] == [false, false])
        #expect([told(30, false, 1_000), told(20, false, 1_000 + packet)] == [false, true])
        #expect([onset.takeLoudness(), onset.takeLoudness()] == [107, 0])
        // A click each time.
        for time in [2_000, 2_120, 2_240] as [Int64] { #expect(told(10, true, time) == false) }
        // What the sender takes for speech may be more quiet.
        #expect([told(45, true, 4_000), told(45, true, 4_020)] == [false, true])
        #expect([told(45, false, 5_000), told(45, false, 5_020)] == [false, false])
    }
}
