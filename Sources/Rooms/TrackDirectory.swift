import MediaPrimitives

/// Which publication carries which track, and who waits for a track that is not there: the one place where a reference becomes a publication.
struct TrackDirectory {
    private var publications: [TrackID: Publication] = [:]
    /// In the order in which they came to wait; never empty.
    private var waiting: [TrackID: [Subscription]] = [:]

    /// Has `subscription` follow what `reference` names from now on: at once, or when it comes; nothing, where there is none.
    mutating func attach(_ subscription: Subscription, to reference: TrackReference?, at now: Instant) {
        guard subscription.source != reference?.id else { return }
        stopWaiting(subscription)
        subscription.source = reference?.id
        guard let reference else { return subscription.follow(nil, at: now) }
        let publication = publications[reference.id]
        if publication == nil { waiting[reference.id, default: []].append(subscription) }
        subscription.follow(publication, at: now)
    }

    /// A publication is there: whoever waits for its track is fed. A second one of the same track, which must not be, feeds nobody.
    mutating func publish(_ publication: Publication, at now: Instant) {
        guard publications[publication.track] == nil else { return }
        publications[publication.track] = publication
        for subscription in waiting.removeValue(forKey: publication.track) ?? [] { subscription.follow(publication, at: now) }
    }

    /// A publication has ended: whoever was fed from it waits for its track.
    mutating func withdraw(_ publication: Publication, at now: Instant) {
        guard publications[publication.track] === publication else { return }
        publications[publication.track] = nil
        let orphans = publication.removeAllSubscriptions()
        for subscription in orphans { subscription.follow(nil, at: now) }
        if !orphans.isEmpty { waiting[publication.track] = Array(orphans) }
    }

    private mutating func stopWaiting(_ subscription: Subscription) {
        guard subscription.publication == nil, let track = subscription.source, var others = waiting[track] else { return }
        waiting[track] = nil
        others.removeAll { $0 === subscription }
        if !others.isEmpty { waiting[track] = others }
    }
}
