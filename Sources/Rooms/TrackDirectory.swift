import MediaPrimitives

/// Which publication carries which track, and who waits for a track that is not there: the one place where a reference becomes a publication.
struct TrackDirectory {
    /// What changes concern other workers.
    enum Errand {
        /// A track of ours is there, or has ended.
        case began(Publication)
        case ended(Publication)
        /// A track of another worker's has its first follower here, or has lost its last one.
        case want(TrackReference)
        case unwant(TrackReference)
        /// Somebody does not follow a publication any more.
        case lost(Publication)
    }

    private let worker: Int
    private var publications: [TrackID: Publication] = [:]
    /// How many subscriptions follow, or wait for, each track of another worker.
    private var followers: [TrackID: (reference: TrackReference, count: Int)] = [:]
    private var errands: [Errand] = []
    /// In the order in which they came to wait; never empty.
    private var waiting: [TrackID: [Subscription]] = [:]

    init(worker: Int) { self.worker = worker }

    /// Which publication carries `track`; nil while none does.
    subscript(track: TrackID) -> Publication? { publications[track] }

    /// Takes what there is to be told since this was last asked.
    mutating func takeErrands() -> [Errand] {
        guard !errands.isEmpty else { return [] }
        defer { errands.removeAll(keepingCapacity: true) }
        return errands
    }

    /// Has `subscription` follow what `reference` names from now on: at once, or when it comes; nothing, where there is none.
    mutating func attach(_ subscription: Subscription, to reference: TrackReference?, at now: Instant) {
        guard subscription.source != reference?.id else { return }
        stopWaiting(subscription)
        if let former = subscription.source { leave(former) }
        subscription.source = reference?.id
        if let former = subscription.publication { errands.append(.lost(former)) }
        if let reference, reference.worker != worker { follow(reference) }
        guard let reference else { return subscription.follow(nil, at: now) }
        let publication = publications[reference.id]
        if publication == nil { waiting[reference.id, default: []].append(subscription) }
        subscription.follow(publication, at: now)
    }

    /// A publication is there: whoever waits for its track is fed. A second one of the same track, which must not be, feeds nobody.
    mutating func publish(_ publication: Publication, at now: Instant) {
        guard publications[publication.track] == nil else { return }
        publications[publication.track] = publication
        if case .participant = publication.origin { errands.append(.began(publication)) }
        for subscription in waiting.removeValue(forKey: publication.track) ?? [] { subscription.follow(publication, at: now) }
    }

    /// A publication has ended: whoever was fed from it waits for its track.
    mutating func withdraw(_ publication: Publication, at now: Instant) {
        guard publications[publication.track] === publication else { return }
        publications[publication.track] = nil
        if case .participant = publication.origin { errands.append(.ended(publication)) }
        let orphans = publication.removeAllSubscriptions()
        for subscription in orphans { subscription.follow(nil, at: now) }
        if !orphans.isEmpty { waiting[publication.track] = Array(orphans) }
    }

    private mutating func follow(_ reference: TrackReference) {
        let others = followers[reference.id]?.count ?? 0
        followers[reference.id] = (reference, others + 1)
        if others == 0 { errands.append(.want(reference)) }
    }

    private mutating func leave(_ track: TrackID) {
        guard let (reference, count) = followers[track] else { return }
        followers[track] = count > 1 ? (reference, count - 1) : nil
        if count == 1 { errands.append(.unwant(reference)) }
    }

    private mutating func stopWaiting(_ subscription: Subscription) {
        guard subscription.publication == nil, let track = subscription.source, var others = waiting[track] else { return }
        waiting[track] = nil
        others.removeAll { $0 === subscription }
        if !others.isEmpty { waiting[track] = others }
    }
}
