import Signalling

/// Whom a member lets have what it publishes, where that is not everybody. Whoever is not named gets nothing.
struct SubscriptionRules {
    private enum Extent {
        case everything
        case only(Set<String>)
    }

    /// By identity: it is still the same where somebody comes back.
    private var permitted: [String: Extent] = [:]

    /// More than these are not kept.
    static let limit = 1_000

    /// Nil where everybody may have everything.
    ///
    /// - Parameters:
    ///   - sids: those of the member's tracks; others are left out
    ///   - identity: of the member with that sid
    init?(_ request: Livekit_SubscriptionPermission, tracks sids: Set<String>, identity: (String) -> String?) {
        guard !request.allParticipants else { return nil }
        for permission in request.trackPermissions.prefix(Self.limit) {
            let name = permission.participantIdentity.isEmpty ? identity(permission.participantSid) : permission.participantIdentity
            // Nobody has a longer name.
            guard let name, name.utf8.count <= Member.nameLimit else { continue }
            permitted[name] = permission.allTracks ? .everything : .only(sids.intersection(permission.trackSids))
        }
    }

    func permit(_ track: String, to identity: String) -> Bool {
        switch permitted[identity] {
        case .everything: true
        case .only(let sids): sids.contains(track)
        case nil: false
        }
    }
}
