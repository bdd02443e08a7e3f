import Congestion
import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Padding where there are no retransmissions") struct PaddingTests {
    /// One encoding of 2.1 Mbit/s on the wire, and a viewer behind 10 Mbit/s.
    private func world(seed: UInt64, rate: Int = 10_000_000) throws -> (SimulatedWorld, SimulatedPeer) {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video?.shapes = [VideoShape(width: 1_280, height: 720, packetsPerFrame: 10)]
        _ = try world.join(plan)
        world.run(for: .seconds(2))
        var viewing = PeerPlan.viewer()
        viewing.takesRetransmissions = false
        viewing.downlink = .bottleneck(rate)
        return (world, try world.join(viewing))
    }

    private func target(of viewer: SimulatedPeer, in world: SimulatedWorld) -> Int {
        world.unit.explain("room", at: world.now).first { $0.subscriber == viewer.id }?.estimate.target.bitsPerSecond ?? 0
    }

    @Test("a viewer without them is let up to a single encoding of 2.1 Mbit/s within a second", arguments: [500, 501, 502] as [UInt64])
    func start(_ seed: UInt64) throws {
        let (world, viewer) = try world(seed: seed)
        world.run(for: .seconds(1)) { viewer.transport.isConnected }
        let begin = world.now
        var delays: [Interval] = []
        var (reached, frames): (Interval?, Int) = (nil, 0)
        while world.now - begin < .seconds(2) {
            world.run(for: .milliseconds(1))
            if reached == nil, target(of: viewer, in: world) >= 2_100_000 { reached = world.now - begin }
            guard viewer.video.decoder.frames > frames, let captured = viewer.video.decoder.lastCaptured else { continue }
            frames = viewer.video.decoder.frames
            delays.append(world.now - captured)
        }
        let sorted = delays.sorted()
        let late = sorted[sorted.count * 95 / 100]
        print(
            "2.1 Mbit/s after \(reached.map { "\($0)" } ?? "never"), 95 of 100 frames within \(late), padding \(viewer.video.received.padding.packets)"
        )
        #expect(reached ?? .seconds(9) < .seconds(1))
        #expect(late < .milliseconds(150), "\(late)")
        world.run(for: .seconds(8))
        expectCleanVideo(viewer, frames: 280)
        #expect(viewer.video.holes.isEmpty && viewer.video.nacked == 0 && viewer.video.keyframeRequests == 0)
        // Numbers that padding took are not lost.
        let said = try #require(world.unit.explain("room", at: world.now).first { $0.subscriber == viewer.id })
        #expect(said.estimate.loss == 0)
    }

    @Test("a small layer is probed for with padding between its pictures, and left for the best as soon as with retransmissions")
    func rise() throws {
        var times: [Interval] = []
        for takesRetransmissions in [true, false] {
            let world = try SimulatedWorld(seed: 505)
            var plan = PeerPlan.publisher()
            plan.video = .simulcast()
            _ = try world.join(plan)
            world.run(for: .seconds(2))
            var viewing = PeerPlan.viewer()
            viewing.takesRetransmissions = takesRetransmissions
            viewing.downlink = .bottleneck(3_000_000)
            let viewer = try world.join(viewing)
            let begin = world.now
            #expect(world.run(for: .seconds(5)) { viewer.video.decoder.stretches.last?.layer == 2 })
            times.append(world.now - begin)
            world.run(for: .seconds(20))
            expectCleanVideo(viewer, frames: 600)
            #expect(viewer.video.holes.isEmpty && viewer.video.nacked == 0)
        }
        #expect(times[1] < times[0] + .milliseconds(500), "\(times)")
    }

    @Test("what there is no room for is probed for with padding between the pictures of what there is")
    func limited() throws {
        let world = try SimulatedWorld(seed: 506)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        _ = try world.join(plan)
        var viewing = PeerPlan.viewer()
        viewing.takesRetransmissions = false
        viewing.downlink = .bottleneck(1_000_000)
        let viewer = try world.join(viewing)
        world.run(for: .seconds(30))
        #expect(viewer.video.received.padding.packets > 0)
        #expect(viewer.video.decoder.faults == [] && viewer.video.decoder.frames > 600)
    }

    @Test(
        "media that is late above comes behind its own numbers, whatever was put in since",
        arguments: [503, 504, 505, 506, 507, 508] as [UInt64])
    func late(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.uplink.reordering = 0.05
        plan.uplink.loss = 0.03
        _ = try world.join(plan)
        world.run(for: .seconds(2))
        var viewing = PeerPlan.viewer()
        viewing.takesRetransmissions = false
        // Never enough for the best: it is probed for again and again.
        viewing.downlink = .bottleneck(600_000)
        let viewer = try world.join(viewing)
        world.run(for: .seconds(30))
        #expect(viewer.video.received.padding.packets > 20)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.strayPackets == 0 && viewer.video.decoder.frames > 750)
    }
}
