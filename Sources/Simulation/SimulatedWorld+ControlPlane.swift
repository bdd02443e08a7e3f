import MediaPrimitives
import RTP
import Rooms

/// The world plays the control plane: it says what each section carries, by the rule that viewers follow whoever has published longest.
extension SimulatedWorld {
    /// Changes what a client has agreed with the server: the sections that it sends on, and those that it receives. False if it is gone.
    @discardableResult
    package func negotiate(_ peer: SimulatedPeer, _ change: (inout [ReceivingSection], inout [SendingSection]) -> Void) -> Bool {
        change(&peer.receiving, &peer.sending)
        rosters[peer.room]?.publish(peer.tracks, by: peer.id)
        guard configure(peer) else { return false }
        pointAll(in: peer.room)
        endTurn()
        return true
    }

    func act(on event: RoomEvent) {
        switch event {
        case .connected(let id):
            guard let peer = peers.first(where: { $0.id == id }) else { return }
            rosters[peer.room]?.noteConnected(id)
            if !peer.receiving.isEmpty { pointAll(in: peer.room) }
        case .closed(let id, _):
            guard let peer = peers.first(where: { $0.id == id }) else { return }
            rosters[peer.room]?.remove(id)
            if !peer.receiving.isEmpty { pointAll(in: peer.room) }
        case .demand(let id, let track, let layers):
            // Signalling takes as long as media does.
            guard let index = peers.firstIndex(where: { $0.id == id }) else { return }
            peers[index].take(demand: layers, of: track, at: now + peers[index].downlink.conditions.delay)
            wake(index)
        case .speaking, .dominant, .quality, .paused: break
        }
    }

    /// Has everybody in a room follow whom they shall.
    private func pointAll(in room: String) {
        for peer in peers where peer.room == room && rosters[room]?[peer.id] != nil {
            if point(&peer.sending, following: peer.following, in: room, of: peer.id) { _ = configure(peer) }
        }
    }

    /// Finds what the sections of `viewer` carry. True if something has changed.
    @discardableResult
    func point(_ sections: inout [SendingSection], following: PeerPlan.Following, in room: String, of viewer: ParticipantID?) -> Bool {
        let publisher: String?
        switch following {
        case .nobody: return false
        case .longestPublishing: publisher = nil
        case .participant(let identity): publisher = identity
        }
        var hasChanged = false
        for index in sections.indices {
            let section = sections[index]
            let others = sections.indices.compactMap { $0 == index ? nil : sections[$0].source?.id }
            let source = rosters[room]?.source(
                for: section.parameters.kind, accepting: section.parameters.codecs.map(\.codec), of: publisher, to: viewer,
                keeping: section.source?.id, besides: others)
            if source?.id != section.source?.id {
                sections[index].source = source
                hasChanged = true
            }
        }
        return hasChanged
    }
}
