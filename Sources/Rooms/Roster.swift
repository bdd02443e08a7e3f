import RTP

/// Who is in one room and what they publish, in order, and the rule by which viewers are fed who ask for nothing in particular.
///
/// A value of the control plane's; workers know nothing of it.
package struct Roster: Sendable {
    package struct Member: Sendable {
        package let id: ParticipantID
        package let identity: String
        package fileprivate(set) var isConnected = false
        /// In the order in which they were published.
        package fileprivate(set) var tracks: [TrackReference] = []
    }

    /// In the order in which they came.
    package private(set) var members: [Member] = []

    package init() {}

    package var isEmpty: Bool { members.isEmpty }

    package subscript(id: ParticipantID) -> Member? { members.first { $0.id == id } }

    /// Somebody comes. Until `noteConnected` nobody is fed from what they publish.
    package mutating func add(_ id: ParticipantID, identity: String, publishing tracks: [TrackReference] = []) {
        var member = Member(id: id, identity: identity)
        member.tracks = tracks
        members.append(member)
    }

    /// Whoever has not connected, and perhaps never will, publishes nothing yet.
    package mutating func noteConnected(_ id: ParticipantID) { change(id) { $0.isConnected = true } }

    /// What somebody publishes from now on, in order.
    package mutating func publish(_ tracks: [TrackReference], by id: ParticipantID) { change(id) { $0.tracks = tracks } }

    package mutating func remove(_ id: ParticipantID) { members.removeAll { $0.id == id } }

    private mutating func change(_ id: ParticipantID, _ body: (inout Member) -> Void) {
        if let index = members.firstIndex(where: { $0.id == id }) { body(&members[index]) }
    }

    /// What a section of `viewer` shall carry that takes `codecs` of one `kind`; nil while there is nothing for it.
    ///
    /// It is the track of the publisher whose identity is `publisher`, or else of whoever has been here longest of those who are connected and
    /// publish. What it carries already, `current`, stays for as long as it is to be had. `others` are what the viewer's other sections carry: no
    /// track comes twice, and none that is not `permitted`.
    package func source(
        for kind: MediaKind, accepting codecs: [Codec], of publisher: String? = nil, to viewer: ParticipantID? = nil,
        keeping current: TrackID? = nil, besides others: [TrackID] = [], where permitted: (TrackID) -> Bool = { _ in true }
    ) -> TrackReference? {
        let candidates = members.lazy.filter { member in
            member.isConnected && member.id != viewer && (publisher ?? member.identity) == member.identity
        }
        func suits(_ track: TrackReference) -> Bool {
            track.parameters.kind == kind && !others.contains(track.id) && permitted(track.id)
                && track.parameters.codecs.allSatisfy { $0.codec == .red || codecs.contains($0.codec) }
        }
        if let current {
            for member in candidates { if let kept = member.tracks.first(where: { $0.id == current && suits($0) }) { return kept } }
        }
        for member in candidates {
            if let match = member.tracks.first(where: suits) { return match }
            // Picture and sound come from the same publisher, even where it has only one of them.
            if publisher == nil, member.tracks.contains(where: { permitted($0.id) }) { return nil }
        }
        return nil
    }
}
