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

/// How people know what workers know by numbers.
package struct RoomNames: Sendable {
    package struct Track: Sendable {
        package var sid: String
        /// Its publisher's identity.
        package var publisher: String
        /// Its publisher's name; nil for none.
        package var publisherName: String?
        package var kind: String
        /// nil where the publisher has not said.
        package var source: String?
    }

    package var tracks: [TrackID: Track] = [:]
    /// Of those who have one.
    package var people: [ParticipantID: String] = [:]
    /// By which track somebody has the floor.
    package var dominant: Track?
}

extension LiveRoom {
    var names: RoomNames {
        var names = RoomNames()
        for member in members {
            let name = member.name.isEmpty ? nil : member.name
            for link in member.links { if let id = link.participant { names.people[id] = name } }
            for track in member.tracks {
                names.tracks[track.id] = RoomNames.Track(
                    sid: track.sid, publisher: member.identity, publisherName: name, kind: track.info.type == .audio ? "audio" : "video",
                    source: track.info.source.name)
            }
        }
        names.dominant = dominant.flatMap { names.tracks[$0] }
        return names
    }
}

extension Livekit_TrackSource {
    /// As grants call it; nil where it is not known.
    var name: String? {
        switch self {
        case .camera: "camera"
        case .microphone: "microphone"
        case .screenShare: "screen_share"
        case .screenShareAudio: "screen_share_audio"
        default: nil
        }
    }
}
