import MediaPrimitives
import Negotiation
import RTP
import Rooms
import Signalling

// Dynacast: clients are told which layers of their pictures somebody watches, and send no others.
extension LiveRoom {
    /// How a client's track comes. Of layers whose names LiveKit's clients do not know they could not be told.
    func section(of track: TrackID, _ parameters: RTPParameters) -> ReceivingSection {
        let isKnown = parameters.rids.count < 2 || parameters.rids.allSatisfy { Livekit_VideoQuality(rid: $0) != nil }
        return ReceivingSection(
            track: track, parameters: parameters, heedsDemand: limits.dynacast && parameters.kind == .video && isKnown)
    }

    /// So many layers of a member's track, from the lowest, are watched.
    func tell(_ member: Member, toSend layers: Int, of track: TrackID) {
        guard let track = tracks[track], member.track(sid: track.sid) === track else { return }
        let qualities = track.qualities(upTo: layers)
        var codec = Livekit_SubscribedCodec()
        codec.codec = track.description.codec.name.lowercased()
        codec.qualities = qualities
        var update = Livekit_SubscribedQualityUpdate()
        update.trackSid = track.sid
        // The older field, for clients that know no other.
        update.subscribedQualities = qualities
        update.subscribedCodecs = [codec]
        tell(.subscribedQualities(update), to: member)
    }
}

extension PublishedTrack {
    /// All qualities that there are, and whether each is of use when the lowest `layers` are. A track of a single encoding, whatever layers are in it,
    /// can only be sent or not: clients name its quality each in their way, and switch no layers inside.
    fileprivate func qualities(upTo layers: Int) -> [Livekit_SubscribedQuality] {
        let rids = reference.parameters.rids
        let enabled = rids.count < 2 ? [] : rids.prefix(layers).compactMap { Livekit_VideoQuality(rid: $0) }
        return [Livekit_VideoQuality.low, .medium, .high].map { quality in
            var subscribed = Livekit_SubscribedQuality()
            subscribed.quality = quality
            subscribed.enabled = enabled.contains(quality) || (layers >= max(1, rids.count))
            return subscribed
        }
    }
}

extension Livekit_VideoQuality {
    /// What a layer's name means to LiveKit's clients.
    fileprivate init?(rid: String) {
        switch rid {
        case "q": self = .low
        case "h": self = .medium
        case "f": self = .high
        default: return nil
        }
    }
}
