import MediaPrimitives
import RTP

/// One encoding of a camera. A synthetic one has frames at a steady rate, keyframes only at the start and where they are asked for; of a file, where
/// it has them, and it goes on with the next of them where one is asked for.
package final class VideoSource {
    package let stream: PublishedStream
    package let source: UInt16
    package let layer: UInt8
    private let content: VideoContent
    /// Where what is sent of a file is noted, since it cannot be stamped.
    private let log: SentLog?
    /// Of AV1, what dependency descriptors say.
    private let layers: LayerStructure?
    /// Of AV1, counts the frames of all spatial layers.
    private var frameNumber: UInt16
    /// The file's next frame.
    private var place = 0
    /// Where synthetic frames vary.
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

    /// The server has said that nobody watches it.
    package var isSwitchedOff = false {
        didSet { if oldValue, !isSwitchedOff { keyframeDue = nextFrame } }
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

    package convenience init(
        stream: PublishedStream, source: UInt16, layer: UInt8, shape: VideoShape, at now: Instant, entropy: Entropy
    ) {
        self.init(stream: stream, source: source, layer: layer, content: .synthetic(shape), log: nil, at: now, entropy: entropy)
    }

    /// A `log` is for recorded content.
    package init(
        stream: PublishedStream, source: UInt16, layer: UInt8, content: VideoContent, log: SentLog?, at now: Instant, entropy: Entropy
    ) {
        self.stream = stream
        self.source = source
        self.layer = layer
        self.content = content
        self.log = log
        layers = LayerStructure(content)
        if case .synthetic(let shape) = content {
            encoder = shape.bitrate.map { EncoderModel(bitrate: $0, frameInterval: shape.frameInterval, seed: entropy.next()) }
        }
        nextFrame = now
        keyframeDue = now
        pictureID = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        tl0PicIdx = UInt8(truncatingIfNeeded: entropy.next())
        keyIndex = UInt8(truncatingIfNeeded: entropy.next()) & 0x1f
        frameNumber = pictureID
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

    /// A file that is later than this goes on from now: before its first frame there may have been no path yet.
    private static let longestLag = Interval.milliseconds(100)

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        while nextFrame <= now {
            switch content {
            case .synthetic(let shape):
                // What was not sent in time is not made up for.
                if !isPaused, !isStarved, !isSwitchedOff, now - nextFrame < shape.frameInterval {
                    let picture = synthetic(shape, at: now)
                    begin(
                        .synthetic(picture), captured: now, spread: picture.shape.spread, at: now, over: transport, into: batch)
                }
                nextFrame = nextFrame + shape.frameInterval
            case .recorded(let recording, let isPaced):
                // Every frame is sent, for the next one refers to it.
                if now - nextFrame > VideoSource.longestLag { nextFrame = now }
                let picture = isPaused || isStarved || isSwitchedOff ? nil : recorded(recording, at: now)
                let interval = picture?.frame.interval ?? recording.frames[place].interval
                if let picture {
                    begin(
                        .recorded(picture), captured: nextFrame, spread: isPaced ? interval * 2 / 5 : .zero, at: now, over: transport,
                        into: batch)
                }
                nextFrame = nextFrame + interval
            }
        }
        sendDue(at: now, over: transport, into: batch)
    }

    private enum Picture {
        case synthetic(SyntheticPicture)
        case recorded(RecordedPicture)

        /// Of packets.
        var count: Int {
            switch self {
            case .synthetic(let picture): picture.count
            case .recorded(let picture): picture.count
            }
        }
    }

    /// A frame of which not all packets have left.
    private struct Unsent {
        var picture: Picture
        var captured: Instant
        var spread: Interval
        /// From the last keyframe.
        var distance: UInt32
        var next = 0

        var due: Instant { captured + spread * Int64(next) / Int64(picture.count) }
    }

    private func begin(
        _ picture: Picture, captured: Instant, spread: Interval, at now: Instant, over transport: ClientTransport,
        into batch: DatagramBatch
    ) {
        // The one before is late: its rest leaves now, in order.
        sendDue(at: .distantFuture, sentAt: now, over: transport, into: batch)
        unsent = Unsent(picture: picture, captured: captured, spread: spread, distance: keyframeDistance)
        sendDue(at: now, over: transport, into: batch)
    }

    private func synthetic(_ shape: VideoShape, at now: Instant) -> SyntheticPicture {
        let isKeyframe = keyframeDue.map { $0 <= now } ?? false
        if isKeyframe { noteKeyframe(at: now) }
        let temporalID = isKeyframe ? 0 : shape.temporalID(of: keyframeDistance &+ 1)
        keyframeDistance = isKeyframe ? 0 : keyframeDistance &+ 1
        pictureID = (pictureID &+ 1) & 0x7fff
        if temporalID == 0 { tl0PicIdx &+= 1 }
        var shape = shape
        if let bytes = encoder?.next(isKeyframe: isKeyframe, weight: shape.weight(of: temporalID)) { shape.resize(to: bytes) }
        return SyntheticPicture(
            shape, isKeyframe: isKeyframe, pictureID: pictureID, tl0PicIdx: tl0PicIdx, keyIndex: keyIndex, temporalID: temporalID)
    }

    private func recorded(_ recording: VideoRecording, at now: Instant) -> RecordedPicture {
        if let keyframeDue, keyframeDue <= now { place = recording.keyframe(from: place) }
        let frame = recording.frames[place]
        place = (place + 1) % recording.frames.count
        if frame.isKeyframe { noteKeyframe(at: now) }
        keyframeDistance = frame.isKeyframe ? 0 : keyframeDistance &+ 1
        pictureID = (pictureID &+ 1) & 0x7fff
        tl0PicIdx &+= 1
        return RecordedPicture(recording: recording, frame: frame, pictureID: pictureID, tl0PicIdx: tl0PicIdx, keyIndex: keyIndex)
    }

    private func noteKeyframe(at now: Instant) {
        keyframeDue = nil
        lastKeyframe = now
        keyframes += 1
        keyIndex = (keyIndex &+ 1) & 0x1f
    }

    /// Sends what is due by `due`.
    private func sendDue(at due: Instant, sentAt: Instant? = nil, over transport: ClientTransport, into batch: DatagramBatch) {
        let now = sentAt ?? due
        while let rest = unsent, rest.due <= due {
            let (index, count) = (rest.next, rest.picture.count)
            let payload: [UInt8]
            // Of a recording there is one layer.
            var layer = (spatialID: UInt8(0), starts: index == 0, ends: index == count - 1)
            switch rest.picture {
            case .synthetic(let picture):
                layer = picture.shape.layer(of: index, among: count)
                payload = stamp(index, of: count, isKeyframe: picture.isKeyframe, captured: now).payload(of: picture)
            case .recorded(let picture):
                payload = picture.payload(index)
                let stamp = stamp(index, of: count, isKeyframe: picture.frame.isKeyframe, captured: rest.captured)
                log?.note(SentLog.Entry(hash: picture.packet(index).hash, stamp: stamp, sent: now))
            }
            let descriptor =
                layers?.descriptor(
                    startsFrame: layer.starts, endsFrame: layer.ends, spatialID: Int(layer.spatialID), distance: rest.distance,
                    frameNumber: frameNumber) ?? []
            stream.send(
                payload, descriptor: descriptor, marker: index == count - 1, captured: rest.captured, at: now, over: transport, into: batch)
            unsent?.next += 1
            if layer.ends { frameNumber &+= 1 }
            if index == count - 1 {
                unsent = nil
                frame &+= 1
            }
        }
    }

    private func stamp(_ index: Int, of count: Int, isKeyframe: Bool, captured: Instant) -> PayloadStamp {
        PayloadStamp(
            source: source, layer: layer, isKeyframe: isKeyframe, frame: frame, index: index, count: count, ordinal: stream.packets,
            captured: captured)
    }
}
