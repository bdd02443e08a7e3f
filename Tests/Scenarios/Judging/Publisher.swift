import HeadlessClients
import MediaPrimitives
import Simulation

/// Somebody who publishes, and what each of his encodings has sent.
package final class Publisher {
    package let peer: SimulatedPeer
    /// Lowest first.
    let shapes: [VideoShape]
    /// Bytes of payload that each encoding had sent, at each sample.
    private(set) var sent: [[Int]] = []

    init(_ peer: SimulatedPeer, shapes: [VideoShape]) {
        self.peer = peer
        self.shapes = shapes
    }

    func sample() { sent.append(peer.cameras.map { $0.stream.octets }) }

    /// Bytes that encoding `layer` has sent in the last `count` samples.
    func bytes(_ layer: Int, last count: Int) -> Int {
        guard let newest = sent.last, sent.count > 1 else { return 0 }
        return newest[layer] - sent[max(0, sent.count - 1 - count)][layer]
    }

    /// Its encodings that send at present.
    var live: [Int] { shapes.indices.filter { bytes($0, last: samplesThatTell) > 0 } }

    /// Long enough for a few frames.
    private var samplesThatTell: Int {
        let slowest = shapes.reduce(Interval.zero) { max($0, $1.frameInterval) }
        return max(10, Int((slowest * 3).nanoseconds / Stage.sampling.nanoseconds))
    }
}

extension VideoShape {
    /// IPv4, UDP, RTP with its extensions, and the tag of AES-GCM.
    static let packetOverhead = 28 + 12 + 20 + 16

    /// Bits a second on the wire.
    var wireRate: Double {
        let framesPerSecond = 1e9 / Double(frameInterval.nanoseconds)
        let payload = Double(bitrate ?? bitsPerSecond)
        let packets = (payload / 8 / framesPerSecond / 1_100).rounded(.up) * framesPerSecond
        return payload + packets * Double(VideoShape.packetOverhead * 8)
    }

    /// A rung of a camera's simulcast, with an encoder whose frames vary.
    static func rung(_ width: UInt16, _ height: UInt16, _ bitrate: Int) -> VideoShape {
        var shape = VideoShape(width: width, height: height, packetsPerFrame: 1)
        shape.bitrate = bitrate
        return shape
    }
}

extension PeerPlan.Video {
    /// Three encodings as a browser sends them: 180, 360 and 720 lines at 150, 500 and 1,500 kbit/s.
    static var camera: PeerPlan.Video {
        var video = PeerPlan.Video.simulcast()
        video.shapes = [.rung(320, 180, 150_000), .rung(640, 360, 500_000), .rung(1_280, 720, 1_500_000)]
        video.keyframesTogether = true
        video.adaptsToUplink = true
        return video
    }
}
