import HeadlessClients
import MediaPrimitives
import MediaSecurity
import Rooms
import Simulation
import Testing

@Suite("Connecting") struct ConnectingTests {
    @Test("a publisher and a viewer connect, and the viewer sees and hears it")
    func mediaFlows() throws {
        let world = try SimulatedWorld(seed: 1)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(5))
        #expect(camera.transport.isConnected && viewer.transport.isConnected)
        expectCleanVideo(viewer, frames: 130)
        expectCleanAudio(viewer, packets: 220)
        #expect(viewer.video.senderReports >= 3 && viewer.audio.senderReports >= 3)
        #expect(viewer.video.keyframeRequests == 0)
    }

    @Test("each SRTP profile carries media, whichever the peer offers", arguments: SRTPProfile.allCases)
    func profiles(_ profile: SRTPProfile) throws {
        let world = try SimulatedWorld(seed: 2)
        var publisher = PeerPlan.publisher()
        var viewing = PeerPlan.viewer()
        publisher.profiles = [profile]
        viewing.profiles = [profile]
        let camera = try world.join(publisher)
        let viewer = try world.join(viewing)
        world.run(for: .seconds(2))
        #expect(camera.transport.profile == profile && viewer.transport.profile == profile)
        expectCleanVideo(viewer, frames: 40)
    }

    @Test("a hundred viewers of all profiles see the picture, though every now and then one of them leaves")
    func manyProfiles() throws {
        let world = try SimulatedWorld(seed: 5)
        _ = try world.join(.publisher())
        let viewers = try (0..<100).map { number in
            var plan = PeerPlan.viewer("viewer \(number)")
            // More than are sealed together.
            plan.profiles = [number % 5 == 0 ? .aeadAES256GCM : number % 5 == 1 ? .aeadAES128GCM : .aes128CMSHA1Tag80]
            return try world.join(plan)
        }
        #expect(world.run(for: .seconds(5)) { viewers.allSatisfy(\.transport.isConnected) })
        for leaving in viewers.prefix(10) {
            world.run(for: .milliseconds(103))
            world.leave(leaving)
        }
        world.run(for: .seconds(1))
        for viewer in viewers.dropFirst(10) {
            expectCleanVideo(viewer, frames: 40)
            #expect(viewer.transport.drops.isEmpty)
        }
    }

    @Test("the server is the client in DTLS where the peer is passive")
    func passivePeers() throws {
        let world = try SimulatedWorld(seed: 3)
        var publisher = PeerPlan.publisher()
        var viewing = PeerPlan.viewer()
        publisher.role = .server
        viewing.role = .server
        _ = try world.join(publisher)
        let viewer = try world.join(viewing)
        world.run(for: .seconds(2))
        expectCleanVideo(viewer, frames: 40)
        expectCleanAudio(viewer, packets: 70)
    }

    @Test("a fifth of all datagrams may be lost while connecting", arguments: [1, 2, 3, 4] as [UInt64])
    func lossyHandshake(_ seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        var viewing = PeerPlan.viewer()
        viewing.uplink.loss = 0.2
        viewing.downlink.loss = 0.2
        viewing.role = seed % 2 == 0 ? .client : .server
        let viewer = try world.join(viewing)
        #expect(world.run(for: .seconds(20)) { viewer.transport.isConnected })
    }

    @Test("a viewer that came before the publisher sees it from its first keyframe on")
    func viewerFirst() throws {
        let world = try SimulatedWorld(seed: 4)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        var publisher = PeerPlan.publisher()
        publisher.startDelay = .seconds(2)
        let camera = try world.join(publisher)
        world.run(for: .seconds(1))
        #expect(camera.transport.isConnected)
        world.run(for: .seconds(3))
        expectCleanVideo(viewer, frames: 55)
        #expect(camera.cameras[0].keyframes <= 2)
    }

    @Test(
        "a certificate that is not the one of the SDP closes the connection with a sentence, and no media passes",
        arguments: [DTLSRole.client, .server])
    func wrongFingerprint(_ role: DTLSRole) throws {
        let world = try SimulatedWorld(seed: 5)
        let viewer = try world.join(.viewer())
        var publisher = PeerPlan.publisher()
        publisher.claimedFingerprint = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 7, count: 32))
        publisher.role = role
        let camera = try world.join(publisher)
        world.run(for: .seconds(5))
        #expect(world.closing(of: camera)?.reason.contains("fingerprint") == true)
        #expect(viewer.video.packets == 0 && viewer.audio.count == 0)
        #expect(world.unit.statistics().transports == 1)
    }

    @Test("a peer whose checks never come is closed after 30 s, and its room with it")
    func neverComes() throws {
        let world = try SimulatedWorld(seed: 6)
        var silent = PeerPlan.publisher()
        silent.uplink.isCut = true
        let peer = try world.join(silent)
        world.run(for: .seconds(29))
        #expect(world.closing(of: peer) == nil)
        world.run(for: .seconds(3))
        #expect(world.closing(of: peer)?.reason.contains("announced addresses") == true)
        #expect(world.unit.statistics().rooms == 0)
    }
}
