import MediaPrimitives
import RTP

/// A synthetic microphone: Opus packets of 20 ms with their level.
package final class AudioSource {
    /// Frames of silence for which one is sent.
    private static let silenceInterval = 20
    private static let interval = Interval.milliseconds(20)

    package let stream: PublishedStream
    package var isPaused = false
    /// Nobody speaks: with discontinuous transmission only one packet in 400 ms is sent, which says so (RFC 7587 §3.1.3).
    package var isSilent = false
    private var silentFrames = 0
    private var wasSilent = false
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
            silentFrames = isSilent ? silentFrames + 1 : 0
            if !isPaused, now - nextFrame < AudioSource.interval, silentFrames % AudioSource.silenceInterval == (isSilent ? 1 : 0) {
                let level = isSilent ? 127 : level ?? UInt8(truncatingIfNeeded: 20 + frame % 40)
                let stamp = PayloadStamp(
                    source: source, layer: level, isKeyframe: false, frame: frame, index: 0, count: 1, ordinal: stream.packets,
                    captured: now)
                stream.send(
                    stamp.opus(length: 80), marker: frame == 0 || wasSilent && !isSilent, audioLevel: level, captured: now, at: now,
                    over: transport,
                    into: batch)
                frame &+= 1
                wasSilent = isSilent
            }
            nextFrame = nextFrame + AudioSource.interval
        }
    }
}
