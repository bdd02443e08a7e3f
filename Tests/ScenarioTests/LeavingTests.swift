import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Leaving") struct LeavingTests {
    @Test("a publisher that vanishes is closed after 30 s, and its viewers move to the next one", arguments: [0, 0.05])
    func vanishing(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 60)
        var plan = PeerPlan.publisher("first")
        plan.uplink.loss = loss
        let first = try world.join(plan)
        let viewers = try [world.join(.viewer("a")), world.join(.viewer("b"))]
        world.run(for: .seconds(3))
        let second = try world.join(.publisher("second"))
        world.run(for: .seconds(2))
        first.cut()
        let gone = world.now
        world.run(for: .seconds(40))
        let closing = try #require(world.closing(of: first))
        #expect(closing.reason.contains("30 seconds"))
        #expect(closing.at - gone > .seconds(23) && closing.at - gone < .seconds(31))
        #expect(world.closing(of: second) == nil)
        for viewer in viewers {
            expectCleanVideo(viewer, frames: 140 + 200)
            expectCleanAudio(viewer, packets: 230 + 400, missing: loss == 0 ? 0 : 30)
            #expect(viewer.video.decoder.stretches.map(\.source) == [0, 3])
            #expect(viewer.audio.review().sources == [0, 3])
        }
        // Nobody asked for pictures while they were not watched, and both viewers were served by one keyframe.
        #expect(second.cameras[0].keyframes <= 2)
    }

    @Test("a publisher that says goodbye is left at once")
    func goodbye() throws {
        let world = try SimulatedWorld(seed: 61)
        let first = try world.join(.publisher("first"))
        _ = try world.join(.publisher("second"))
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        world.leave(first)
        world.run(for: .seconds(3))
        #expect(world.closing(of: first)?.reason.contains("the peer closed") == true)
        expectCleanVideo(viewer, frames: 170)
        expectCleanAudio(viewer, packets: 280)
        #expect(viewer.video.decoder.stretches.map(\.source) == [0, 1])
        #expect(viewer.video.decoder.longestPause < .milliseconds(500))
    }

    @Test("a black hole of 20 s is survived")
    func shortBlackHole() throws {
        let world = try SimulatedWorld(seed: 62)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        camera.cut()
        world.run(for: .seconds(20))
        camera.cut(false)
        let frames = viewer.video.decoder.frames
        world.run(for: .seconds(5))
        #expect(world.closing(of: camera) == nil)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > frames + 110)
        // Sound has no keyframes that one could ask for.
        #expect(camera.microphone?.keyframeRequests == 0)
    }

    @Test("a viewer's black hole of 20 s is survived")
    func shortBlackHoleBelow() throws {
        let world = try SimulatedWorld(seed: 63)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        let other = try world.join(.viewer("other"))
        world.run(for: .seconds(3))
        viewer.cut()
        world.run(for: .seconds(20))
        viewer.cut(false)
        let frames = viewer.video.decoder.frames
        world.run(for: .seconds(5))
        #expect(world.closing(of: viewer) == nil)
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(viewer.video.decoder.frames > frames + 90)
        expectCleanVideo(other, frames: 800)
        #expect(camera.cameras[0].keyframes <= 5)
    }

    @Test("a black hole of 40 s closes the participant, and both ends know")
    func longBlackHole() throws {
        let world = try SimulatedWorld(seed: 64)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        camera.cut()
        world.run(for: .seconds(40))
        camera.cut(false)
        world.run(for: .seconds(10))
        #expect(world.closing(of: camera)?.reason.contains("30 seconds") == true)
        #expect(camera.transport.closedReason != nil)
        #expect(world.closing(of: viewer) == nil)
        #expect(world.unit.statistics().transports == 1 && world.unit.statistics().publications == 0)
    }

    @Test("a viewer that stops answering disappears after 30 s, and nothing is sent to it any more")
    func silentViewer() throws {
        let world = try SimulatedWorld(seed: 65)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        viewer.cut()
        world.run(for: .seconds(31))
        #expect(world.closing(of: viewer)?.reason.contains("30 seconds") == true)
        #expect(world.unit.statistics().subscriptions == 0)
        let sent = world.unit.counters.sent.packets(.rtp)
        world.run(for: .seconds(5))
        #expect(world.unit.counters.sent.packets(.rtp) == sent)
    }

    @Test("a publisher may be closed while its packets are queued")
    func closingWithQueue() throws {
        let world = try SimulatedWorld(seed: 66)
        let camera = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(3))
        // The datagrams of one frame and the goodbye in one turn of the loop: the fan-out has queued what the ring of the closed one holds.
        world.holdsTurns = true
        world.run(for: .milliseconds(40))
        #expect(world.unit.hasDepartures)
        world.close(camera)
        world.holdsTurns = false
        world.run(for: .seconds(1))
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.audio.review().faults == [])
        #expect(world.unit.statistics().publications == 0)
        let next = try world.join(.publisher("next"))
        world.run(for: .seconds(2))
        #expect(next.transport.isConnected)
        expectCleanVideo(viewer, frames: 130)
    }

    @Test("rooms and participants come and go without leaving anything behind")
    func churn() throws {
        let world = try SimulatedWorld(seed: 67)
        for round in 0..<10 {
            let camera = try world.join(.publisher())
            let viewer = try world.join(.viewer())
            world.run(for: .seconds(1))
            #expect(viewer.video.decoder.frames > 15 && viewer.video.decoder.faults == [])
            if round % 2 == 0 { world.leave(camera) } else { world.close(camera) }
            world.close(viewer)
            world.run(for: .milliseconds(200))
            let figures = world.unit.statistics()
            #expect(figures.transports == 0 && figures.rooms == 0 && figures.subscriptions == 0)
            #expect(world.unit.nextDeadline == .distantFuture)
        }
    }

    @Test("a publisher that never connects does not keep viewers from one that does")
    func neverConnected() throws {
        let world = try SimulatedWorld(seed: 68)
        var dead = PeerPlan.publisher("dead")
        dead.uplink.isCut = true
        _ = try world.join(dead)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(1))
        _ = try world.join(.publisher("alive"))
        world.run(for: .seconds(4))
        expectCleanVideo(viewer, frames: 100)
    }

    @Test("a publisher that says BYE for a layer is left for the next layer without waiting for silence")
    func bye() throws {
        let world = try SimulatedWorld(seed: 69)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(5))
        #expect(viewer.video.decoder.stretches.last?.layer == 2)
        camera.cameras[2].isPaused = true
        let ssrc = camera.cameras[2].stream.ssrc
        world.sendRTCP(from: camera) { writer in
            ReceiverReport(ssrc: ssrc).write(into: &writer)
            Goodbye.write(into: &writer, ssrc: ssrc)
        }
        world.run(for: .seconds(3))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        #expect(viewer.video.decoder.longestPause < .milliseconds(700))
        expectCleanVideo(viewer, frames: 200)
    }
}
