import MediaPrimitives
import RTP

/// A microphone: synthetic Opus packets of 20 ms, or those of a file over and over, with a level.
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
    private let recording: AudioRecording?
    /// The payload type of Opus where each packet repeats the last frame (RFC 2198), and the stream's own is that of `red`; nil for plain Opus.
    private let redundancyOf: UInt8?
    private var lastFrame: (captured: Instant, bytes: [UInt8])?
    /// Where what is sent of the file is noted, since it cannot be stamped.
    private let log: SentLog?
    /// The file's next packet.
    private var place = 0

    package init(
        stream: PublishedStream, source: UInt16, recording: AudioRecording? = nil, log: SentLog? = nil,
        redundancyOf: UInt8? = nil, at now: Instant
    ) {
        self.stream = stream
        self.source = source
        self.recording = recording
        self.log = log
        self.redundancyOf = redundancyOf
        nextFrame = now
    }

    package func noteKeyframeRequest() { keyframeRequests += 1 }

    package var nextDeadline: Instant { nextFrame }

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            let interval = recording?.durations[place] ?? AudioSource.interval
            silentFrames = isSilent ? silentFrames + 1 : 0
            if !isPaused, now - nextFrame < interval, silentFrames % AudioSource.silenceInterval == (isSilent ? 1 : 0) {
                let level = isSilent ? 127 : level ?? UInt8(truncatingIfNeeded: 20 + frame % 40)
                send(level: level, at: now, over: transport, into: batch)
                frame &+= 1
                wasSilent = isSilent
            }
            if let recording { place = (place + 1) % recording.packets.count }
            nextFrame = nextFrame + interval
        }
    }

    private func send(level: UInt8, at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        let captured = recording == nil ? now : nextFrame
        let stamp = PayloadStamp(
            source: source, layer: level, isKeyframe: false, frame: frame, index: 0, count: 1, ordinal: stream.packets, captured: captured)
        var payload: [UInt8]
        if let recording {
            let packet = recording.packets[place]
            // Silence is a packet without a frame in it, by whose first byte a decoder knows the kind (RFC 6716 §3.2.1, RFC 7587 §3.1.3).
            let silence = isSilent ? RecordedPacket([packet.bytes[0] & 0xfc]) : nil
            payload = silence?.bytes ?? packet.bytes
            log?.note(SentLog.Entry(hash: silence?.hash ?? packet.hash, stamp: stamp, sent: now))
        } else {
            payload = stamp.opus(length: 80)
        }
        if let redundancyOf { payload = wrap(payload, captured: captured, payloadType: redundancyOf) }
        stream.send(
            payload, marker: frame == 0 || wasSilent && !isSilent, audioLevel: level, captured: captured, at: now, over: transport,
            into: batch)
    }

    /// `frame` with the one before it, where that is not too old to be told of.
    private func wrap(_ frame: [UInt8], captured: Instant, payloadType: UInt8) -> [UInt8] {
        defer { lastFrame = (captured, frame) }
        let offset = lastFrame.map { (captured - $0.captured).nanoseconds * 48 / 1_000_000 } ?? .max
        let older = lastFrame.flatMap { offset < 0x4000 ? [(UInt32(offset), $0.bytes)] : nil } ?? []
        return ByteWriter.array { _ = RedundantAudio.write(older: older, primary: frame, payloadType: payloadType, into: &$0) } ?? frame
    }
}
