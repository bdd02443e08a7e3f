import MediaPrimitives
import RTP

/// What a VP8 decoder makes of the frames that it is handed, and everything about them that would disturb it.
package struct DecodedVideo: Sendable {
    /// One packet as the decoder gets it.
    struct Packet: Sendable {
        var timestamp: UInt32
        var marker: Bool
        /// Whether a decoder could begin with it, and whether a frame does.
        var isKeyframeStart: Bool
        var startsFrame: Bool
        /// Only of VP8, whose numbers a forwarder rewrites.
        var descriptor: VP8Descriptor?
        var stamp: PayloadStamp
        /// It is the last of its spatial layer (VP9, AV1): a forwarder may leave out those above.
        var endsLayer = false
        /// Bytes of payload.
        var length = 0
        var arrival = Instant(nanoseconds: 0)
        /// It had to be sent again.
        var isRepair = false
    }

    /// From which stream of whom, since when.
    package struct Stretch: Sendable {
        package var source: UInt16
        package var layer: UInt8
        package var from: Instant
        package var frames = 0
    }

    package private(set) var frames = 0
    package private(set) var keyframes = 0
    package private(set) var firstFrame: Instant?
    package private(set) var stretches: [Stretch] = []
    /// The longest time between two frames.
    package private(set) var longestPause = Interval.zero
    package private(set) var lastDecoded: Instant?
    /// What a browser's statistics would say.
    package private(set) var freezes = FreezeMeter()
    /// Sentences about what must not be; the first hundred.
    package private(set) var faults: [String] = []

    private(set) var last: Packet?
    /// Of what is published; a forwarder may leave out the upper ones.
    var temporalLayers = 1
    /// The last frames since the last keyframe, which is `origin`.
    private var recent: [UInt32] = []
    private var origin: UInt32 = 0
    /// The newest frame's, as it was sent.
    package var lastTimestamp: UInt32? { last?.timestamp }
    /// When it was captured.
    package var lastCaptured: Instant? { last?.stamp.captured }

    package init() {}

    /// Nothing is published for a while: the time until the next frame is no freeze.
    package mutating func pause() { freezes.pause() }

    package mutating func fault(_ sentence: String) {
        if faults.count < 100 { faults.append(sentence) }
    }

    /// The pause since the last frame counts, too.
    package func longestPause(until now: Instant) -> Interval { max(longestPause, lastDecoded.map { now - $0 } ?? .zero) }

    /// A whole frame, in the order of sequence numbers. `afterHole` is true when numbers before it never came.
    mutating func decode(_ packets: [Packet], afterHole: Bool, at now: Instant) {
        guard let first = packets.first else { return }
        check(packets, first)
        if let last {
            compare(first, with: last, afterHole: afterHole)
        } else if !first.stamp.isKeyframe {
            fault("the first frame is no keyframe")
        }
        if let lastDecoded { longestPause = max(longestPause, now - lastDecoded) }
        freezes.noteFrame(at: now)
        frames += 1
        if first.stamp.isKeyframe { keyframes += 1 }
        firstFrame = firstFrame ?? now
        lastDecoded = now
        last = first
        if first.stamp.isKeyframe {
            recent = []
            origin = first.stamp.frame
        }
        recent.append(first.stamp.frame)
        if recent.count > 8 { recent.removeFirst() }
        if stretches.last.map({ $0.source != first.stamp.source || $0.layer != first.stamp.layer }) ?? true {
            stretches.append(Stretch(source: first.stamp.source, layer: first.stamp.layer, from: now))
        }
        stretches[stretches.count - 1].frames += 1
    }

    /// What a frame refers to, by the pattern of `VideoShape.temporalID(of:)`.
    private func reference(of frame: UInt32) -> UInt32 {
        let distance = frame &- origin
        switch temporalLayers {
        case 2: return frame &- (distance & 1 == 1 ? 1 : 2)
        case 3: return frame &- [4, 1, 2, 1][Int(distance & 3)]
        default: return frame &- 1
        }
    }

    /// The frame in itself: whole, of one piece.
    private mutating func check(_ packets: [Packet], _ first: Packet) {
        let name = "frame \(first.stamp.frame) of \(first.stamp.source)/\(first.stamp.layer)"
        if packets.count != Int(first.stamp.count), packets.last?.endsLayer != true {
            fault("\(name) has \(packets.count) packets instead of \(first.stamp.count)")
        }
        for (index, packet) in packets.enumerated() {
            // Where layers refer to each other in keyframes only, those below need not come: it begins where one of them begins.
            if Int(packet.stamp.index) != index + Int(first.stamp.index) || packet.stamp.frame != first.stamp.frame
                || packet.stamp.source != first.stamp.source
                || packet.stamp.layer != first.stamp.layer
            {
                fault("\(name) has a foreign packet at \(index): \(packet.stamp)")
            }
            if packet.timestamp != first.timestamp { fault("\(name) has two timestamps") }
            if packet.descriptor?.pictureID != first.descriptor?.pictureID
                || packet.descriptor?.tl0PicIdx != first.descriptor?.tl0PicIdx
            {
                fault("\(name) has two pictures in it")
            }
            if packet.marker != (index == packets.count - 1) { fault("\(name) has its marker at \(index)") }
        }
    }

    /// The frame as the successor of the one before.
    private mutating func compare(_ first: Packet, with last: Packet, afterHole: Bool) {
        let (old, new) = (last.stamp, first.stamp)
        let name = "frame \(new.frame) of \(new.source)/\(new.layer) after \(old.frame) of \(old.source)/\(old.layer)"
        let isSameStream = old.source == new.source && old.layer == new.layer
        if !new.isKeyframe {
            if !isSameStream { fault("\(name): a switch without a keyframe") }
            if !recent.contains(reference(of: new.frame)) { fault("\(name): its reference was never decoded") }
        }
        let advance = Int32(bitPattern: first.timestamp &- last.timestamp)
        if advance <= 0 { fault("\(name): the timestamp goes back by \(-advance)") }
        // Between two layers the publisher's reports tell the time, between two publishers only the arrival of their packets.
        let elapsed = new.captured - old.captured
        let error = abs(Double(advance) / 90 - elapsed.milliseconds)
        // What a switch was ahead of its time, by 10 ms at most each, is given back where the stream is begun with again.
        if error > (isSameStream ? (new.isKeyframe ? 21 : 1) : old.source == new.source ? 100 : 300) {
            fault("\(name): the timestamp moves by \(advance) in \(elapsed.milliseconds) ms")
        }
        if let numbers = first.descriptor, let before = last.descriptor {
            compareNumbers(numbers, before, isKeyframe: new.isKeyframe, afterHole: afterHole, name)
        }
    }

    private mutating func compareNumbers(
        _ new: VP8Descriptor, _ old: VP8Descriptor, isKeyframe: Bool, afterHole: Bool, _ name: String
    ) {
        guard let newID = new.pictureID, let oldID = old.pictureID, let newTL0 = new.tl0PicIdx, let oldTL0 = old.tl0PicIdx,
            let newKey = new.keyIndex, let oldKey = old.keyIndex
        else {
            fault("\(name): numbers are absent")
            return
        }
        let pictures = (newID &- oldID) & 0x7fff
        let layers = newTL0 &- oldTL0
        let keys = (newKey &- oldKey) & 0x1f
        if afterHole {
            if pictures == 0 || pictures > 0x3fff { fault("\(name): PictureID goes from \(oldID) to \(newID)") }
            // Eight bits tell an order only as long as fewer than 128 pictures are missing.
            if pictures < 0x80, layers == 0 && new.temporalID == 0 || layers > 0x7f {
                fault("\(name): TL0PICIDX goes from \(oldTL0) to \(newTL0)")
            }
            return
        }
        if pictures != 1 { fault("\(name): PictureID goes from \(oldID) to \(newID)") }
        if layers != (new.temporalID == 0 ? 1 : 0) { fault("\(name): TL0PICIDX goes from \(oldTL0) to \(newTL0)") }
        if keys != (isKeyframe ? 1 : 0) { fault("\(name): KEYIDX goes from \(oldKey) to \(newKey)") }
    }
}
