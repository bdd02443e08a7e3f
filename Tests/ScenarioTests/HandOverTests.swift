import HeadlessClients
import ICE
import MediaPrimitives
import Rooms
import Simulation
import Testing

@Suite("Datagrams that arrive at the wrong worker") struct HandOverTests {
    /// A publisher and a viewer, each on the worker to which the other's datagrams come.
    private func world(seed: UInt64, loss: Double = 0) throws -> (SimulatedWorld, camera: SimulatedPeer, viewer: SimulatedPeer) {
        let world = try SimulatedWorld(seed: seed, workers: 2)
        var (camera, viewer) = (PeerPlan.publisher(), PeerPlan.viewer())
        (camera.worker, camera.arrivesAt) = (0, 1)
        (viewer.worker, viewer.arrivesAt) = (1, 0)
        for conditions in [\PeerPlan.uplink, \PeerPlan.downlink] {
            camera[keyPath: conditions].loss = loss
            viewer[keyPath: conditions].loss = loss
        }
        return (world, try world.join(camera), try world.join(viewer))
    }

    @Test("are handed over: participants connect and their media flows", arguments: [0, 0.05])
    func media(_ loss: Double) throws {
        let (world, camera, viewer) = try world(seed: 210, loss: loss)
        world.run(for: .seconds(10))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > (loss == 0 ? 280 : 200))
        if loss == 0 {
            expectCleanVideo(viewer, frames: 280)
            expectCleanAudio(viewer, packets: 450)
        }
        let figures = world.units.map { $0.statistics() }
        #expect(figures.map(\.pathsHandedOver) == [1, 1])
        #expect(figures[0].handedOverIn > 1_000 && figures[1].handedOverIn > 5)
        // What the viewer tells of arrivals, ten times a second and more, wakes nobody; pictures, sound and checks do.
        #expect(world.told[.feedback, default: 0] > (loss == 0 ? 100 : 80) && world.told[.media, default: 0] > 1_000)
        #expect(figures[0].counters.dropped(.unknownAddress) == 0 && figures[1].counters.dropped(.unknownAddress) == 0)
        world.leave(camera)
        world.leave(viewer)
        world.run(for: .seconds(31))
        let last = world.units.map { $0.statistics() }
        #expect(last.allSatisfy { $0.pathsHandedOver == 0 && $0.transports == 0 && $0.ringDrops == 0 })
        #expect(last[0].handedOverIn == last[1].handedOverOut && last[1].handedOverIn == last[0].handedOverOut)
    }

    @Test("follow their participant over new addresses and new credentials")
    func moving() throws {
        let (world, camera, viewer) = try world(seed: 211)
        world.run(for: .seconds(3))
        for round in 0..<12 {
            // Each new address may come out anywhere.
            camera.arrivesAt = round % 2
            world.move(camera)
            world.run(for: .seconds(2))
            viewer.arrivesAt = round / 2 % 2
            world.move(viewer)
            world.run(for: .seconds(2))
            if round % 4 == 0 {
                #expect(world.restartICE(camera) && world.restartICE(viewer))
                world.run(for: .seconds(4))
            }
        }
        #expect(world.closing(of: camera) == nil && world.closing(of: viewer) == nil)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 1_400)
        #expect(viewer.video.decoder.longestPause < .milliseconds(500))
        // Eight paths a participant at most are known, here or there.
        for unit in world.units { #expect(unit.statistics().pathsHandedOver <= 16) }
        world.run(for: .seconds(40))
        world.move(camera)
        world.move(viewer)
        world.run(for: .seconds(1))
        // The last one and the one before.
        for unit in world.units { #expect(unit.statistics().pathsHandedOver <= 4) }
    }

    @Test("a rebinding that brings a client's datagrams to another worker is healed by its next check", arguments: [0, 1])
    func rebinding(_ worker: Int) throws {
        let world = try SimulatedWorld(seed: 212, workers: 2)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        for peer in [camera, viewer] {
            peer.arrivesAt = worker
            world.rebind(peer)
        }
        world.run(for: .seconds(12))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.longestPause < .seconds(8))
        #expect(viewer.video.decoder.frames > 250)
    }

    @Test("an address that passes from one participant to another on a different worker leads to the later one")
    func takenOver() throws {
        let world = try SimulatedWorld(seed: 213, workers: 2)
        let first = try world.join(.publisher("first"))
        world.run(for: .seconds(3))
        // The translator gives the first one's outer address to the second, whose datagrams arrive where the first one's did.
        var plan = PeerPlan.publisher("second")
        (plan.worker, plan.arrivesAt) = (1, 0)
        let second = try world.join(plan)
        var viewing = PeerPlan.viewer()
        viewing.following = .participant(identity: "second")
        let viewer = try world.join(viewing)
        world.exchangeAddresses(of: second, first)
        first.cut()
        world.run(for: .seconds(10))
        #expect(second.transport.isConnected)
        expectCleanVideo(viewer, frames: 200)
        // Its former owner is gone, and this changes nothing.
        world.run(for: .seconds(30))
        #expect(world.closing(of: first) != nil)
        #expect(viewer.video.decoder.longestPause < .milliseconds(200))
    }

    @Test("strangers are handed over by the name that they give, and remembered nowhere")
    func strangers() throws {
        let (world, camera, viewer) = try world(seed: 214)
        world.run(for: .seconds(3))
        let stranger = SocketAddress(ipv4: 0xcb00_7142, port: 4_242)
        let sent = world.units.map { $0.counters.sent.packets(.stun) }
        for number in 0..<20_000 {
            for peer in [camera, viewer] {
                let known = peer.credentials
                world.inject(
                    forgedCheck(known.remote.ufrag, known.local.ufrag), from: stranger.with(port: UInt16(truncatingIfNeeded: number)))
            }
            if number % 500 == 0 {
                world.inject([0x80, 96] + Array(repeating: 0, count: 60), from: stranger)
                world.run(for: .milliseconds(50))
            }
        }
        world.run(for: .seconds(1))
        // Theirs were too many for the rings now and then; nobody else's.
        #expect(world.units[0].counters.dropped(.unauthenticatedSTUN) == 20_000)
        #expect(world.units[1].counters.dropped(.unauthenticatedSTUN) &+ world.units[0].statistics().ringDrops == 20_000)
        for (unit, sent) in zip(world.units, sent) {
            #expect(unit.counters.sent.packets(.stun) &- sent < 20)
            #expect(unit.statistics().pathsHandedOver == 1)
            #expect(!unit.isKnown(Path(local: SimulatedWorld.serverAddress, remote: stranger)))
        }
        expectCleanVideo(viewer, frames: 150)
        expectCleanAudio(viewer, packets: 250)
    }

    @Test("records that no unit has written end the reading, and nothing else")
    func garbage() throws {
        let (world, _, viewer) = try world(seed: 215)
        world.run(for: .seconds(3))
        let noise = Entropy.seeded(5)
        let batch = DatagramBatch(capacity: 64)
        for number in 0..<50_000 {
            var record = noise.bytes(Int(noise.next() % 120))
            if !record.isEmpty { record[0] = UInt8(number % 13) }
            // A track that is relayed, where a record has it.
            for at in [2, 7] where record.count > at + 8 && number % 2 == 0 {
                record.replaceSubrange(at..<(at + 8), with: [0, 0, 0, 0, 0, 0, 0, UInt8(number % 3)])
            }
            record.withUnsafeMutableBytes {
                for (worker, unit) in world.units.enumerated() { unit.receive(record: $0, from: 1 - worker, at: world.now, into: batch) }
            }
            batch.removeAll()
        }
        #expect(world.units.allSatisfy { $0.statistics().transports == 1 })
        #expect(world.closing(of: viewer) == nil)
    }

    private func forgedCheck(_ ours: String, _ theirs: String) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 200) { buffer, count in
            var writer = STUNWriter(UnsafeMutableRawBufferPointer(buffer), .request, transactionID: STUNTransactionID(high: 1, low: 2))
            writer.username(Array((ours + ":" + theirs).utf8))
            writer.priority(1)
            writer.role(.controlling(1))
            writer.useCandidate()
            count = writer.finish(key: MessageIntegrityKey(password: "a password that is not the right one"))
        }
    }
}
