import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Negotiating again") struct NegotiatingTests {
    /// The sections of a viewer, as `PeerPlan` has them.
    private let video = 0
    private let audio = 1

    /// A viewer that follows nobody unless it is told to.
    private func handFed(_ identity: String = "viewer") -> PeerPlan {
        var plan = PeerPlan.viewer(identity)
        plan.following = .nobody
        return plan
    }

    /// Has `viewer` follow picture and sound of `publisher`.
    private func point(_ viewer: SimulatedPeer, to publisher: SimulatedPeer?, in world: SimulatedWorld) {
        world.negotiate(viewer) { _, sending in
            for index in sending.indices {
                sending[index].source = publisher?.tracks.first { $0.parameters.kind == sending[index].parameters.kind }
            }
        }
    }

    @Test("a track that is added in the middle of a call reaches a subscriber, which begins with a keyframe")
    func addedTrack() throws {
        let world = try SimulatedWorld(seed: 110)
        var plan = PeerPlan.publisher()
        plan.publishesAtOnce = false
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        camera.isMuted = true
        world.run(for: .seconds(2))
        #expect(world.unit.statistics().subscriptions == 0)
        world.negotiate(camera) { receiving, _ in receiving = [ReceivingSection(track: world.newTrack(), parameters: plan.up[0])] }
        camera.microphone?.isPaused = false
        world.run(for: .seconds(2))
        expectCleanAudio(viewer, packets: 90)
        #expect(viewer.video.packets == 0)
        world.negotiate(camera) { receiving, _ in receiving.append(ReceivingSection(track: world.newTrack(), parameters: plan.up[1])) }
        camera.cameras[0].isPaused = false
        world.run(for: .seconds(3))
        expectCleanVideo(viewer, frames: 80)
        expectCleanAudio(viewer, packets: 240)
        // Extension ids came with the sections: the sender hears of its packets.
        #expect(camera.feedbackLog.messages > 10)
        #expect(world.unit.statistics().publications == 2 && world.unit.statistics().subscriptions == 2)
    }

    @Test("a section that is used for one track after another keeps its numbers and timestamps", arguments: [0, 0.03])
    func reuse(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 111)
        var plan = PeerPlan.publisher("first")
        let first = try world.join(plan)
        plan.identity = "second"
        plan.video = .simulcast()
        let second = try world.join(plan)
        var viewing = handFed()
        viewing.downlink.loss = loss
        let viewer = try world.join(viewing)
        for round in 0..<6 {
            point(viewer, to: round % 2 == 0 ? first : second, in: world)
            world.run(for: .seconds(3))
        }
        world.run(for: .seconds(1))
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.strayPackets == 0 && viewer.transport.drops[.replayedSRTP] == nil)
        #expect(viewer.audio.review().sources == [0, 1, 0, 1, 0, 1])
        #expect(viewer.video.decoder.frames > 500)
        #expect(viewer.video.decoder.longestPause < (loss == 0 ? .milliseconds(300) : .seconds(2)))
        if loss == 0 { expectCleanVideo(viewer, frames: 520) }
    }

    @Test(
        "a publisher takes its track back and publishes another on the same section, under new SSRCs or the old ones",
        arguments: [true, false], [true, false])
    func republish(withNewSSRCs: Bool, isSimulcast: Bool) throws {
        let world = try SimulatedWorld(seed: 112)
        var plan = PeerPlan.publisher()
        if isSimulcast { plan.video = .simulcast() }
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        for round in 0..<3 {
            // Long enough for the sender to hear that it is received, after which it does not name its streams any more.
            world.run(for: .seconds(4))
            let (frames, packets) = (viewer.video.decoder.frames, viewer.video.packets)
            let sections = camera.receiving
            world.negotiate(camera) { receiving, _ in receiving = [] }
            camera.isMuted = true
            // The first time another track takes the place at once.
            if round > 0 { world.run(for: .seconds(2)) }
            #expect(viewer.video.decoder.frames <= frames + 1 && viewer.video.packets <= packets + 4)
            world.negotiate(camera) { receiving, _ in
                receiving = sections.map { ReceivingSection(track: world.newTrack(), parameters: $0.parameters) }
            }
            camera.isMuted = false
            if withNewSSRCs { camera.changeSSRCs() }
        }
        world.run(for: .seconds(4))
        expectCleanVideo(viewer, frames: 440)
        expectCleanAudio(viewer, packets: 750)
        #expect(viewer.transport.drops[.replayedSRTP] == nil)
        #expect(viewer.video.decoder.longestPause < .milliseconds(2_600))
    }

    @Test("a negotiation that changes nothing is not noticed")
    func same() throws {
        let world = try SimulatedWorld(seed: 113)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        let keyframes = camera.cameras[0].keyframes
        for _ in 0..<20 {
            for peer in [camera, viewer] { #expect(world.negotiate(peer) { _, _ in }) }
            world.run(for: .milliseconds(101))
        }
        world.run(for: .seconds(1))
        expectCleanVideo(viewer, frames: 140)
        expectCleanAudio(viewer, packets: 240)
        #expect(camera.cameras[0].keyframes == keyframes)
        #expect(viewer.video.decoder.longestPause < .milliseconds(100))
        world.close(camera)
        #expect(!world.negotiate(camera) { _, _ in })
    }

    @Test("what is paused is not sent and asks for no keyframe; it goes on with one, and with the numbers that follow", arguments: [1, 30])
    func pause(seconds: Int64) throws {
        let world = try SimulatedWorld(seed: 114)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let other = try world.join(.viewer("other"))
        world.run(for: .seconds(3))
        for round in 1...3 {
            world.negotiate(viewer) { _, sending in for index in sending.indices { sending[index].wish.isPaused = true } }
            world.run(for: .milliseconds(50))
            let (packets, heard, requests) = (viewer.video.packets, viewer.audio.count, camera.cameras[0].requests)
            world.run(for: .seconds(seconds))
            #expect(viewer.video.packets == packets && viewer.audio.count == heard)
            #expect(camera.cameras[0].requests == requests)
            let resumed = world.now
            world.negotiate(viewer) { _, sending in for index in sending.indices { sending[index].wish.isPaused = false } }
            #expect(world.run(for: .milliseconds(300)) { viewer.video.packets > packets && viewer.audio.count > heard })
            world.run(for: .seconds(3))
            #expect(camera.cameras[0].requests == requests + 1)
            #expect(viewer.video.decoder.frames > 80 + 85 * round)
            #expect(world.now - resumed < .milliseconds(3_400))
        }
        expectCleanVideo(viewer, frames: 340)
        #expect(viewer.audio.review().faults == [] && viewer.audio.review().missing == 0)
        #expect(viewer.transport.drops[.replayedSRTP] == nil)
        #expect(other.video.decoder.longestPause < .milliseconds(100))
    }

    @Test("a subscriber gets no layer above the highest that it has use for, unless there is nothing else")
    func maximumLayer() throws {
        let world = try SimulatedWorld(seed: 115)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        func layer(_ maximum: Int?) -> UInt8? {
            world.negotiate(viewer) { _, sending in sending[video].wish.maximumLayer = maximum }
            world.run(for: .seconds(3))
            return viewer.video.decoder.stretches.last?.layer
        }
        let layers = [layer(0), layer(1), layer(nil), layer(1), layer(7)]
        #expect(layers == [0, 1, 2, 1, 2])
        #expect(layer(0) == 0)
        camera.cameras[0].isPaused = true
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        camera.cameras[0].isPaused = false
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.last?.layer == 0)
        expectCleanVideo(viewer, frames: 700)
        #expect(viewer.video.decoder.stretches.count <= 11)
    }

    @Test("a subscription that comes before its track waits for it, and waits again when it has ended")
    func beforeItsTrack() throws {
        let world = try SimulatedWorld(seed: 116)
        let track = world.newTrack()
        let viewers = try [world.join(handFed("a")), world.join(handFed("b"))]
        for viewer in viewers {
            world.negotiate(viewer) { _, sending in
                sending[video].source = TrackReference(id: track, worker: 0, parameters: PeerPlan.publisher().up[1])
            }
        }
        world.run(for: .seconds(2))
        #expect(world.unit.statistics().subscriptions == 0)
        var plan = PeerPlan.publisher()
        plan.publishesAtOnce = false
        let camera = try world.join(plan)
        world.negotiate(camera) { receiving, _ in
            receiving = [
                ReceivingSection(track: world.newTrack(), parameters: plan.up[0]), ReceivingSection(track: track, parameters: plan.up[1]),
            ]
        }
        #expect(world.unit.statistics().subscriptions == 2)
        // One gives up waiting, or watching, while it has not begun.
        world.negotiate(viewers[1]) { _, sending in sending[video].source = nil }
        #expect(world.unit.statistics().subscriptions == 1)
        world.run(for: .seconds(3))
        expectCleanVideo(viewers[0], frames: 75)
        #expect(viewers[1].video.packets == 0 && viewers[0].audio.count == 0)
        world.close(camera)
        #expect(world.unit.statistics().subscriptions == 0)
        world.run(for: .seconds(1))
        world.close(viewers[0])
        #expect(world.unit.statistics().transports == 1)
    }

    @Test("a track that ends and comes again under its name is seen again by all who have waited, on each worker", arguments: [1, 2])
    func sameTrackAgain(workers: Int) throws {
        let world = try SimulatedWorld(seed: 122, workers: workers)
        let camera = try world.join(.publisher())
        let viewers = try (0..<2).map { number in
            var plan = handFed("viewer \(number)")
            plan.worker = number % workers
            return try world.join(plan)
        }
        for viewer in viewers { point(viewer, to: camera, in: world) }
        let sections = camera.receiving
        for round in 1...3 {
            world.run(for: .seconds(3))
            for viewer in viewers { expectCleanVideo(viewer, frames: 75 * round) }
            world.negotiate(camera) { receiving, _ in receiving = [] }
            camera.isMuted = true
            world.run(for: .seconds(1))
            #expect(world.units.allSatisfy { $0.statistics().subscriptions == 0 })
            // Nothing is said to the viewers: what they follow has the same name.
            world.negotiate(camera) { receiving, _ in receiving = sections }
            camera.isMuted = false
        }
        world.run(for: .seconds(3))
        for viewer in viewers {
            expectCleanVideo(viewer, frames: 310)
            expectCleanAudio(viewer, packets: 510)
            #expect(viewer.video.decoder.longestPause < .milliseconds(1_700))
        }
    }

    @Test(
        "a section that is taken away and added again never repeats a number under its SSRCs", arguments: [0, 0.05], [117, 118] as [UInt64])
    func removedAndAdded(loss: Double, seed: UInt64) throws {
        let world = try SimulatedWorld(seed: seed)
        let camera = try world.join(.publisher())
        var viewing = handFed()
        viewing.downlink.loss = loss
        let viewer = try world.join(viewing)
        point(viewer, to: camera, in: world)
        for round in 0..<8 {
            world.run(for: .milliseconds(1_500))
            let sections = viewer.sending
            world.negotiate(viewer) { _, sending in sending = round % 3 == 0 ? [] : [sections[audio]] }
            if round % 2 == 0 { world.run(for: .milliseconds(700)) }
            world.negotiate(viewer) { _, sending in sending = round % 4 == 0 ? sections.reversed() : sections }
        }
        world.run(for: .seconds(2))
        // The cipher's receiver would take a repeated number for a replay, and so might a nonce be repeated.
        #expect(viewer.transport.drops.isEmpty, "\(viewer.transport.drops)")
        #expect(viewer.video.decoder.faults == [] && viewer.audio.review().faults == [])
        #expect(viewer.strayPackets == 0)
        #expect(viewer.video.decoder.frames > 200)
        if loss == 0 { expectCleanVideo(viewer, frames: 300) } else { #expect(viewer.video.repaired > 10) }
    }

    @Test("a participant can have so many sections in its life as can be remembered, and those go on")
    func tooManySections() throws {
        let world = try SimulatedWorld(seed: 119)
        let camera = try world.join(.publisher())
        let viewer = try world.join(handFed())
        point(viewer, to: camera, in: world)
        world.run(for: .seconds(1))
        let sections = viewer.sending
        for number in 0..<300 {
            world.negotiate(viewer) { _, sending in
                sending = [sections[video]]
                sending[0].parameters.mid = "m\(number)"
                sending[0].parameters.streams = [.init(ssrc: SSRC(UInt32(100_000 + number)))]
            }
            #expect(world.unit.statistics().subscriptions == (number < 254 ? 1 : 0))
        }
        world.negotiate(viewer) { _, sending in sending = sections }
        world.run(for: .seconds(2))
        expectCleanVideo(viewer, frames: 75)
        #expect(viewer.transport.drops.isEmpty)
    }

    @Test("no section is given an SSRC that another has or had")
    func foreignSSRC() throws {
        let world = try SimulatedWorld(seed: 120)
        let camera = try world.join(.publisher())
        let viewer = try world.join(handFed())
        point(viewer, to: camera, in: world)
        world.run(for: .seconds(2))
        world.negotiate(viewer) { _, sending in sending[video].parameters.mid = "other" }
        #expect(world.unit.statistics().subscriptions == 1)
        world.run(for: .seconds(1))
        world.negotiate(viewer) { _, sending in sending[video].parameters.mid = "video" }
        world.run(for: .seconds(2))
        expectCleanVideo(viewer, frames: 100)
        #expect(viewer.transport.drops.isEmpty)
    }

    @Test("a section that gets another SSRC begins anew under it, and nothing is ever sent under the former again")
    func anotherSSRC() throws {
        let world = try SimulatedWorld(seed: 121)
        let camera = try world.join(.publisher())
        let viewer = try world.join(handFed())
        point(viewer, to: camera, in: world)
        world.run(for: .seconds(2))
        let former = viewer.sending[video].parameters.streams
        world.negotiate(viewer) { _, sending in sending[video].parameters.streams = [.init(ssrc: SSRC(77))] }
        world.run(for: .seconds(1))
        // The simulated viewer does not know it, but counts it.
        #expect(viewer.strayPackets > 25)
        let received = viewer.video.packets
        world.negotiate(viewer) { _, sending in sending[video].parameters.streams = former }
        // What was under way arrives.
        world.run(for: .milliseconds(200))
        let strays = viewer.strayPackets
        world.run(for: .seconds(1))
        #expect(viewer.video.packets == received && viewer.strayPackets == strays)
        expectCleanAudio(viewer, packets: 180)
    }
}
