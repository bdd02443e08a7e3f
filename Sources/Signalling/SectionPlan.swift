/// Which section of one connection carries which track to a client, in the two ways that the protocol has of saying so.
///
/// A track stays with its section for as long as it is wanted; a section that has become free is used again for the next track of its kind.
package struct SectionPlan<Track: Hashable & Sendable>: Sendable {
    /// A section that can carry a track to the client.
    package struct Section: Sendable, Hashable {
        package var mid: String
        package var type: Livekit_TrackType

        package init(mid: String, type: Livekit_TrackType) {
            self.mid = mid
            self.type = type
        }
    }

    package struct Wanted: Sendable, Hashable {
        package var track: Track
        package var type: Livekit_TrackType

        package init(_ track: Track, type: Livekit_TrackType) {
            self.track = track
            self.type = type
        }
    }

    /// In the order of the description.
    package private(set) var sections: [Section] = []
    /// By mid.
    package private(set) var assigned: [String: Track] = [:]
    private var wanted: [Wanted] = []
    /// Tracks that the client has turned out not to decode; they are not offered to it again.
    private var refused: Set<Track> = []
    /// What each section has carried: some clients take no notice of a track that comes back on the section that it had before.
    private var past: [String: Set<Track>] = [:]
    /// The client has been asked for an offer that has not come yet. Asking again would have some clients offer without end.
    private var isAwaitingOffer = false
    private var lastDemand: Demand?

    private struct Demand: Sendable, Hashable {
        var unplaced: Set<Wanted>
        var stale: Set<String>
        var sections: Int
        /// What was asked for. Free sections that others have taken meanwhile make it another demand.
        var audios: Int, videos: Int
    }

    package init() {}

    /// All that the client shall get from now on, in order.
    package mutating func want(_ wanted: [Wanted]) {
        self.wanted = wanted
        refused.formIntersection(wanted.map(\.track))
    }

    /// `track` has ended, and will not come back.
    package mutating func forget(_ track: Track) {
        refused.remove(track)
        for mid in past.keys { past[mid]?.remove(track) }
    }

    /// The client cannot decode `track`.
    package mutating func refuse(_ track: Track) {
        refused.insert(track)
        for (mid, assigned) in assigned where assigned == track { self.assigned[mid] = nil }
    }

    /// Whether the sections carry anything but what is wanted.
    package var isOutdated: Bool { !unplaced.isEmpty || !stale.isEmpty }

    private var placed: Set<Track> { Set(assigned.values) }
    private var unplaced: [Wanted] { wanted.filter { [placed] in !placed.contains($0.track) && !refused.contains($0.track) } }
    /// Mids of tracks that are not wanted any more.
    private var stale: [String] {
        let tracks = Set(wanted.map(\.track))
        return assigned.filter { !tracks.contains($0.value) }.map(\.key)
    }

    // MARK: The client offers (v1)

    /// The client has offered these sections to receive by: fills them as far as they go. A section whose track has gone carries nothing this
    /// time: the Rust SDK takes no notice of a track that takes another's place at once.
    package mutating func offered(_ sections: [Section]) {
        isAwaitingOffer = false
        // JSEP has a mid keep its kind; a section that does not is another one.
        let kept = Set(Set(sections).intersection(self.sections).map(\.mid))
        self.sections = sections
        assigned = assigned.filter { kept.contains($0.key) }
        let cleared = Set(stale)
        for mid in cleared { assigned[mid] = nil }
        for next in unplaced {
            let free = sections.first { $0.type == next.type && assigned[$0.mid] == nil && !cleared.contains($0.mid) }
            if let free { assigned[free.mid] = next.track }
        }
        if !isOutdated { lastDemand = nil }
    }

    /// What to ask of the client now: how many sections it must add (none, where free ones suffice and only an offer is missing); nil where
    /// there is nothing to ask, or an offer is on its way. It shall not have more than `limit`.
    package mutating func takeRequirement(limit: Int) -> (audios: Int, videos: Int)? {
        guard !isAwaitingOffer, !sections.isEmpty, isOutdated else { return nil }
        let stale = Set(stale)
        let missing = { [unplaced, sections, assigned] (type: Livekit_TrackType) in
            let free = sections.filter { $0.type == type && (assigned[$0.mid] == nil || stale.contains($0.mid)) }.count
            return max(0, unplaced.filter { $0.type == type }.count - free)
        }
        let room = max(0, limit - sections.count)
        let audios = min(missing(.audio), room)
        let videos = min(missing(.video), room - audios)
        // A client that did not add what it was asked for is not asked for the same again.
        let demand = Demand(unplaced: Set(unplaced), stale: stale, sections: sections.count, audios: audios, videos: videos)
        guard demand != lastDemand else { return nil }
        lastDemand = demand
        isAwaitingOffer = true
        return (audios, videos)
    }

    // MARK: The server offers (v0)

    /// Makes room for everything that is wanted, as far as `limit` sections go. New sections are named by their number.
    package mutating func extend(limit: Int) {
        for mid in stale { assigned[mid] = nil }
        for next in unplaced {
            let free = sections.filter { $0.type == next.type && assigned[$0.mid] == nil }
            if let section = free.first(where: { !(past[$0.mid]?.contains(next.track) ?? false) }) {
                assigned[section.mid] = next.track
            } else if sections.count < limit {
                append(next.type)
                assigned[sections[sections.count - 1].mid] = next.track
            } else if let section = free.first {
                assigned[section.mid] = next.track
            }
        }
        // A description without any section would connect nothing.
        if sections.isEmpty { append(.audio) }
        for (mid, track) in assigned { past[mid, default: []].insert(track) }
    }

    private mutating func append(_ type: Livekit_TrackType) { sections.append(Section(mid: String(sections.count), type: type)) }
}
