import Forwarding
import MediaPrimitives

/// A track is heard from now on, or not any more.
struct Hearing {
    let track: TrackID
    let participant: ParticipantID
    let isHeard: Bool
}

/// Who speaks in one room, as it is known where that is decided: who has the floor, and who is heard where not all are.
struct RoomSpeakers {
    private struct Speaker {
        let track: TrackID
        let participant: ParticipantID
        var scores = SpeechActivity.Scores.silence
    }

    /// In the order in which they came.
    private var speakers: [Speaker] = []
    private var places: [TrackID: Int] = [:]
    private var dominance = DominantSpeaker<TrackID>()
    /// nil where all are heard.
    private var loudest: LoudestSpeakers<TrackID>?
    /// Something was told since the last decision.
    var hasNews = false

    /// `heard` tracks are heard at a time; 0 for all.
    init(heard: Int) { if heard > 0 { loudest = LoudestSpeakers(places: heard) } }

    var isEmpty: Bool { speakers.isEmpty }

    mutating func add(_ track: TrackID, of participant: ParticipantID, at now: Instant) {
        guard places[track] == nil else { return }
        places[track] = speakers.count
        speakers.append(Speaker(track: track, participant: participant))
        loudest?.add(track, at: now)
    }

    mutating func remove(_ track: TrackID, at now: Instant) {
        guard let place = places.removeValue(forKey: track) else { return }
        speakers.remove(at: place)
        for index in place..<speakers.count { places[speakers[index].track] = index }
        loudest?.remove(track, at: now)
    }

    mutating func note(_ report: VoiceReport, of track: TrackID, at now: Instant) {
        guard let place = places[track] else { return }
        speakers[place].scores = report.scores
        hasNews = true
        if report.loudness > 0 { loudest?.note(track, loudness: Int(report.loudness), dominant: dominance.current, at: now) }
    }

    /// Decides who has the floor. Returns them if it is somebody else than before.
    mutating func decide() -> (participant: ParticipantID, track: TrackID)? {
        hasNews = false
        guard dominance.decide(among: speakers.lazy.map { ($0.track, $0.scores) }), let track = dominance.current,
            let place = places[track]
        else { return nil }
        return (speakers[place].participant, track)
    }

    /// Takes which tracks are heard from now on, or not any more.
    mutating func takeHeard() -> [Hearing] {
        (loudest?.takeChanges() ?? []).compactMap { track, isHeard in
            places[track].map { Hearing(track: track, participant: speakers[$0].participant, isHeard: isHeard) }
        }
    }
}
