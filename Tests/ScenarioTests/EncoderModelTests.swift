import HeadlessClients
import MediaPrimitives
import Simulation
import Testing

@Suite("An encoder with rate control") struct EncoderModelTests {
    private let interval = Interval.microseconds(33_333)

    @Test("its frames vary and keep its rate, keyframes and all", arguments: [150_000, 500_000, 1_500_000], [1, 2] as [UInt64])
    func rate(_ bitrate: Int, seed: UInt64) {
        var encoder = EncoderModel(bitrate: bitrate, frameInterval: interval, seed: seed)
        let mean = Double(bitrate) / 8 / 30
        var frames: [Int] = []
        var keyframes: [Double] = []
        for number in 0..<1_800 {
            let bytes = encoder.next(isKeyframe: number % 300 == 0)
            if number % 300 == 0 { keyframes.append(Double(bytes) / mean) } else { frames.append(bytes) }
        }
        let total = Double(frames.reduce(0, +)) + keyframes.reduce(0, +) * mean
        #expect(abs(total / (mean * 1_800) - 1) < 0.03)
        #expect(keyframes.allSatisfy { (2.9...6.1).contains($0) })
        #expect(Double(frames.max() ?? 0) > 1.3 * mean && Double(frames.min() ?? 0) < 0.7 * mean)
        #expect(Double(frames.max() ?? 0) < 2.5 * mean && Double(frames.min() ?? 0) > 0.2 * mean)
    }

    @Test("a publisher whose way is too narrow sends fewer encodings, and all again once it is wide")
    func adapting() throws {
        let world = try SimulatedWorld(seed: 900)
        var plan = PeerPlan.publisher()
        var video = PeerPlan.Video.simulcast()
        for (index, bitrate) in [150_000, 500_000, 1_500_000].enumerated() { video.shapes[index].bitrate = bitrate }
        video.adaptsToUplink = true
        plan.video = video
        let camera = try world.join(plan)
        let sent = { (seconds: Int64) -> [Int] in
            let before = camera.cameras.map { $0.stream.octets }
            world.run(for: .seconds(seconds))
            return zip(camera.cameras, before).map { ($0.stream.octets - $1) * 8 / Int(seconds) / 1_000 }
        }
        world.run(for: .seconds(5))
        let wide = sent(5)
        #expect(zip(wide, [150, 500, 1_500]).allSatisfy { abs($0 - $1) * 10 < $1 }, "\(wide)")
        camera.uplink.conditions.rate = 1_000_000
        world.run(for: .seconds(5))
        let narrow = sent(5)
        #expect(narrow[2] == 0 && narrow[0] > 130 && (250...560).contains(narrow[1]), "\(narrow)")
        camera.uplink.conditions.rate = nil
        world.run(for: .seconds(15))
        let again = sent(5)
        #expect(again[2] > 1_300, "\(again)")
    }

    @Test("a request for one encoding's keyframe makes all send one")
    func together() throws {
        let world = try SimulatedWorld(seed: 901)
        var plan = PeerPlan.publisher()
        plan.video = .simulcast()
        plan.video?.keyframesTogether = true
        let camera = try world.join(plan)
        world.run(for: .seconds(2))
        let before = camera.cameras.map(\.keyframes)
        _ = try world.join(.viewer())
        world.run(for: .seconds(2))
        // The viewer begins with a lower layer and gets the best one as soon as it is known to pass.
        let requests = camera.cameras.reduce(0) { $0 + $1.requests }
        let keyframes = zip(camera.cameras, before).map { $0.keyframes - $1 }
        #expect(Set(keyframes).count == 1 && (1...requests).contains(keyframes[0]) && requests <= 3)
    }
}
