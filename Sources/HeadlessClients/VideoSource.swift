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
    package var codec = Codec.vp8
    /// Layers in one stream (VP9 both, VP8 and AV1 temporal ones).
    package var spatialLayers = 1
    package var temporalLayers = 1
    /// The time over which a frame's packets are spread; zero for a burst.
    package var spread = Interval.zero
    /// Bits of payload in a second that an encoder aims at, whose frames vary; nil for frames that are all alike.
    package var bitrate: Int?

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

/// One encoding of a synthetic camera: frames at a steady rate, keyframes only at the start and where they are asked for.
package final class VideoSource {
    package let stream: PublishedStream
    package let source: UInt16
    package let layer: UInt8
    private let shape: VideoShape
    /// Where frames vary.
    private var encoder: EncoderModel?
    /// A muted camera sends nothing, and goes on with a keyframe.
    package var isPaused = false {
        didSet { if oldValue, !isPaused { keyframeDue = nextFrame } }
    }
    /// Ends a mute as a browser may that had paused the layer only on the network.
    package func resume(withKeyframe: Bool) {
        isPaused = false
        if !withKeyframe { keyframeDue = nil }
    }

    /// Its rate control leaves nothing for it.
    private var isStarved = false {
        didSet { if oldValue, !isStarved { keyframeDue = nextFrame } }
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
    /// Frames since the last keyframe.
    private var keyframeDistance: UInt32 = 0
    private var unsent: Unsent?

    package init(stream: PublishedStream, source: UInt16, layer: UInt8, shape: VideoShape, at now: Instant, entropy: Entropy) {
        self.stream = stream
        self.source = source
        self.layer = layer
        self.shape = shape
        encoder = shape.bitrate.map { EncoderModel(bitrate: $0, frameInterval: shape.frameInterval, seed: entropy.next()) }
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

    /// Another encoding has been asked for a keyframe, and this one sends one with it.
    func joinKeyframe(at now: Instant) {
        requestKeyframe(at: now)
        requests -= 1
    }

    /// The encoder has another rate to aim at, in bits of payload a second; with nothing it sends nothing. Only where frames vary.
    package func setBitrate(_ bitrate: Int) {
        guard encoder != nil else { return }
        encoder?.bitrate = max(bitrate, 1)
        isStarved = bitrate <= 0
    }

    package func changeSSRC(_ entropy: Entropy, beginningWithKeyframe: Bool) {
        stream.changeSSRC(entropy)
        if beginningWithKeyframe { keyframeDue = nextFrame }
    }

    package var nextDeadline: Instant { min(nextFrame, unsent?.due ?? .distantFuture) }

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            // What was not sent in time (there was no path yet) is not made up for.
            if !isPaused, !isStarved, now - nextFrame < shape.frameInterval { beginFrame(at: now, over: transport, into: batch) }
            nextFrame = nextFrame + shape.frameInterval
        }
        sendDue(at: now, over: transport, into: batch)
    }

    /// A frame of which not all packets have left.
    private struct Unsent {
        var picture: SyntheticPicture
        var captured: Instant
        var next = 0

        var due: Instant { captured + picture.shape.spread * Int64(next) / Int64(picture.count) }
    }

    private func beginFrame(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        // The one before is late: its rest leaves now, in order.
        sendDue(at: .distantFuture, sentAt: now, over: transport, into: batch)
        let isKeyframe = keyframeDue.map { $0 <= now } ?? false
        if isKeyframe {
            keyframeDue = nil
            lastKeyframe = now
            keyframes += 1
            keyIndex = (keyIndex &+ 1) & 0x1f
        }
        let temporalID = isKeyframe ? 0 : shape.temporalID(of: keyframeDistance &+ 1)
        keyframeDistance = isKeyframe ? 0 : keyframeDistance &+ 1
        pictureID = (pictureID &+ 1) & 0x7fff
        if temporalID == 0 { tl0PicIdx &+= 1 }
        var shape = shape
        if let bytes = encoder?.next(isKeyframe: isKeyframe, weight: shape.weight(of: temporalID)) { shape.resize(to: bytes) }
        let picture = SyntheticPicture(
            shape, isKeyframe: isKeyframe, pictureID: pictureID, tl0PicIdx: tl0PicIdx, keyIndex: keyIndex, temporalID: temporalID)
        unsent = Unsent(picture: picture, captured: now)
        sendDue(at: now, over: transport, into: batch)
    }

    /// Sends what is due by `due`.
    private func sendDue(at due: Instant, sentAt: Instant? = nil, over transport: ClientTransport, into batch: DatagramBatch) {
        let now = sentAt ?? due
        while let rest = unsent, rest.due <= due {
            let (index, picture) = (rest.next, rest.picture)
            let stamp = PayloadStamp(
                source: source, layer: layer, isKeyframe: picture.isKeyframe, frame: frame, index: index, count: picture.count,
                ordinal: stream.packets, captured: now)
            stream.send(
                stamp.payload(of: picture), marker: index == picture.count - 1, captured: rest.captured, at: now, over: transport,
                into: batch)
            unsent?.next += 1
            if index == picture.count - 1 {
                unsent = nil
                frame &+= 1
            }
        }
    }
}

extension VideoShape {
    /// The layer of the frame that comes so many after a keyframe.
    func temporalID(of distance: UInt32) -> UInt8 {
        switch temporalLayers {
        case 2: UInt8(distance & 1)
        case 3: [0, 2, 1, 2][Int(distance & 3)]
        default: 0
        }
    }

    /// The layer of a picture's packet: each has about twice as many as the one below.
    func spatialID(of index: Int, among count: Int) -> UInt8 {
        let layers = min(spatialLayers, count)
        // The lower ones first, so that none is empty.
        var left = count
        var at = 0
        for layer in 0..<layers {
            let above = (1 << (layers - layer)) - 1
            let share = layer == layers - 1 ? left : max(1, min(left - (layers - layer - 1), left / above))
            at += share
            left -= share
            if index < at { return UInt8(layer) }
        }
        return UInt8(layers - 1)
    }

    /// Of payload, keyframes aside.
    package var bitsPerSecond: Int {
        Int(Int64(packetsPerFrame * packetLength * 8) * 1_000_000_000 / max(1, frameInterval.nanoseconds))
    }
}
