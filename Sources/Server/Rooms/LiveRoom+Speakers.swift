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
        let response = Livekit_SignalResponse.speakersChanged([speaker(member, level: now)])
        for other in members where other === member || other.permission.canSubscribe { tell(response, to: other) }
    }

    /// Somebody else has the floor: all who speak are told of, whoever has it first.
    func noteDominant(_ track: TrackID, by member: Member) {
        guard tracks[track] != nil, !member.permission.isHidden else { return }
        dominant = track
        let speakers = speakers(among: members.filter { !$0.isInvisible })
        guard !speakers.isEmpty else { return }
        let response = Livekit_SignalResponse.speakersChanged(speakers)
        for other in members where other === member || other.permission.canSubscribe { tell(response, to: other) }
    }

    /// Who has the floor; nil when they have gone.
    var dominantMember: Member? {
        dominant.flatMap { tracks[$0]?.publisher }
    }

    /// Those who speak: whoever has the floor, and then the others, the loudest first.
    private func speakers(among candidates: [Member]) -> [Livekit_SpeakerInfo] {
        let first = dominantMember
        let levels = candidates.map { ($0, loudest(of: $0)) }.filter { $0.1 > 0 }
        let others = levels.filter { $0.0 !== first }.sorted { $0.1 > $1.1 }
        return (levels.filter { $0.0 === first } + others).map { speaker($0.0, level: $0.1) }
    }

    /// Tells a newcomer how things are; afterwards only changes are told.
    func tellSpeakersAndQualities(to newcomer: Member) {
        let others = members.filter { $0 !== newcomer && !$0.isInvisible }
        let speakers = speakers(among: others)
        if !speakers.isEmpty, newcomer.permission.canSubscribe { tell(.speakersChanged(speakers), to: newcomer) }
        let qualities = others.compactMap { other in worst(of: other).map { connection(other, $0) } }
        if !qualities.isEmpty { tell(.connectionQuality(qualities), to: newcomer) }
    }

    private func speaker(_ member: Member, level: UInt8) -> Livekit_SpeakerInfo {
        var speaker = Livekit_SpeakerInfo()
        speaker.sid = member.sid
        speaker.level = Float(level) / 8
        speaker.active = level > 0
        return speaker
    }

    private func connection(_ member: Member, _ quality: LinkQuality) -> Livekit_ConnectionQualityInfo {
        var update = Livekit_ConnectionQualityInfo()
        update.participantSid = member.sid
        (update.quality, update.score) = quality.told
        return update
    }

    private func loudest(of member: Member) -> UInt8 { member.tracks.compactMap { levels[$0.id] }.max() ?? 0 }

    /// A connection has become better or worse; everybody who sees the member is told.
    func noteQuality(_ quality: LinkQuality, of id: ParticipantID, _ member: Member) {
        let former = worst(of: member)
        qualities[id] = quality
        guard let now = worst(of: member), now != former else { return }
        let response = Livekit_SignalResponse.connectionQuality([connection(member, now)])
        if member.isInvisible { tell(response, to: member) } else { tell(response) }
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
