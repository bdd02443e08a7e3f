import Forwarding
import MediaPrimitives
import Transports

/// Has layers that nobody watches switched off at their publishers, and on again (dynacast): the worker where a track is published decides about it,
/// for all workers.
extension ForwardingUnit {
    /// Tells which layers of a participant's tracks are wanted, where that has changed.
    func tellDemand(of participant: Participant, at now: Instant) {
        for case .some(let publication) in participant.publications where publication.demandDeadline <= now {
            guard let (layers, isMore) = publication.takeDemand(at: now) else { continue }
            events.append(.demand(participant.id, track: publication.track, layers: layers))
            exchange?.tell(.supply(publication.track, layers: layers), to: publication.relays)
            if isMore { findRoom(for: publication, at: now) }
        }
    }

    /// Tells a relay's home which layers are wanted here, where that has changed.
    func tellDemand(of relay: Relay, at now: Instant) {
        guard let (layers, isMore) = relay.takeDemand(at: now), let publication = relay.publication else { return }
        exchange?.outboxes[relay.reference.worker].tell(.demand(relay.reference.id, layers: layers))
        if isMore { findRoom(for: publication, at: now) }
    }

    /// Another worker wants so many layers of a track; nil where it wants no packets at all.
    func demand(_ layers: Int?, of track: TrackID, by other: Int, at now: Instant) {
        guard let publication = tracks[track], !publication.isRelayed else { return }
        publication.demandElsewhere[other] = layers
        publication.noteAudience(at: now)
        wakeSource(of: publication)
    }

    /// An encoding of a publication has begun, or more of them are about to: those who watch it look at once for the room that these need, which may
    /// have to be probed for.
    @inline(never)
    func findRoom(for publication: Publication, at now: Instant) {
        for subscription in publication.audience.subscriptions where subscription.isWanted {
            guard let participant = participants[subscription.transport], participant.transport.isConnected else { continue }
            participant.nextAllocation = min(participant.nextAllocation, now)
            schedule(participant)
        }
    }
}
