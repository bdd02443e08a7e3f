import Rooms
import Signalling

// What congestion control does to what a member watches.
extension LiveRoom {
    /// There is no room for a track on a member's connection, or there is again: his client shows it.
    func tell(_ member: Member, that track: TrackID, isPaused: Bool) {
        guard let track = tracks[track], let owner = members.first(where: { $0.tracks.contains { $0 === track } }) else { return }
        var info = Livekit_StreamStateInfo()
        info.participantSid = owner.sid
        info.trackSid = track.sid
        info.state = isPaused ? .paused : .active
        tell(.streamState([info]), to: member)
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
