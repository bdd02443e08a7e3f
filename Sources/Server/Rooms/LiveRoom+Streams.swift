import Rooms
import Signalling

// What congestion control does to what a member watches.
extension LiveRoom {
    /// There is no room for a track on a member's connection, or there is again: his client shows it.
    func tell(_ member: Member, that track: TrackID, isPaused: Bool) {
        guard let track = tracks[track], let owner = track.publisher else { return }
        var info = Livekit_StreamStateInfo()
        info.participantSid = owner.sid
        info.trackSid = track.sid
        info.state = isPaused ? .paused : .active
        tell(.streamState([info]), to: member)
    }

    /// `link` is fed by these sections. Each publisher is told once of each track that somebody gets it: applications wait for that, so that nothing
    /// they say is said to nobody.
    func noteFed(_ sections: [SendingSection], by link: MediaLink) {
        guard link.isConnected else { return }
        for section in sections {
            guard let track = section.source.flatMap({ tracks[$0.id] }), let publisher = track.publisher, !track.hasBeenSubscribed else {
                continue
            }
            track.hasBeenSubscribed = true
            tell(.trackSubscribed(track.sid), to: publisher)
        }
    }
}

/// How people know a track.
package struct TrackName: Sendable {
    package var sid: String
    /// Its publisher's identity.
    package var publisher: String
}

extension LiveRoom {
    /// Of all tracks.
    var trackNames: [TrackID: TrackName] {
        var names: [TrackID: TrackName] = [:]
        for member in members { for track in member.tracks { names[track.id] = TrackName(sid: track.sid, publisher: member.identity) } }
        return names
    }
}
