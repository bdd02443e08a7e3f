import HeadlessClients
import MediaPrimitives
import RTP
import Rooms
import Simulation
import Testing

@Suite("Round trips by extended reports") struct ExtendedReportScenarioTests {
    private func publisherRoundTrip(_ world: SimulatedWorld) -> Interval? {
        world.unit.explain("room", at: world.now).compactMap(\.publisherRoundTrip).first
    }

    @Test("the way to a publisher is measured where that was agreed, and only there", arguments: [true, false])
    func publisher(_ isAgreed: Bool) throws {
        let world = try SimulatedWorld(seed: 520)
        var plan = PeerPlan.publisher()
        plan.tellsRoundTrip = isAgreed
        plan.uplink.delay = .milliseconds(90)
        plan.downlink.delay = .milliseconds(60)
        _ = try world.join(plan)
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(4))
        let measured = publisherRoundTrip(world)
        #expect((measured != nil) == isAgreed)
        if let measured { #expect(abs(measured.milliseconds - 150) < 2, "\(measured)") }
        expectCleanVideo(viewer, frames: 100)
    }

    @Test("a publisher that answers what was never told, or for somebody else, is not believed")
    func liar() throws {
        let world = try SimulatedWorld(seed: 521)
        var plan = PeerPlan.publisher()
        plan.tellsRoundTrip = true
        let camera = try world.join(plan)
        _ = try world.join(.viewer())
        world.run(for: .seconds(4))
        let before = try #require(publisherRoundTrip(world))
        let delays = (0..<80).map { ExtendedReport.Delay(receiver: SSRC($0), lastReference: $0 << 16, delay: 0) }
        world.sendRTCP(from: camera) { ExtendedReport.write(into: &$0, sender: SSRC(1), delays: delays.span) }
        world.run(for: .milliseconds(100))
        #expect(publisherRoundTrip(world) == before)
    }

    @Test("a viewer that tells its time is told how long ago that was, and of no more than eight of its streams")
    func viewer() throws {
        let world = try SimulatedWorld(seed: 522)
        _ = try world.join(.publisher())
        let viewer = try world.join(.viewer())
        world.run(for: .seconds(2))
        #expect(viewer.delays.isEmpty)
        let told = SimulatedWorld.wallClock.ntp(at: world.now)
        for ssrc: UInt32 in 1...40 {
            world.sendRTCP(from: viewer) { ExtendedReport.write(into: &$0, sender: SSRC(ssrc), referenceTime: told) }
        }
        world.run(for: .seconds(3))
        #expect(viewer.delays.map(\.receiver) == (33...40).map { SSRC($0) })
        #expect(viewer.delays.allSatisfy { $0.lastReference == told.middle && $0.delay < 70_000 })
    }
}
