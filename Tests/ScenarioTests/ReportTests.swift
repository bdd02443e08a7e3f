import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Reports") struct ReportTests {
    @Test("sound and picture stay together, over layers and publishers whose clocks differ by hours")
    func lipSync() throws {
        let world = try SimulatedWorld(seed: 100)
        var plan = PeerPlan.publisher("first")
        plan.video = .simulcast()
        let first = try world.join(plan)
        plan.identity = "second"
        plan.clockSkew = .seconds(86_400)
        plan.uplink.delay = .milliseconds(90)
        _ = try world.join(plan)
        let viewer = try world.join(.viewer())
        func expectTogether(_ line: SourceLocation = #_sourceLocation) throws {
            let seen = try #require(viewer.video.displayDelay(SimulatedWorld.wallClock))
            let heard = try #require(viewer.audio.displayDelay(SimulatedWorld.wallClock))
            #expect(abs((seen - heard).milliseconds) < 15, sourceLocation: line)
        }
        world.run(for: .seconds(5))
        try expectTogether()
        first.cameras[2].isPaused = true
        world.run(for: .seconds(6))
        #expect(viewer.video.decoder.stretches.last?.layer == 1)
        try expectTogether()
        world.leave(first)
        world.run(for: .seconds(6))
        #expect(viewer.video.decoder.stretches.last?.source == 1)
        try expectTogether()
        expectCleanVideo(viewer, frames: 440)
    }

    @Test("the publisher hears of every packet whether it arrived", arguments: [0, 0.05])
    func transportFeedback(_ loss: Double) throws {
        let world = try SimulatedWorld(seed: 101)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.uplink.reordering = 0.02
        let camera = try world.join(plan)
        world.run(for: .seconds(1))
        camera.uplink.conditions.loss = loss
        world.run(for: .seconds(10))
        camera.uplink.conditions.loss = 0
        camera.isMuted = true
        world.run(for: .seconds(1))
        let told = camera.feedbackLog.summary
        #expect(told.arrived == Int(world.unit.counters.received.packets(.rtp)))
        #expect(told.untold == 0)
        #expect(loss == 0 ? told.lost == 0 : told.lost > 50)
        #expect(camera.feedbackLog.lostMessages == 0)
        // No more often than every 50 ms, or whenever 200 packets wait.
        #expect(camera.feedbackLog.messages < 250)
    }

    @Test("a switch to another encoding is followed by a report of its clock at once")
    func early() throws {
        let world = try SimulatedWorld(seed: 103)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        _ = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        for layer in [0, 2, 1] {
            world.negotiate(viewer) { _, sending in sending[0].wish.maximumLayer = layer }
            #expect(world.run(for: .seconds(2)) { viewer.video.decoder.stretches.last.map { Int($0.layer) } == layer })
            let (reports, last) = (viewer.video.senderReports, viewer.lastSenderReport)
            world.run(for: .milliseconds(150))
            // Within 150 ms of the first frame, or just before it was whole.
            let isNew = viewer.video.senderReports > reports
            #expect(isNew || last.map { world.now - $0 < .milliseconds(300) } ?? false)
            world.run(for: .milliseconds(Int64(370 * (layer + 1))))
        }
        // No flood of them: one a second, and one for each switch.
        #expect(viewer.video.senderReports < 16)
    }

    @Test("what asks for packets and keyframes begins with a report only where that has to be", arguments: [true, false])
    func reducedSize(_ isReduced: Bool) throws {
        let world = try SimulatedWorld(seed: 104)
        var plan = PeerPlan.publisher()
        plan.reducesRTCP = isReduced
        plan.uplink.loss = 0.05
        let camera = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(10))
        #expect(isReduced ? camera.emptyReports == 0 : camera.emptyReports > 20)
        #expect(camera.cameras[0].stream.resent > 20)
        #expect(viewer.video.decoder.faults == [])
    }

    @Test("what viewers lose on their ways is not told to the publisher")
    func downlinkLoss() throws {
        let world = try SimulatedWorld(seed: 105)
        let camera = try world.join(.publisher())
        var viewing = PeerPlan.viewer()
        viewing.downlink.loss = 0.1
        let viewer = try world.join(viewing)
        world.run(for: .seconds(10))
        #expect(viewer.downlink.lost > 50)
        let video = try #require(camera.reports[camera.cameras[0].stream.ssrc])
        #expect(video.cumulativeLost == 0 && video.fractionLost == 0 && camera.feedbackLog.summary.lost == 0)
    }

    @Test("receiver reports tell the loss that was not repaired, and let the publisher measure the round trip")
    func receiverReports() throws {
        let world = try SimulatedWorld(seed: 102)
        var plan = PeerPlan.publisher()
        plan.uplink.loss = 0.1
        let camera = try world.join(plan)
        // What nobody watches is not repaired.
        _ = try world.join(.viewer())
        world.run(for: .seconds(20))
        let video = try #require(camera.reports[camera.cameras[0].stream.ssrc])
        let audio = try #require(camera.microphone.flatMap { camera.reports[$0.stream.ssrc] })
        // Video is repaired, sound is not.
        #expect(video.cumulativeLost < 20)
        #expect((50...150).contains(audio.cumulativeLost))
        #expect(video.highestSequence & 0xffff == UInt32(camera.cameras[0].stream.sequence &- 1) || video.jitter < 3_000)
        #expect(video.lastSenderReport != 0 && video.delaySinceLastSenderReport < 3 * 65_536)
    }
}
