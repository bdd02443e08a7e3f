import MediaPrimitives
import RTP
import Rooms
import Signalling

// Who gets what: clients what they chose, viewers whoever has published longest.
extension LiveRoom {
    /// Everything that `member` shall get, in the order in which it was published. What somebody hidden publishes is not among it: clients
    /// know nobody whose it could be.
    func wanted(by member: Member) -> [SectionPlan<TrackID>.Wanted] {
        chosen(by: member).filter { permits($0, to: member.identity) }.map { SectionPlan<TrackID>.Wanted($0.id, type: $0.info.type) }
    }

    /// The same, as far as it is `member`'s to say.
    func chosen(by member: Member) -> [PublishedTrack] {
        guard let client = member.client, member.permission.canSubscribe else { return [] }
        return members.lazy.filter { $0 !== member && !$0.isInvisible }.flatMap(\.tracks)
            .filter { client.choices[$0.id] ?? client.autoSubscribes }
    }

    /// What is published, or who wants it, has changed: everybody's sources are looked at again.
    func followSources() { if mayFollowSources() { followSourcesNow() } }

    func followSourcesNow() {
        for member in members where member.client != nil { updateSubscriptions(of: member) }
        followPublishers()
    }

    /// Brings what `member` gets in line with what it wants: what ends does so at once, what begins needs a negotiation.
    func updateSubscriptions(of member: Member) {
        guard let client = member.client else { return }
        tellPermissions(to: member, client)
        let wanted = wanted(by: member)
        client.plan.want(wanted)
        if let link = client.receivingLink {
            let tracks = Set(wanted.map(\.track))
            let former = link.sending.count
            link.sending.removeAll { section in section.track.map { !tracks.contains($0) } ?? false }
            if link.sending.count != former { settleSoon(link, of: member) }
        }
        // What ends does so for those too whose socket is gone, or they would still get what they may not have any more.
        guard client.hasSocket else { return }
        if client.isDual {
            offerIfNeeded(to: member, client)
        } else if let (audios, videos) = client.plan.takeRequirement(limit: limits.sections) {
            tell(.mediaSectionsRequirement(audios: audios, videos: videos), to: member)
        }
    }

    /// A client's choice of tracks.
    func choose(_ request: Livekit_UpdateSubscription, by member: Member, _ client: SignalledClient) {
        let sids = Set(request.trackSids + request.participantTracks.flatMap(\.trackSids))
        for track in tracks.values where sids.contains(track.sid) && client.choices.count < SignalledClient.choiceLimit {
            client.choices[track.id] = request.subscribe
        }
        updateSubscriptions(of: member)
    }

    /// What a client wants of tracks that it gets: none of it for now, or no more than it can show.
    func wish(_ request: Livekit_UpdateTrackSettings, by member: Member, _ client: SignalledClient) {
        let sids = Set(request.trackSids)
        for track in tracks.values where sids.contains(track.sid) && client.wishes.count < SignalledClient.choiceLimit {
            client.wishes[track.id] = SubscriptionWish(isPaused: request.disabled, maximumLayer: track.layer(for: request))
        }
        if let link = client.receivingLink { settleSoon(link, of: member) }
    }

    // MARK: Viewers

    /// Points each viewer at its publisher, or at the next one when that has gone.
    private func followPublishers() {
        let viewers = members.filter { $0.session?.role == .viewer }
        guard !viewers.isEmpty else { return }
        let roster = roster
        for viewer in viewers {
            guard let session = viewer.session else { continue }
            let link = session.link
            var changed = false
            for index in link.sending.indices {
                let parameters = link.sending[index].parameters
                let others = link.sending.indices.compactMap { $0 == index ? nil : link.sending[$0].track }
                let source = roster.source(
                    for: parameters.kind, accepting: parameters.codecs.map(\.codec), of: session.publisher,
                    keeping: link.sending[index].track, besides: others,
                    where: { track in tracks[track].map { permits($0, to: viewer.identity) } ?? false })
                if source?.id != link.sending[index].track {
                    link.sending[index].track = source?.id
                    changed = true
                }
            }
            if changed { settleSoon(link, of: viewer) }
        }
    }

    /// Those who publish, as viewers follow them.
    var roster: Roster {
        var roster = Roster()
        for member in members where !member.tracks.isEmpty && !member.permission.isHidden {
            guard let link = member.publishingLink, let id = link.participant else { continue }
            roster.add(id, identity: member.identity, publishing: member.tracks.map(\.reference))
            if link.isConnected { roster.noteConnected(id) }
        }
        return roster
    }
}

extension Member {
    /// The connection by which it publishes.
    var publishingLink: MediaLink? { client?.publisher ?? session?.link }
}

extension PublishedTrack {
    /// The highest layer that is worth sending for what a client asks: the smallest that fills its size, or that of a quality. nil for any.
    fileprivate func layer(for request: Livekit_UpdateTrackSettings) -> Int? {
        let count = reference.parameters.rids.count
        guard count > 1 else { return nil }
        if request.width > 0, request.height > 0, info.layers.count == count {
            // A tenth less than asked is not seen.
            let fits = info.layers.firstIndex { layer in
                UInt64(layer.width) * 11 >= UInt64(request.width) * 10 || UInt64(layer.height) * 11 >= UInt64(request.height) * 10
            }
            return fits ?? count - 1
        }
        switch request.quality {
        case .low: return 0
        case .medium: return min(1, count - 1)
        case .high, .off, .UNRECOGNIZED: return nil
        }
    }
}
