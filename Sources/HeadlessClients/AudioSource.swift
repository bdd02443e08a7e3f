import MediaPrimitives
import RTP

/// A synthetic microphone: Opus packets of 20 ms with their level.
package final class AudioSource {
    private static let interval = Interval.milliseconds(20)

    package let stream: PublishedStream
    package var isPaused = false
    /// In −dBov, of every packet; nil for levels that change all the time.
    package var level: UInt8?
    /// Requests for keyframes of sound, which make no sense.
    package private(set) var keyframeRequests = 0
    package let source: UInt16
    private var frame: UInt32 = 0
    private var nextFrame: Instant

    package init(stream: PublishedStream, source: UInt16, at now: Instant) {
        self.stream = stream
        self.source = source
        nextFrame = now
    }

    package func noteKeyframeRequest() { keyframeRequests += 1 }

    package var nextDeadline: Instant { nextFrame }

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            if !isPaused, now - nextFrame < AudioSource.interval {
                let level = level ?? UInt8(truncatingIfNeeded: 20 + frame % 40)
                let stamp = PayloadStamp(
                    source: source, layer: level, isKeyframe: false, frame: frame, index: 0, count: 1, ordinal: stream.packets,
                    captured: now)
                stream.send(
                    stamp.opus(length: 80), marker: frame == 0, audioLevel: level, captured: now, at: now, over: transport,
                    into: batch)
                frame &+= 1
            }
            nextFrame = nextFrame + AudioSource.interval
        }
    }
}
