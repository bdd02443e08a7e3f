import HeadlessClients
import MediaPrimitives
import Rooms
import Simulation
import Testing

/// What the worker tells of its participants besides their coming and going.
@Suite("Telling") struct TellingTests {
    private func levels(of peer: SimulatedPeer, in world: SimulatedWorld, since: Instant = Instant(nanoseconds: 0)) -> [(Instant, UInt8)] {
        world.events.compactMap { at, event in
            guard at >= since, case .speaking(peer.id, peer.receiving.first?.track, let level) = event else { return nil }
            return (at, level)
        }
    }

    private func qualities(of peer: SimulatedPeer, in world: SimulatedWorld) -> [LinkQuality] {
        world.events.compactMap { if case .quality(peer.id, let quality) = $0.event { quality } else { nil } }
    }

    @Test("a talker is heard to speak, the louder the higher, and not any more when silent or muted")
    func speaking() throws {
        let world = try SimulatedWorld(seed: 130)
        let talker = try world.join(.publisher("talker"))
        let listener = try world.join(.publisher("listener"))
        let microphone = try #require(talker.microphone)
        listener.microphone?.level = 127
        microphone.level = 127
        world.run(for: .seconds(3))
        #expect(levels(of: talker, in: world).isEmpty)
        var last: UInt8 = 0
        for (level, expected) in [(30, 1), (10, 3), (2, 7), (0, 8)] as [(UInt8, UInt8)] {
            microphone.level = level
            world.run(for: .seconds(2))
            last = try #require(levels(of: talker, in: world).last?.1)
            #expect(last == expected)
        }
        let silent = world.now
        microphone.level = 127
        world.run(for: .seconds(2))
        let end = try #require(levels(of: talker, in: world).last)
        #expect(end.1 == 0 && end.0 - silent < .milliseconds(900))
        microphone.level = 10
        world.run(for: .seconds(2))
        let muted = world.now
        talker.isMuted = true
        world.run(for: .seconds(2))
        let stop = try #require(levels(of: talker, in: world).last)
        #expect(stop.1 == 0 && stop.0 > muted && stop.0 - muted < .milliseconds(800))
        #expect(levels(of: listener, in: world).isEmpty)
        // Only changes, and no two of them within 400 ms.
        let all = levels(of: talker, in: world)
        for (a, b) in zip(all, all.dropFirst()) { #expect(a.1 != b.1 && b.0 - a.0 >= .milliseconds(380)) }
    }

    @Test("a talker whose track ends, or who leaves, does not speak any more", arguments: [true, false])
    func ending(byNegotiation: Bool) throws {
        let world = try SimulatedWorld(seed: 131)
        let talker = try world.join(.publisher())
        talker.microphone?.level = 5
        world.run(for: .seconds(3))
        #expect(try #require(levels(of: talker, in: world).last).1 > 0)
        let track = talker.receiving[0].track
        if byNegotiation { world.negotiate(talker) { receiving, _ in receiving.remove(at: 0) } } else { world.close(talker) }
        let last = world.events.last { if case .speaking = $0.event { true } else { false } }
        guard case .speaking(talker.id, track, 0) = last?.event else {
            Issue.record("still speaking: \(String(describing: last))")
            return
        }
        world.run(for: .seconds(2))
        if case .speaking = world.events.last?.event { #expect(byNegotiation) }
    }

    @Test("a good connection is told as excellent once, for whoever sends and whoever receives")
    func excellent() throws {
        let world = try SimulatedWorld(seed: 132)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(21))
        #expect(qualities(of: camera, in: world) == [.excellent])
        #expect(qualities(of: viewer, in: world) == [.excellent])
    }

    @Test("loss is told to whom it belongs, above to the publisher and below to the viewer", arguments: [true, false])
    func loss(above: Bool) throws {
        let world = try SimulatedWorld(seed: 133)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(11))
        let (lossy, link, other) = above ? (camera, camera.uplink, viewer) : (viewer, viewer.downlink, camera)
        link.conditions.loss = 0.05
        world.run(for: .seconds(20))
        #expect(qualities(of: lossy, in: world).last == .good)
        link.conditions.loss = 0.25
        world.run(for: .seconds(20))
        #expect(qualities(of: lossy, in: world).last == .poor)
        link.conditions.loss = 0
        world.run(for: .seconds(20))
        #expect(qualities(of: lossy, in: world).last == .excellent)
        #expect(qualities(of: other, in: world) == [.excellent])
    }

    @Test("a connection by which nothing comes is lost after ten seconds, until something does")
    func lost() throws {
        let world = try SimulatedWorld(seed: 134)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(6))
        viewer.cut()
        world.run(for: .seconds(16))
        #expect(qualities(of: viewer, in: world).last == .lost)
        viewer.cut(false)
        world.run(for: .seconds(12))
        #expect(qualities(of: viewer, in: world).last == .excellent)
        #expect(world.closing(of: viewer) == nil)
    }
}
