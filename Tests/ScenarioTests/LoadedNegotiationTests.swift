import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Negotiating under load") struct LoadedNegotiationTests {
    // Thirty viewers on two workers, of whom ten do nothing, and one negotiation in 30 ms: pauses, layers, sections that go and come back, a
    // publisher's tracks that end and begin.
    @Test("negotiations in quick succession disturb nobody whom they do not concern", arguments: [0, 0.03])
    func quickSuccession(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 240, workers: 2)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.video?.shapes = VideoShape.rungs.map {
            VideoShape(width: $0.width, height: $0.height, packetsPerFrame: 2, packetLength: Int($0.width) / 4)
        }
        plan.uplink.loss = loss
        _ = try world.join(plan)
        var second = PeerPlan.publisher("second")
        second.worker = 1
        let other = try world.join(second)
        let viewers = try (0..<30).map { number in
            var viewing = PeerPlan.viewer("viewer \(number)")
            viewing.worker = number % 2
            viewing.downlink.loss = loss
            return try world.join(viewing)
        }
        world.run(for: .seconds(3))
        let (calm, busy) = (viewers[..<10], viewers[10...])
        let sections = other.receiving
        for round in 0..<300 {
            let viewer = busy[10 + round % 20]
            let full = viewer.sending
            switch round % 5 {
            case 0: world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = round % 4 }
            case 1: world.negotiate(viewer) { _, sending in for index in sending.indices { sending[index].wish.isPaused.toggle() } }
            case 2:
                world.negotiate(viewer) { _, sending in sending = [sending[1]] }
                world.negotiate(viewer) { _, sending in sending = full }
            case 3:
                world.negotiate(other) { receiving, _ in
                    receiving =
                        receiving.isEmpty ? sections.map { ReceivingSection(track: world.newTrack(), parameters: $0.parameters) } : []
                }
            default: world.negotiate(viewer) { _, _ in }
            }
            world.run(for: .milliseconds(30))
        }
        for viewer in busy {
            world.negotiate(viewer) { _, sending in
                for index in sending.indices { sending[index].wish = SubscriptionWish() }
            }
        }
        world.run(for: .seconds(2))
        let frames = viewers.map(\.video.decoder.frames)
        world.run(for: .seconds(2))
        for (viewer, frames) in zip(viewers, frames) {
            #expect(viewer.video.decoder.faults == [], "\(viewer.id)")
            #expect(viewer.audio.review().faults == [])
            #expect(viewer.strayPackets == 0 && viewer.transport.drops.isEmpty)
            #expect(viewer.video.decoder.frames >= frames + (loss == 0 ? 58 : 45))
        }
        for viewer in calm {
            #expect(viewer.video.decoder.longestPause < (loss == 0 ? .milliseconds(100) : .milliseconds(700)))
            if loss == 0 { expectCleanVideo(viewer, frames: 450) } else { #expect(viewer.video.decoder.frames > 420) }
        }
    }
}
