import Rooms
import Signalling

// What workers notice of members while media flows: who speaks, and whose connection is bad.
extension LiveRoom {
    /// A track's loudness has changed; those who could hear it are told.
    func noteLevel(_ level: UInt8, of track: TrackID, by member: Member) {
        guard tracks[track] != nil, !member.permission.isHidden else { return }
        let former = loudest(of: member)
        levels[track] = level == 0 ? nil : level
        let now = loudest(of: member)
        guard former != now else { return }
        var speaker = Livekit_SpeakerInfo()
        speaker.sid = member.sid
        speaker.level = Float(now) / 8
        speaker.active = now > 0
        let response = Livekit_SignalResponse.speakersChanged([speaker])
        for other in members where other === member || other.permission.canSubscribe { tell(response, to: other) }
    }

    private func loudest(of member: Member) -> UInt8 { member.tracks.compactMap { levels[$0.id] }.max() ?? 0 }

    /// A connection has become better or worse; everybody who sees the member is told.
    func noteQuality(_ quality: LinkQuality, of id: ParticipantID, _ member: Member) {
        let former = worst(of: member)
        qualities[id] = quality
        guard let now = worst(of: member), now != former else { return }
        var update = Livekit_ConnectionQualityInfo()
        update.participantSid = member.sid
        (update.quality, update.score) = now.told
        guard !member.isInvisible else {
            tell(.connectionQuality([update]), to: member)
            return
        }
        tell(.connectionQuality([update]))
    }

    private func worst(of member: Member) -> LinkQuality? {
        member.links.compactMap { $0.participant.flatMap { qualities[$0] } }.min()
    }
}

extension LinkQuality {
    /// As LiveKit tells it: the word, and a score of at most 5.
    fileprivate var told: (Livekit_ConnectionQuality, Float) {
        switch self {
        case .lost: (.lost, 1)
        case .poor: (.poor, 2)
        case .good: (.good, 3.5)
        case .excellent: (.excellent, 4.8)
        }
    }
}
