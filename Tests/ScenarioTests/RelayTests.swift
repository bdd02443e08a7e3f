import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Tracks on several workers") struct RelayTests {
    private func viewing(_ identity: String, on worker: Int) -> PeerPlan {
        var plan = PeerPlan.viewer(identity)
        plan.worker = worker
        return plan
    }

    private func publishing(_ identity: String = "camera", on worker: Int) -> PeerPlan {
        var plan = PeerPlan.publisher(identity)
        plan.worker = worker
        return plan
    }

    @Test("a goodbye is told to another worker once, however often a datagram says it")
    func goodbyes() throws {
        let world = try SimulatedWorld(seed: 219, workers: 2)
        let camera = try world.join(publishing(on: 0))
        let viewer = try world.join(viewing("viewer", on: 1))
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.frames > 60)
        camera.cameras[0].isPaused = true
        camera.microphone?.isPaused = true
        world.run(for: .milliseconds(500))
        let before = world.told.values.reduce(0, +)
        let ssrc = camera.cameras[0].stream.ssrc
        world.sendRTCP(from: camera) { writer in
            ReceiverReport(ssrc: ssrc).write(into: &writer)
            for _ in 0..<100 { Goodbye.write(into: &writer, ssrc: ssrc) }
        }
        world.run(for: .milliseconds(100))
        #expect((1...5).contains(world.told.values.reduce(0, +) - before))
    }

    @Test("a viewer on another worker sees and hears what one on the publisher's does", arguments: [0, 0.05])
    func same(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 200, workers: 3)
        var plan = publishing(on: 0)
        plan.uplink.loss = loss
        let camera = try world.join(plan)
        let viewers = try [0, 1, 2, 1].map { try world.join(viewing("viewer", on: $0)) }
        world.run(for: .seconds(10))
        for viewer in viewers {
            expectCleanVideo(viewer, frames: 280)
            expectCleanAudio(viewer, packets: 450, missing: loss == 0 ? 0 : 60)
            #expect(viewer.video.decoder.longestPause < (loss == 0 ? .milliseconds(100) : .milliseconds(900)))
            #expect(viewer.video.senderReports >= 8 && viewer.audio.senderReports >= 8)
            let seen = try #require(viewer.video.displayDelay(SimulatedWorld.wallClock))
            let heard = try #require(viewer.audio.displayDelay(SimulatedWorld.wallClock))
            #expect(abs((seen - heard).milliseconds) < 15)
        }
        // They all joined together, and one keyframe served them.
        if loss == 0 { #expect(camera.cameras[0].keyframes <= 2) }
        let figures = world.units.map { $0.statistics() }
        #expect(figures.map(\.relays) == [0, 2, 2])
        #expect(figures.map(\.publications) == [2, 0, 0])
        #expect(figures.map(\.subscriptions) == [2, 4, 2])
        // Once to each worker, whatever the number of its viewers.
        let sent = figures[0].counters.received.packets(.rtp)
        #expect(figures[0].relayedOut > sent && figures[0].relayedOut <= 2 * sent)
        #expect(figures[1].relayedIn &+ figures[2].relayedIn <= figures[0].relayedOut)
        #expect(figures.allSatisfy { $0.ringDrops == 0 && $0.handedOverOut == 0 })
    }

    @Test("keyframe requests from other workers reach the publisher, merged with its own worker's")
    func keyframes() throws {
        let world = try SimulatedWorld(seed: 201, workers: 2)
        let camera = try world.join(publishing(on: 1))
        world.run(for: .seconds(2))
        let before = camera.cameras[0].keyframes
        let viewers = try (0..<6).map { try world.join(viewing("viewer", on: $0 % 2)) }
        world.run(for: .seconds(2))
        #expect(camera.cameras[0].keyframes == before + 1)
        for viewer in viewers { expectCleanVideo(viewer, frames: 45) }
        for viewer in viewers {
            world.sendRTCP(from: viewer) { writer in
                PictureLossIndication(sender: SSRC(1), media: viewer.video.ssrc).write(into: &writer)
            }
        }
        world.run(for: .seconds(1))
        #expect(camera.cameras[0].keyframes == before + 2)
    }

    @Test("a relay lives as long as it has subscriptions")
    func lastSubscription() throws {
        let world = try SimulatedWorld(seed: 202, workers: 2)
        _ = try world.join(publishing(on: 0))
        let viewers = try [1, 1].map { try world.join(viewing("viewer", on: $0)) }
        world.run(for: .seconds(3))
        world.leave(viewers[0])
        world.run(for: .seconds(1))
        #expect(world.units[1].statistics().relays == 2)
        world.leave(viewers[1])
        world.run(for: .seconds(1))
        #expect(world.units[1].statistics().relays == 0)
        let relayed = world.units[0].statistics().relayedOut
        world.run(for: .seconds(1))
        #expect(world.units[0].statistics().relayedOut == relayed)
        let next = try world.join(viewing("next", on: 1))
        world.run(for: .seconds(3))
        expectCleanVideo(next, frames: 80)
        expectCleanAudio(next, packets: 130)
    }

    @Test("viewers everywhere move on when a publisher leaves, wherever the next one is", arguments: [0, 1, 2])
    func nextPublisher(_ worker: Int) throws {
        let world = try SimulatedWorld(seed: 203, workers: 3)
        let first = try world.join(publishing("first", on: 0))
        _ = try world.join(publishing("second", on: worker))
        let viewers = try [0, 1, 2].map { try world.join(viewing("viewer", on: $0)) }
        world.run(for: .seconds(4))
        world.leave(first)
        world.run(for: .seconds(4))
        for viewer in viewers {
            expectCleanVideo(viewer, frames: 210)
            expectCleanAudio(viewer, packets: 350)
            #expect(viewer.video.decoder.stretches.map(\.source) == [0, 1])
            #expect(viewer.video.decoder.longestPause < .milliseconds(500))
        }
        for (number, unit) in world.units.enumerated() { #expect(unit.statistics().relays == (number == worker ? 0 : 2)) }
    }

    @Test("a track that comes after its subscription, ends, and comes again under another name")
    func comesAndGoes() throws {
        let world = try SimulatedWorld(seed: 204, workers: 2)
        var plan = viewing("viewer", on: 1)
        plan.following = .nobody
        let viewer = try world.join(plan)
        let camera = try world.join(publishing(on: 0))
        // The viewer is told before the publisher's worker has heard of the track.
        let tracks = (0..<3).map { _ in world.newTrack() }
        let sections = camera.receiving
        world.negotiate(camera) { receiving, _ in receiving = [] }
        func publish(_ track: TrackID?) {
            world.negotiate(camera) { receiving, _ in
                receiving = track.map { [ReceivingSection(track: $0, parameters: sections[1].parameters)] } ?? []
            }
        }
        for track in tracks {
            world.negotiate(viewer) { _, sending in
                sending[0].source = TrackReference(id: track, worker: 0, parameters: sections[1].parameters)
            }
            world.run(for: .seconds(1))
            publish(track)
            world.run(for: .seconds(2))
            #expect(viewer.video.decoder.stretches.last?.source == 1)
            publish(nil)
            world.run(for: .milliseconds(500))
            #expect(world.units[1].statistics().relays == 0)
        }
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 130)
        world.negotiate(viewer) { _, sending in sending[0].source = nil }
        publish(tracks[2])
        world.run(for: .seconds(1))
        let relayed = world.units[0].statistics().relayedOut
        world.run(for: .seconds(1))
        #expect(world.units[0].statistics().relayedOut == relayed)
    }

    @Test("the best living layer is forwarded on another worker, too, and every switch is a keyframe", arguments: [0, 0.05])
    func simulcast(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 205, workers: 2)
        var plan = publishing(on: 0)
        plan.video = .simulcast()
        plan.uplink.loss = loss
        let camera = try world.join(plan)
        let viewer = try world.join(viewing("viewer", on: 1))
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 2)
        // Somebody who comes later begins with what is sure to pass, and gets the best one as soon as he has answered.
        let late = try world.join(viewing("late", on: 1))
        world.run(for: .seconds(2))
        #expect(late.video.decoder.stretches.map(\.layer) == [1, 2])
        camera.cameras[2].isPaused = true
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        camera.cameras[2].isPaused = false
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 2)
        camera.changeSSRCs()
        world.run(for: .seconds(4))
        for viewer in [viewer, late] {
            #expect(viewer.video.decoder.faults == [])
            #expect(viewer.video.decoder.stretches.last?.layer == 2)
            #expect(viewer.video.decoder.longestPause < .seconds(2))
            let seen = try #require(viewer.video.displayDelay(SimulatedWorld.wallClock))
            let heard = try #require(viewer.audio.displayDelay(SimulatedWorld.wallClock))
            #expect(abs((seen - heard).milliseconds) < 15)
        }
        #expect(viewer.video.decoder.frames > 560)
    }

    @Test("the first viewer on a worker gets the best layer as soon as it is known to pass")
    func firstLayer() throws {
        let world = try SimulatedWorld(seed: 206, workers: 2)
        var plan = publishing(on: 0)
        plan.video = .simulcast()
        _ = try world.join(plan)
        world.run(for: .seconds(4))
        let viewer = try world.join(viewing("viewer", on: 1))
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.map(\.layer) == [1, 2])
        expectCleanVideo(viewer, frames: 75)
    }

    @Test("what a full ring loses is made good by a keyframe, and nothing else suffers")
    func overflow() throws {
        let world = try SimulatedWorld(seed: 207, workers: 2)
        let camera = try world.join(publishing(on: 0))
        let (here, there) = (try world.join(viewing("here", on: 0)), try world.join(viewing("there", on: 1)))
        world.run(for: .seconds(3))
        for _ in 0..<5 {
            // Less than a keyframe of eight packets, more than what else comes at a time.
            world.ringCapacity = 3_000
            world.sendRTCP(from: there) { PictureLossIndication(sender: SSRC(1), media: there.video.ssrc).write(into: &$0) }
            world.run(for: .milliseconds(900))
            world.ringCapacity = 512 * 1_024
            world.run(for: .seconds(2))
        }
        #expect(world.units[0].statistics().ringDrops > 5)
        #expect(there.video.decoder.faults == [])
        #expect(there.audio.review().faults == [])
        #expect(there.video.decoder.frames > 350)
        #expect(there.video.decoder.longestPause < .seconds(3))
        expectCleanVideo(here, frames: 500)
        expectCleanAudio(here, packets: 820)
        #expect(here.video.decoder.longestPause < .milliseconds(100))
        #expect(camera.cameras[0].keyframes < 40)
        // The picture is whole again.
        let frames = there.video.decoder.frames
        world.run(for: .seconds(2))
        #expect(there.video.decoder.frames >= frames + 58)
    }

    @Test("what a ring has lost is made good before the viewer behind it has to ask")
    func healing() throws {
        let world = try SimulatedWorld(seed: 211, workers: 2)
        let camera = try world.join(publishing(on: 0))
        let there = try world.join(viewing("there", on: 1))
        world.run(for: .seconds(3))
        for _ in 0..<5 {
            // Long enough for a frame.
            world.ringCapacity = 100
            world.run(for: .milliseconds(35))
            world.ringCapacity = 512 * 1_024
            world.run(for: .seconds(2))
        }
        #expect(world.units[0].statistics().ringDrops > 15)
        #expect(there.video.decoder.faults == [] && there.audio.review().faults == [])
        #expect(there.video.keyframeRequests == 0)
        #expect(there.video.decoder.longestPause < .milliseconds(450))
        #expect(camera.cameras[0].keyframes <= 2 + 5)
    }

    @Test("what has to be told is told, however long the rings were full")
    func control() throws {
        let world = try SimulatedWorld(seed: 208, workers: 2)
        world.ringCapacity = 0
        let camera = try world.join(publishing(on: 0))
        let viewer = try world.join(viewing("viewer", on: 1))
        world.run(for: .seconds(5))
        #expect(viewer.video.packets == 0)
        world.ringCapacity = 512 * 1_024
        world.run(for: .seconds(3))
        expectCleanVideo(viewer, frames: 80)
        // Its last viewer there leaves unheard: what is relayed meanwhile is lost, until it is told.
        world.ringCapacity = 0
        world.leave(viewer)
        world.run(for: .seconds(2))
        let lost = world.units[0].statistics().ringDrops
        world.ringCapacity = 512 * 1_024
        world.run(for: .seconds(2))
        #expect(lost > 300 && world.units[0].statistics().ringDrops == lost)
        let relayed = world.units[0].statistics().relayedOut
        world.run(for: .seconds(2))
        #expect(world.units[0].statistics().relayedOut == relayed && world.closing(of: camera) == nil)
    }

    @Test("rooms that come and go on all workers leave nothing behind")
    func comingAndGoing() throws {
        let world = try SimulatedWorld(seed: 209, workers: 4)
        let entropy = Entropy.seeded(3)
        var here: [SimulatedPeer] = []
        for round in 0..<60 {
            var plan =
                round % 3 == 0 ? publishing("publisher \(round)", on: round % 4) : viewing("viewer \(round)", on: Int(entropy.next() % 4))
            plan.arrivesAt = Int(entropy.next() % 4)
            plan.room = "room \(round % 2)"
            here.append(try world.join(plan))
            world.run(for: .milliseconds(700))
            if here.count > 8 { world.leave(here.remove(at: Int(entropy.next() % 8))) }
            if round % 5 == 0 { #expect(world.restartICE(here[here.count - 1])) }
        }
        for peer in here {
            #expect(peer.video.decoder.faults == [])
            world.leave(peer)
        }
        world.run(for: .seconds(1))
        for unit in world.units {
            let figures = unit.statistics()
            #expect(figures.transports == 0 && figures.relays == 0 && figures.pathsHandedOver == 0)
            #expect(figures.handedOverOut > 0 && figures.relayedOut > 0 && figures.ringDrops == 0)
            #expect(unit.nextDeadline == .distantFuture)
        }
    }
}
