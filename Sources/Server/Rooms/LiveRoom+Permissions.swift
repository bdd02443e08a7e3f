import Rooms
import Signalling

// Members may choose who gets what they publish. `sections(of:for:)` holds to it whatever was negotiated; subscriptions follow at once.
extension LiveRoom {
    /// Whom `member` lets have its tracks from now on.
    func permit(_ request: Livekit_SubscriptionPermission, by member: Member, _ client: SignalledClient) {
        let sids = Set(member.tracks.map(\.sid) + client.announced.map(\.info.sid))
        client.rules = SubscriptionRules(request, tracks: sids) { self.member(sid: $0)?.identity }
        if client.rules != nil { isRestricted = true }
        followSources()
    }

    /// Whether whoever has this identity, a viewer too, may have `track`.
    func permits(_ track: PublishedTrack, to identity: String) -> Bool {
        guard isRestricted else { return true }
        guard let publisher = track.publisher else { return false }
        return publisher.client?.rules?.permit(track.sid, to: identity) ?? true
    }

    /// Tells `member` which tracks it wants and may not have, and which of those it may have after all.
    func tellPermissions(to member: Member, _ client: SignalledClient) {
        guard isRestricted else { return }
        let chosen = chosen(by: member)
        let denied = Set(chosen.lazy.filter { !self.permits($0, to: member.identity) }.map(\.id))
        for track in chosen where denied.contains(track.id) != client.denied.contains(track.id) {
            var update = Livekit_SubscriptionPermissionUpdate()
            update.participantSid = track.publisher?.sid ?? ""
            update.trackSid = track.sid
            update.allowed = !denied.contains(track.id)
            tell(.subscriptionPermission(update), to: member)
        }
        client.denied = denied
    }
}
