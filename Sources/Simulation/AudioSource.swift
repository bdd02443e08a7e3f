import MediaPrimitives
import RTP

/// A synthetic microphone: Opus packets of 20 ms with their level.
package final class AudioSource {
    private static let interval = Interval.milliseconds(20)

    package let stream: PublishedStream
    package var isPaused = false
    /// Requests for keyframes of sound, which make no sense.
    package internal(set) var keyframeRequests = 0
    private let source: UInt16
    private var frame: UInt32 = 0
    private var nextFrame: Instant

    init(stream: PublishedStream, source: UInt16, at now: Instant) {
        self.stream = stream
        self.source = source
        nextFrame = now
    }

    var nextDeadline: Instant { nextFrame }

    func handleTimeout(at now: Instant, over transport: SimulatedTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            if !isPaused, now - nextFrame < AudioSource.interval {
                let stamp = PayloadStamp(source: source, layer: 0, isKeyframe: false, frame: frame, index: 0, count: 1, captured: nextFrame)
                stream.send(
                    stamp.opus(length: 80), marker: frame == 0, audioLevel: UInt8(truncatingIfNeeded: 20 + frame % 40), captured: nextFrame,
                    at: now, over: transport, into: batch)
                frame &+= 1
            }
            nextFrame = nextFrame + AudioSource.interval
        }
    }
}
