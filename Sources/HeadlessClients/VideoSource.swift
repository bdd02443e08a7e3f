import MediaPrimitives
import RTP

/// What one encoding of a synthetic camera looks like.
package struct VideoShape: Sendable {
    package var width: UInt16 = 1_280
    package var height: UInt16 = 720
    package var frameInterval = Interval.microseconds(33_333)
    package var packetsPerFrame = 4
    package var packetsPerKeyframe = 8
    /// Bytes of payload in each packet.
    package var packetLength = 800

    package init() {}
    package init(width: UInt16, height: UInt16, packetsPerFrame: Int, packetLength: Int = 800) {
        self.width = width
        self.height = height
        self.packetLength = packetLength
        self.packetsPerFrame = packetsPerFrame
        packetsPerKeyframe = 2 * packetsPerFrame
    }

    /// The usual three rungs of a browser's simulcast, lowest first.
    package static let rungs = [
        VideoShape(width: 320, height: 180, packetsPerFrame: 1), VideoShape(width: 640, height: 360, packetsPerFrame: 2),
        VideoShape(width: 1_280, height: 720, packetsPerFrame: 4),
    ]
}

/// One encoding of a synthetic camera: VP8 frames at a steady rate, keyframes only at the start and where they are asked for.
package final class VideoSource {
    package let stream: PublishedStream
    package let source: UInt16
    package let layer: UInt8
    private let shape: VideoShape
    /// A muted camera sends nothing, and goes on with a keyframe.
    package var isPaused = false {
        didSet { if oldValue, !isPaused { keyframeDue = nextFrame } }
    }
    /// Ends a mute as a browser may that had paused the layer only on the network.
    package func resume(withKeyframe: Bool) {
        isPaused = false
        if !withKeyframe { keyframeDue = nil }
    }

    /// An encoder that is slow, or feedback that is lost.
    package var ignoresKeyframeRequests = false
    /// Keyframes sent, and requests for them received.
    package private(set) var keyframes = 0
    package private(set) var requests = 0

    private var frame: UInt32 = 0
    private var nextFrame: Instant
    private var keyframeDue: Instant?
    private var lastKeyframe: Instant?
    private var pictureID: UInt16
    private var tl0PicIdx: UInt8
    private var keyIndex: UInt8

    package init(stream: PublishedStream, source: UInt16, layer: UInt8, shape: VideoShape, at now: Instant, entropy: Entropy) {
        self.stream = stream
        self.source = source
        self.layer = layer
        self.shape = shape
        nextFrame = now
        keyframeDue = now
        pictureID = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        tl0PicIdx = UInt8(truncatingIfNeeded: entropy.next())
        keyIndex = UInt8(truncatingIfNeeded: entropy.next()) & 0x1f
    }

    /// A receiver cannot decode: a keyframe after what an encoder needs for it, and not within 300 ms of the last.
    package func requestKeyframe(at now: Instant) {
        requests += 1
        guard keyframeDue == nil, !ignoresKeyframeRequests else { return }
        keyframeDue = max(now + .milliseconds(50), lastKeyframe.map { $0 + .milliseconds(300) } ?? now)
    }

    package func changeSSRC(_ entropy: Entropy, beginningWithKeyframe: Bool) {
        stream.changeSSRC(entropy)
        if beginningWithKeyframe { keyframeDue = nextFrame }
    }

    package var nextDeadline: Instant { nextFrame }

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            // What was not sent in time (there was no path yet) is not made up for.
            if !isPaused, now - nextFrame < shape.frameInterval { sendFrame(at: now, over: transport, into: batch) }
            nextFrame = nextFrame + shape.frameInterval
        }
    }

    private func sendFrame(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        let isKeyframe = keyframeDue.map { $0 <= now } ?? false
        if isKeyframe {
            keyframeDue = nil
            lastKeyframe = now
            keyframes += 1
            keyIndex = (keyIndex &+ 1) & 0x1f
        }
        pictureID = (pictureID &+ 1) & 0x7fff
        tl0PicIdx &+= 1
        let count = isKeyframe ? shape.packetsPerKeyframe : shape.packetsPerFrame
        for index in 0..<count {
            let stamp = PayloadStamp(
                source: source, layer: layer, isKeyframe: isKeyframe, frame: frame, index: index, count: count,
                ordinal: stream.packets, captured: now)
            let payload = stamp.vp8(
                pictureID: pictureID, tl0PicIdx: tl0PicIdx, keyIndex: keyIndex, width: shape.width, height: shape.height,
                length: shape.packetLength)
            stream.send(payload, marker: index == count - 1, captured: now, at: now, over: transport, into: batch)
        }
        frame &+= 1
    }
}

extension VideoShape {
    /// Of payload, keyframes aside.
    package var bitsPerSecond: Int {
        Int(Int64(packetsPerFrame * packetLength * 8) * 1_000_000_000 / max(1, frameInterval.nanoseconds))
    }
}
