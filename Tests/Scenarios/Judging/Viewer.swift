import HeadlessClients
import MediaPrimitives
import Simulation

/// A section of a viewer's, whose pictures it shows, and of which encoding it has use.
package struct Screen {
    package let video: ReceivedVideo
    package let publisher: Publisher
    /// The best encoding that is of use; nil for all.
    package var maximumLayer: Int?

    init(_ video: ReceivedVideo, of publisher: Publisher) {
        self.video = video
        self.publisher = publisher
    }
}

/// Somebody who watches, and at each sample what he had got and what an oracle would have given him.
package final class Viewer {
    struct Sample {
        var at: Instant
        /// Bytes of payload of decoded frames by now, on each screen.
        var useful: [Int]
        /// Bytes that the encodings of the oracle's choice had sent by now, for each screen.
        var oracle: [Int]
        /// Bytes on the wire by now, and those of them that were padding.
        var received: Int
        var padding: Int
    }

    package let peer: SimulatedPeer
    package var screens: [Screen]
    package let bottleneck: Bottleneck?
    /// Of what comes through the narrow place, the share that is lost behind it.
    let loss: Double
    package let joined: Instant
    private(set) var samples: [Sample] = []
    /// What an oracle gives each screen at present.
    private(set) var choice: [Int?] = []

    init(_ peer: SimulatedPeer, screens: [Screen], bottleneck: Bottleneck?, loss: Double, joined: Instant) {
        self.peer = peer
        self.screens = screens
        self.bottleneck = bottleneck
        self.loss = loss
        self.joined = joined
    }

    /// A packet of sound on the wire.
    private static let soundPacket = 150
    /// Bits a second of sound on the wire, where somebody speaks.
    static let soundRate = Double(soundPacket * 8 * 50)

    /// `budget` is what the way carries for this viewer, in bits a second; nil for everything.
    func sample(at now: Instant, budget: Double?) {
        let isHeard = screens.first?.publisher.peer.microphone.map { !$0.isSilent && !$0.isPaused } ?? false
        let rest = budget.map { $0 * (1 - loss) - (isHeard ? Viewer.soundRate : 0) }
        choice = Oracle.allocate(
            screens.map { screen in
                screen.publisher.live.filter { $0 <= screen.maximumLayer ?? .max }.map {
                    Oracle.Layer(index: $0, rate: screen.publisher.shapes[$0].wireRate)
                }
            }, budget: rest ?? .infinity)
        var oracle = samples.last?.oracle ?? screens.map { _ in 0 }
        for (index, layer) in choice.enumerated() {
            if let layer { oracle[index] += screens[index].publisher.bytes(layer, last: 1) }
        }
        let received = screens.reduce(0) { $0 + $1.video.received.total }
        samples.append(
            Sample(
                at: now, useful: screens.map(\.video.decodedBytes), oracle: oracle,
                received: received + peer.audio.count * Viewer.soundPacket,
                padding: screens.reduce(0) { $0 + $1.video.received.padding.bytes }))
    }
}

extension LinkConditions {
    /// In the long run.
    var meanLoss: Double { 1 - (1 - loss) * (1 - (bursts?.loss ?? 0)) }
}
