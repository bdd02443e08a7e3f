import MediaPrimitives
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
        #expect(viewer.video.decoder.faults == [])
        #expect(viewer.video.decoder.frames > 130)
        let sound = viewer.audio.review()
        #expect(sound.faults == [] && sound.missing == 0)
        #expect(viewer.audio.count > 220)
    }
}
