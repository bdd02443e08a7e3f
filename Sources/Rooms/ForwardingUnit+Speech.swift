import Forwarding
import MediaPrimitives

/// Who has the floor in each room, and who is heard. Each worker reports the voices that it has to one that decides about their room.
extension ForwardingUnit {
    // MARK: Voices

    /// A track of one of ours is there.
    func beginVoice(_ publication: Publication, at now: Instant) {
        guard publication.voice != nil, case .participant(let slot) = publication.origin, let participant = participants[slot] else {
            return
        }
        speech.add(publication)
        // Nothing is sent of it before that is said to be heard.
        if speech.heard > 0 { publication.hush(at: now) }
        let decider = SpeakerDirectory.worker(decidingAbout: participant.room, of: exchange?.workers ?? 1)
        if decider == worker || exchange == nil {
            addVoice(publication.track, of: participant.id, in: participant.room, at: now)
        } else {
            publication.decider = decider
            exchange?.outboxes[decider].tell(.voice(publication.track, participant.id, room: participant.room))
        }
    }

    /// It has ended.
    func endVoice(_ publication: Publication, at now: Instant) {
        guard publication.voice != nil else { return }
        speech.remove(publication)
        if let decider = publication.decider {
            exchange?.outboxes[decider].tell(.voiceless(publication.track))
        } else {
            removeVoice(publication.track, at: now)
        }
    }

    /// Notes how loud a packet is. What it tells is in time for the packet itself.
    func noteVoice(_ packet: MediaPacket, of publication: Publication, _ participant: Participant) {
        guard let level = packet.audioLevel else { return }
        if let level = publication.noteLevel(packet) {
            events.append(.speaking(participant.id, track: publication.track, level: level))
        }
        if publication.voice?.note(packet, level: level, isHushed: publication.isHushed) == true {
            report(publication, at: packet.arrival)
        }
        if speech.nextTurn == .distantFuture, publication.voice?.hasNews == true {
            speech.nextTurn = packet.arrival + SpeakerDirectory.interval
        }
    }

    private func report(_ publication: Publication, at now: Instant) {
        guard let report = publication.voice?.report(at: now) else { return }
        if let decider = publication.decider {
            exchange?.outboxes[decider].offer(.speech(publication.track, report))
        } else {
            note(report, of: publication.track, at: now)
        }
    }

    // MARK: Rooms

    func addVoice(_ track: TrackID, of participant: ParticipantID, in room: String, at now: Instant) {
        speech.add(track, of: participant, in: room, at: now)
        tellHeard(in: room, at: now)
    }

    func removeVoice(_ track: TrackID, at now: Instant) { if let room = speech.remove(track, at: now) { tellHeard(in: room, at: now) } }

    func note(_ report: VoiceReport, of track: TrackID, at now: Instant) {
        guard let room = speech.note(report, of: track, at: now) else { return }
        if speech.nextTurn == .distantFuture { speech.nextTurn = now + SpeakerDirectory.interval }
        tellHeard(in: room, at: now)
    }

    private func tellHeard(in room: String, at now: Instant) {
        guard speech.heard > 0 else { return }
        for hearing in speech.takeHeard(in: room) {
            if let exchange, hearing.participant.worker != worker {
                exchange.tell(.heard(hearing.track, hearing.isHeard), to: 1 << UInt64(hearing.participant.worker))
            } else {
                hear(hearing.track, hearing.isHeard, at: now)
            }
        }
    }

    /// A track is sent from now on, or not any more: one of ours, or one that is relayed here, which its home sees to.
    func hear(_ track: TrackID, _ isHeard: Bool, at now: Instant) {
        guard let publication = tracks[track], publication.isHushed == isHeard else { return }
        guard case .participant = publication.origin else {
            publication.isHushed = !isHeard
            return
        }
        if isHeard { publication.isHushed = false } else { publication.hush(at: now) }
        exchange?.tell(.heard(track, isHeard), to: publication.relays)
    }

    /// Reports what our voices have said, and decides about our rooms.
    func handleSpeechTurn(at now: Instant) {
        guard speech.nextTurn <= now else { return }
        speech.nextTurn = .distantFuture
        for publication in speech.voices { report(publication, at: now) }
        for (participant, track) in speech.decide() { events.append(.dominant(participant, track: track)) }
        if speech.voices.contains(where: { $0.voice?.hasNews == true }) { speech.nextTurn = now + SpeakerDirectory.interval }
    }
}
