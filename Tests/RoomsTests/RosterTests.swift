import MediaPrimitives
import RTP
import Rooms
import Testing

@Suite("Rosters")
struct RosterTests {
    private func id(_ number: UInt64) -> ParticipantID { ParticipantID(worker: 0, number: number) }

    private func track(_ number: UInt64, _ codecs: Codec...) -> TrackReference {
        TrackReference(
            id: TrackID(rawValue: number), worker: 0,
            parameters: RTPParameters(
                mid: "0", kind: codecs[0].kind, codecs: codecs.map { CodecParameters(codec: $0, payloadType: 96) },
                extensions: HeaderExtensionMap()))
    }

    /// a publishes tracks 1 (sound) and 2 (VP8), b 11 and 12.
    private func roster(connected: [UInt64] = [1, 2]) -> Roster {
        var roster = Roster()
        roster.add(id(1), identity: "a", publishing: [track(1, .opus), track(2, .vp8)])
        roster.add(id(2), identity: "b", publishing: [track(11, .opus), track(12, .vp8)])
        roster.add(id(3), identity: "viewer")
        for number in connected { roster.noteConnected(id(number)) }
        return roster
    }

    @Test("whoever has been here longest is followed, and after them the next")
    func longest() {
        var roster = roster()
        #expect(roster.source(for: .video, accepting: [.vp8])?.id.rawValue == 2)
        #expect(roster.source(for: .audio, accepting: [.opus])?.id.rawValue == 1)
        roster.remove(id(1))
        #expect(roster.source(for: .video, accepting: [.vp8])?.id.rawValue == 12)
        roster.remove(id(2))
        #expect(roster.source(for: .video, accepting: [.vp8]) == nil)
    }

    @Test("whoever has not connected is not followed, and does not take a viewer away from another when they have")
    func connecting() {
        var roster = roster(connected: [2])
        let first = roster.source(for: .video, accepting: [.vp8])
        #expect(first?.id.rawValue == 12)
        roster.noteConnected(id(1))
        #expect(roster.source(for: .video, accepting: [.vp8], keeping: first?.id)?.id.rawValue == 12)
        #expect(roster.source(for: .video, accepting: [.vp8])?.id.rawValue == 2)
    }

    @Test("two sections of a kind carry two tracks of the publisher, and the third nothing")
    func severalOfAKind() {
        var roster = roster()
        roster.publish([track(3, .opus), track(4, .opus), track(5, .vp8)], by: id(1))
        let first = roster.source(for: .audio, accepting: [.opus])
        #expect(first?.id.rawValue == 3)
        let both = [3, 4].map { TrackID(rawValue: $0) }
        #expect(roster.source(for: .audio, accepting: [.opus], besides: [both[0]])?.id == both[1])
        #expect(roster.source(for: .audio, accepting: [.opus], besides: both) == nil)
        #expect(roster.source(for: .audio, accepting: [.opus], keeping: both[1], besides: [both[0]])?.id == both[1])
        roster.remove(id(1))
        #expect(roster.source(for: .audio, accepting: [.opus], keeping: both[1], besides: [both[0]])?.id.rawValue == 11)
    }

    @Test("nobody is fed what they cannot decode, nor their own")
    func suits() {
        var roster = roster()
        roster.publish([track(3, .h264)], by: id(1))
        // Nor sound of another than the picture would be of.
        #expect(roster.source(for: .video, accepting: [.vp8]) == nil)
        #expect(roster.source(for: .audio, accepting: [.opus]) == nil)
        #expect(roster.source(for: .video, accepting: [.vp8, .h264])?.id.rawValue == 3)
        #expect(roster.source(for: .video, accepting: [.vp8], to: id(1))?.id.rawValue == 12)
    }

    @Test("a publisher may be asked for by name")
    func byName() {
        var roster = roster()
        #expect(roster.source(for: .video, accepting: [.vp8], of: "b")?.id.rawValue == 12)
        #expect(roster.source(for: .video, accepting: [.vp8], of: "c") == nil)
        // What is carried already is not kept when its publisher ceases to publish it.
        roster.publish([track(13, .vp8)], by: id(2))
        #expect(roster.source(for: .video, accepting: [.vp8], of: "b", keeping: TrackID(rawValue: 12))?.id.rawValue == 13)
    }

    @Test("ids of different workers differ, and tell which worker it is", arguments: [0, 1, 255])
    func workers(_ worker: Int) {
        let id = ParticipantID(worker: worker, number: 77)
        #expect(id.worker == worker)
        #expect(id.rawValue & 0xff_ffff == 77)
        #expect((id == ParticipantID(worker: 1, number: 77)) == (worker == 1))
    }
}
