import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Paths") struct PathTests {
    @Test("an ICE restart with new credentials keeps the media", arguments: [0, 0.05])
    func restart(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 80)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        for peer in [camera, viewer] {
            peer.uplink.conditions.loss = loss
            peer.downlink.conditions.loss = loss
        }
        for round in 0..<5 {
            #expect(world.restartICE(round % 2 == 0 ? camera : viewer))
            world.run(for: .seconds(12))
        }
        world.run(for: .seconds(60))
        for peer in [camera, viewer] {
            peer.uplink.conditions.loss = 0
            peer.downlink.conditions.loss = 0
        }
        world.run(for: .seconds(1))
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        expectCleanVideo(viewer, frames: 3_700)
        #expect(viewer.video.decoder.longestPause < (loss == 0 ? .milliseconds(100) : .seconds(1)))
    }

    @Test("an ICE restart of which the client hears 40 s late keeps the media meanwhile, and works then")
    func lateRestart() throws {
        let world = try SimulatedWorld(seed: 84)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        for peer in [camera, viewer] {
            let tellClient = try #require(world.beginICERestart(of: peer))
            world.run(for: .seconds(40))
            tellClient()
            world.run(for: .seconds(10))
            // The former credentials are forgotten, and another way is found with the new ones.
            world.move(peer)
            world.run(for: .seconds(3))
        }
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > 3_200)
        #expect(viewer.video.decoder.longestPause < .milliseconds(500))
    }

    @Test("clients that change their address and nominate the new way keep the media")
    func move() throws {
        let world = try SimulatedWorld(seed: 81)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        for _ in 0..<12 {
            world.move(camera)
            world.run(for: .seconds(3))
            world.move(viewer)
            world.run(for: .seconds(3))
        }
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > 2_150)
        #expect(viewer.video.decoder.longestPause < .milliseconds(500))
        // Former addresses are forgotten.
        world.run(for: .seconds(40))
        let former = SocketAddress(ipv4: 0x0a00_0001, port: 50_000)
        #expect(!world.unit.isKnown(Path(local: SimulatedWorld.serverAddress, remote: former)))
    }

    @Test(
        "a rebinding on the way, of which the client knows nothing, is healed after its next check, whether that nominates or only keeps consent",
        arguments: [true, false], [true, false])
    func rebinding(ofPublisher: Bool, renominates: Bool) throws {
        let world = try SimulatedWorld(seed: 82)
        var plans = [PeerPlan.publisher(), .viewer()]
        for index in plans.indices { plans[index].renominates = renominates }
        let camera = try world.join(plans[0])
        let viewer = try world.join(plans[1])
        world.run(for: .seconds(5))
        world.rebind(ofPublisher ? camera : viewer)
        world.run(for: .seconds(20))
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.longestPause < .seconds(8))
        #expect(viewer.video.decoder.frames > 500)
    }

    @Test("a connection whose consent is lost ends for good")
    func lateReturn() throws {
        let world = try SimulatedWorld(seed: 83)
        let camera = try world.join(.publisher())
        world.run(for: .seconds(3))
        camera.cut()
        world.run(for: .seconds(40))
        #expect(world.closing(of: camera) != nil)
        #expect(!world.restartICE(camera))
    }
}
