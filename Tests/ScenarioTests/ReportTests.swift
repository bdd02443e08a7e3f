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

    @Test("receiver reports tell the loss that was not repaired, and let the publisher measure the round trip")
    func receiverReports() throws {
        let world = try SimulatedWorld(seed: 102)
        var plan = PeerPlan.publisher()
        plan.uplink.loss = 0.1
        let camera = try world.join(plan)
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
