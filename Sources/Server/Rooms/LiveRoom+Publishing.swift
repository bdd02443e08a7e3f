import Logging
import MediaPrimitives
import Negotiation
import RTP
import Rooms
import Signalling

// What members publish: announced first, public when a section brings it, gone when the section no longer does.
extension LiveRoom {
    /// A client is about to publish: reserves the track's name.
    func announceTrack(_ request: Livekit_AddTrackRequest, by member: Member, _ client: SignalledClient) {
        if let known = client.announced.first(where: { $0.request.cid == request.cid })?.info
            ?? member.tracks.first(where: { $0.cid == request.cid })?.info
        {
            tell(.trackPublished(cid: request.cid, known), to: member)
            return
        }
        let refusal: (Livekit_RequestResponse.Reason, String)?
        if !member.permission.permitsPublishing(request.source) {
            refusal = (.notAllowed, "The token does not permit publishing this (canPublish, canPublishSources).")
        } else if !request.source.suits(request.type) {
            refusal = (
                .unsupportedType, "Audio comes from a microphone or a screen, video from a camera or a screen; nothing else is published."
            )
        } else if client.announced.count + member.tracks.count >= limits.tracksPerMember {
            refusal = (.limitExceeded, "A participant may publish \(limits.tracksPerMember) tracks.")
        } else if !request.isModest {
            refusal = (.limitExceeded, "The track's description is too long.")
        } else {
            refusal = nil
        }
        if let (reason, sentence) = refusal {
            var response = Livekit_RequestResponse()
            response.reason = reason
            response.message = sentence
            response.request = .addTrack(request)
            tell(.requestResponse(response), to: member)
            log("A track was refused.", member, ["reason": "\(sentence)"])
            return
        }
        var info = Livekit_TrackInfo()
        info.sid = freshSID("TR_")
        info.type = request.type
        info.name = request.name
        info.muted = request.muted
        info.width = request.width
        info.height = request.height
        info.source = request.source
        info.layers = request.layers
        info.disableRed = request.disableRed
        info.encryption = request.encryption
        info.stream = request.stream
        info.audioFeatures = request.audioFeatures
        client.announced.append(SignalledClient.AnnouncedTrack(request: request, info: info))
        tell(.trackPublished(cid: request.cid, info), to: member)
    }

    /// Which announced track each section of `offer` brings that none of the published ones comes by.
    ///
    /// A client names a track as it announced it. Firefox names it otherwise, so the first announced one of the kind stands in.
    func arrivals(in offer: RoomOffer, of member: Member, _ client: SignalledClient) -> [String: SignalledClient.AnnouncedTrack] {
        var found: [String: SignalledClient.AnnouncedTrack] = [:]
        var left = client.announced
        let sending = offer.sections.filter(\.sends)
        for section in sending {
            if let index = left.firstIndex(where: { $0.names(section) }) { found[section.mid] = left.remove(at: index) }
        }
        for section in sending where found[section.mid] == nil && !member.tracks.contains(where: { $0.mid == section.mid }) {
            if let index = left.firstIndex(where: { $0.info.type == section.kind.type }) { found[section.mid] = left.remove(at: index) }
        }
        return found
    }

    /// Makes what has come by a new section public. `codec` is the one that it is received in.
    func publish(_ info: Livekit_TrackInfo, cid: String, by member: Member, on link: MediaLink, _ parameters: RTPParameters) -> TrackID? {
        guard let codec = parameters.codecs.first else { return nil }
        var info = info
        info.mid = parameters.mid
        // A track whose packets repeat older frames has a name of its own.
        info.mimeType = (parameters.codecs.first { $0.codec == .red } ?? codec).codec.mimeType
        info.simulcast = parameters.rids.count > 1
        info.layers.sort { $0.quality.rawValue < $1.quality.rawValue }
        if info.layers.count == parameters.rids.count {
            for (index, rid) in parameters.rids.enumerated() { info.layers[index].rid = rid }
        }
        var described = Livekit_SimulcastCodecInfo()
        described.mimeType = info.mimeType
        described.mid = info.mid
        described.cid = cid
        described.layers = info.layers
        info.codecs = [described]
        let id = TrackID(rawValue: entropy.next())
        let track = PublishedTrack(
            info: info, cid: cid, publisher: member, reference: TrackReference(id: id, worker: link.worker, parameters: parameters),
            description: TrackDescription(codec: codec.codec, format: codec.format, streamID: member.sid, trackID: info.sid))
        member.tracks.append(track)
        tracks[id] = track
        log(
            "A track is published.", member,
            ["track": "\(info.sid)", "codec": "\(codec.codec.name)", "layers": "\(max(1, parameters.rids.count))"])
        return id
    }

    /// A track has ended.
    func unpublish(_ track: PublishedTrack, of member: Member) {
        // What its worker will say of its silence comes too late.
        noteLevel(0, of: track.id, by: member)
        member.tracks.removeAll { $0.id == track.id }
        forget(track)
        log("A track has ended.", member, ["track": "\(track.sid)"])
    }

    func forget(_ track: PublishedTrack) {
        tracks[track.id] = nil
        levels[track.id] = nil
        for other in members {
            other.client?.choices[track.id] = nil
            other.client?.wishes[track.id] = nil
            other.client?.plan.forget(track.id)
        }
    }
}

extension Livekit_AddTrackRequest {
    /// Whether it is as short as any honest one: everybody in the room is told of it.
    fileprivate var isModest: Bool {
        [cid, name, stream].allSatisfy { $0.utf8.count <= 256 } && layers.isModest && audioFeatures.count <= 16
            && simulcastCodecs.count <= 4
            && simulcastCodecs.allSatisfy { $0.codec.utf8.count <= 32 && $0.cid.utf8.count <= 256 && $0.layers.isModest }
    }
}

extension [Livekit_VideoLayer] {
    fileprivate var isModest: Bool { count <= 8 && allSatisfy { $0.rid.utf8.count <= 16 } }
}

extension Livekit_TrackSource {
    /// A token that permits a microphone does not permit a camera that calls itself one.
    fileprivate func suits(_ type: Livekit_TrackType) -> Bool {
        switch self {
        case .microphone, .screenShareAudio: type == .audio
        case .camera, .screenShare: type == .video
        case .unknown: type == .audio || type == .video
        case .UNRECOGNIZED: false
        }
    }
}

extension SignalledClient.AnnouncedTrack {
    fileprivate func names(_ section: RoomOffer.Section) -> Bool {
        guard let trackID = section.trackID, info.type == section.kind.type else { return false }
        return request.cid == trackID || request.simulcastCodecs.contains { $0.cid == trackID }
    }
}

extension MediaKind {
    var type: Livekit_TrackType { self == .audio ? .audio : .video }
}

extension RTP.Codec {
    var mimeType: String { "\(kind.rawValue)/\(name)" }
}

/// What clients of rooms may publish: what is forwarded correctly, layers included.
enum PublishCodecs {
    private static let ordered: [RTP.Codec] = [.opus, .red, .vp8, .h264, .vp9, .av1]

    static let all = Set(ordered)

    static let messages: [Livekit_Codec] = ordered.map { codec in
        var message = Livekit_Codec()
        message.mime = codec.mimeType
        return message
    }
}
