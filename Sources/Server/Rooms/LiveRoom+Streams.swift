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
