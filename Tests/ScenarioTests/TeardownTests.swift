import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms
import Simulation
import Testing

/// How a participant can come to its end.
private enum Ending: CaseIterable {
    case goodbye, removal, silence, noCheck, noHandshake, halfHandshake, wrongCertificate

    /// What the one `closed` event says.
    var sentence: String {
        switch self {
        case .goodbye: "the peer closed"
        case .removal: "asked to"
        case .silence: "no ICE check for 30 seconds"
        case .noCheck: "no ICE check ever came"
        case .noHandshake: "no DTLS handshake was begun"
        case .halfHandshake: "the DTLS handshake was not finished"
        case .wrongCertificate: "fingerprint"
        }
    }

    var connects: Bool { [.goodbye, .removal, .silence].contains(self) }
}

extension SimulatedWorld {
    /// Nothing of anybody is left, on any worker.
    fileprivate func expectEmpty(sourceLocation: SourceLocation = #_sourceLocation) {
        for unit in units {
            let figures = unit.statistics()
            #expect(figures.transports == 0 && figures.rooms == 0 && figures.participants == 0, sourceLocation: sourceLocation)
            #expect(figures.publications == 0 && figures.subscriptions == 0, sourceLocation: sourceLocation)
            #expect(figures.relays == 0 && figures.pathsHandedOver == 0, sourceLocation: sourceLocation)
            #expect(unit.participantIDs.isEmpty && unit.nextDeadline == .distantFuture, sourceLocation: sourceLocation)
        }
        for peer in peers {
            for unit in units { #expect(!unit.isKnown(peer.way), sourceLocation: sourceLocation) }
        }
    }

    fileprivate func closings(of peer: SimulatedPeer) -> [String] {
        events.compactMap { if case .closed(peer.id, let reason) = $0.event { reason } else { nil } }
    }
}

extension SimulatedPeer {
    /// Its latest path, as the server has it.
    fileprivate var way: Path { Path(local: SimulatedWorld.serverAddress, remote: routes[0].outer) }
}

@Suite("Teardown") struct TeardownTests {
    @Test("every end of a participant is told once, with a sentence, and leaves nothing behind", arguments: Ending.allCases, [1, 2])
    fileprivate func endings(_ ending: Ending, workers: Int) throws {
        let world = try SimulatedWorld(seed: 220, workers: workers)
        var plan = PeerPlan.publisher()
        plan.worker = workers - 1
        // What is sent comes in elsewhere, so that there is a detour to be forgotten, too.
        plan.arrivesAt = 0
        plan.uplink.isCut = ending == .noCheck
        plan.shakesHands = ending != .noHandshake
        if ending == .wrongCertificate {
            plan.claimedFingerprint = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 7, count: 32))
        }
        let camera = try world.join(plan)
        let outer = camera.routes[0].outer
        if ending == .halfHandshake { world.passes = { bytes, _, to in !(20...63).contains(bytes[0]) || to != outer } }
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        if ending.connects {
            expectCleanVideo(viewer, frames: 60)
            #expect(world.units.contains { $0.isKnown(camera.way) })
        } else {
            #expect(viewer.video.packets == 0 && viewer.audio.count == 0)
        }
        switch ending {
        case .goodbye: world.leave(camera)
        case .removal: world.close(camera)
        case .silence: camera.cut()
        case .noCheck, .noHandshake, .halfHandshake, .wrongCertificate: break
        }
        world.run(for: .seconds(70))
        let told = world.closings(of: camera)
        #expect(told.count == 1 && told[0].contains(ending.sentence), "\(told)")
        #expect(world.closings(of: viewer) == [])
        let figures = world.units.map { $0.statistics() }
        #expect(figures.reduce(0) { $0 + $1.publications } == 0 && figures.reduce(0) { $0 + $1.transports } == 1)
        #expect(figures.reduce(0) { $0 + $1.subscriptions } == 0)
        // The next one is received by whoever has waited.
        world.passes = nil
        let next = try world.join(.publisher("next"))
        let frames = viewer.video.decoder.frames
        world.run(for: .seconds(3))
        expectCleanVideo(viewer, frames: frames + 70)
        world.close(next)
        world.leave(viewer)
        world.run(for: .seconds(1))
        world.expectEmpty()
    }

    @Test("who watched and who is watched may end in the same turn, in either order", arguments: [true, false], [1, 2])
    func together(viewerFirst: Bool, workers: Int) throws {
        let world = try SimulatedWorld(seed: 221, workers: workers)
        let camera = try world.join(.publisher())
        var viewing = PeerPlan.viewer()
        viewing.worker = workers - 1
        let viewers = try [world.join(viewing), world.join(viewing)]
        world.run(for: .seconds(3))
        // Their packets are queued when they end.
        world.holdsTurns = true
        world.run(for: .milliseconds(40))
        for peer in viewerFirst ? viewers + [camera] : [camera] + viewers { world.close(peer) }
        world.holdsTurns = false
        world.run(for: .seconds(1))
        for peer in world.peers {
            #expect(world.closings(of: peer) == ["asked to"])
            #expect(peer.transport.closedReason?.contains("closed") == true)
        }
        for viewer in viewers { expectCleanVideo(viewer, frames: 70) }
        world.expectEmpty()
    }

    @Test("a publisher that comes back under its identity takes the place of its former self")
    func sameIdentity() throws {
        let world = try SimulatedWorld(seed: 222)
        let former = try world.join(.publisher("camera"))
        var viewing = PeerPlan.viewer()
        viewing.following = .participant(identity: "camera")
        let viewer = try world.join(viewing)
        world.run(for: .seconds(3))
        world.close(former, reason: "somebody else has come under the same identity")
        let latter = try world.join(.publisher("camera"))
        world.run(for: .seconds(4))
        #expect(world.closings(of: former).count == 1 && former.transport.closedReason?.contains("closed") == true)
        #expect(world.closings(of: latter) == [] && latter.transport.isConnected)
        expectCleanVideo(viewer, frames: 180)
        expectCleanAudio(viewer, packets: 300)
        #expect(viewer.video.decoder.stretches.map(\.source) == [0, 2])
        #expect(viewer.video.decoder.longestPause < .seconds(1))
    }

    @Test("whoever is removed hears BYE for all that it was sent, and for who told it of its own, before close_notify", arguments: [1, 2])
    func bye(workers: Int) throws {
        let world = try SimulatedWorld(seed: 224, workers: workers)
        let camera = try world.join(.publisher())
        var viewing = PeerPlan.viewer()
        viewing.worker = workers - 1
        viewing.screens = 2
        let (viewer, other) = (try world.join(viewing), try world.join(viewing))
        world.run(for: .seconds(3))
        let address = viewer.routes[0].outer
        var kinds: [UInt8] = []
        world.tap = { bytes, _, to in if to == address { kinds.append(bytes[0]) } }
        let streams = viewer.sending.filter { $0.source != nil }.flatMap { $0.parameters.streams }
        #expect(streams.count == 2)
        world.close(viewer)
        world.tap = nil
        // SRTCP, and then an alert.
        #expect(kinds.count == 2 && kinds.first == 0x80 && kinds.last == 21, "\(kinds)")
        world.run(for: .seconds(1))
        #expect(Set(viewer.goodbyes) == Set(streams.flatMap { [$0.ssrc, $0.rtxSSRC].compactMap(\.self) }))
        #expect(viewer.goodbyes.count == 3 && viewer.transport.closedReason?.contains("closed") == true)
        // A section that loses its source goes on with the next.
        world.close(camera)
        world.run(for: .seconds(1))
        #expect(other.goodbyes == [] && camera.goodbyes.count == 1)
        _ = try world.join(.publisher("next"))
        world.run(for: .seconds(3))
        #expect(other.goodbyes == [])
        expectCleanVideo(other, frames: 140)
        // Whoever says goodbye itself is not told.
        world.leave(other)
        world.run(for: .seconds(1))
        #expect(other.goodbyes == [])
    }

    @Test("whoever never was sent anything, or has no keys yet, hears no BYE")
    func noBye() throws {
        let world = try SimulatedWorld(seed: 225)
        let idle = try world.join(.viewer("idle"))
        world.run(for: .seconds(3))
        #expect(idle.transport.isConnected)
        world.close(idle)
        let early = try world.join(.publisher("early"))
        world.run(for: .milliseconds(30))
        world.close(early)
        world.run(for: .seconds(1))
        #expect(idle.goodbyes == [] && early.goodbyes == [])
        #expect(idle.transport.closedReason?.contains("closed") == true)
        world.expectEmpty()
    }

    @Test("where there is room for one datagram only, it is close_notify", arguments: [1, 2])
    func room(capacity: Int) throws {
        let world = try SimulatedWorld(seed: 226)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        let batch = DatagramBatch(capacity: capacity)
        world.unit.close(viewer.id, reason: "asked to", at: world.now, into: batch)
        #expect(batch.count == capacity && batch.bytes(capacity - 1).first == 21)
        #expect(capacity == 1 || batch.bytes(0).first == 0x80)
    }

    @Test("when the server shuts down, everybody hears goodbye and nothing is left", arguments: [1, 3])
    func shutdown(workers: Int) throws {
        let world = try SimulatedWorld(seed: 223, workers: workers)
        for number in 0..<12 {
            var plan = number % 4 == 0 ? PeerPlan.publisher("camera \(number)") : .viewer("viewer \(number)")
            plan.room = "room \(number % 2)"
            plan.worker = number % workers
            plan.arrivesAt = (number + 1) % workers
            _ = try world.join(plan)
        }
        world.run(for: .seconds(3))
        // As `ForwardingUnit`'s owner does it: everybody whom a unit knows, one after another.
        for unit in world.units {
            for id in unit.participantIDs {
                guard let peer = world.peers.first(where: { $0.id == id }) else { continue }
                world.close(peer, reason: "the server shuts down")
            }
        }
        world.run(for: .seconds(1))
        for peer in world.peers {
            #expect(world.closings(of: peer) == ["the server shuts down"])
            #expect(peer.transport.closedReason?.contains("closed") == true)
        }
        world.expectEmpty()
    }
}
