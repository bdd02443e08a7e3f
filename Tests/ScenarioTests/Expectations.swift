import HeadlessClients
import MediaPrimitives
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
