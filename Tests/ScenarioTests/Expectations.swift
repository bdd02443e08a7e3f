import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

/// The viewer saw nothing but whole frames, each after the one that it builds on, under continuous numbers.
/// A number may be missing only to tell the decoder that a frame has no end.
func expectCleanVideo(_ viewer: SimulatedPeer, frames: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(viewer.video.decoder.faults == [], sourceLocation: sourceLocation)
    #expect(viewer.video.decoder.frames >= frames, sourceLocation: sourceLocation)
    #expect(
        viewer.video.holes.allSatisfy { $0.count == 1 && !$0.isAfterWholeFrame }, "\(viewer.video.holes)", sourceLocation: sourceLocation)
    #expect(viewer.strayPackets == 0, sourceLocation: sourceLocation)
}

func expectCleanAudio(_ viewer: SimulatedPeer, packets: Int, missing: Int = 0, sourceLocation: SourceLocation = #_sourceLocation) {
    let review = viewer.audio.review()
    #expect(review.faults == [], sourceLocation: sourceLocation)
    #expect(review.missing <= missing, sourceLocation: sourceLocation)
    #expect(viewer.audio.count >= packets, sourceLocation: sourceLocation)
}

extension SimulatedWorld {
    /// A viewer with a section for the picture of each of `cameras`, and no sound.
    func join(watching cameras: [SimulatedPeer], _ change: (inout PeerPlan) -> Void) throws -> SimulatedPeer {
        var plan = PeerPlan.viewer()
        plan.following = .nobody
        plan.screens = cameras.count
        change(&plan)
        let viewer = try join(plan)
        show(cameras, to: viewer)
        return viewer
    }

    /// The first sections of `viewer` carry the pictures of `cameras` from now on, and the others for pictures nothing.
    func show(_ cameras: [SimulatedPeer], to viewer: SimulatedPeer) {
        negotiate(viewer) { _, sending in
            for index in sending.indices where sending[index].parameters.kind == .video {
                sending[index].source = index < cameras.count ? cameras[index].tracks.first { $0.parameters.kind == .video } : nil
            }
        }
    }

    /// Of how many tracks a participant has been told that they are paused.
    func pausesTold(to peer: SimulatedPeer) -> Int {
        var tracks: Set<TrackID> = []
        for case .paused(peer.id, let track, let isPaused) in events.map(\.event) {
            if isPaused { tracks.insert(track) } else { tracks.remove(track) }
        }
        return tracks.count
    }

    /// Why, and when, the server closed a participant; nil while it lives.
    func closing(of peer: SimulatedPeer) -> (reason: String, at: Instant)? {
        for (at, event) in events { if case .closed(peer.id, let reason) = event { return (reason, at) } }
        return nil
    }
}

extension SimulatedPeer {
    /// A black hole in both directions.
    func cut(_ isCut: Bool = true) {
        uplink.conditions.isCut = isCut
        downlink.conditions.isCut = isCut
    }
}
