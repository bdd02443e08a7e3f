import Forwarding
import MediaPrimitives
import RTP

// Whole frames, in the order of their numbers.
extension ReceivedVideo {
    package func advance(at now: Instant) {
        triedAt = now
        skipEmpty()
        while let position = next, let frame = wholeFrame(at: position) {
            take(frame, at: position, afterHole: false, now)
            blockedSince = nil
        }
        guard let highest = unwrapper.highest, highest >= next ?? highest else {
            wantsKeyframe = false
            return
        }
        if blockedSince == nil { blockedSince = now }
        guard let (keyframe, since) = keyframeBehindHole(at: now), next == nil || now - since >= ReceivedVideo.patience,
            let frame = wholeFrame(at: keyframe)
        else { return }
        if let next { noteHole(next..<keyframe, before: frame[0]) }
        // It waits like every frame does, so that the picture stood still until it was whole and no longer.
        take(frame, at: keyframe, afterHole: next != nil, since)
        blockedSince = nil
        advance(at: now)
    }

    /// The first whole keyframe that is ahead, and since when it is known to be whole.
    private func keyframeBehindHole(at now: Instant) -> (position: Int64, since: Instant)? {
        if let waitingKeyframe, waitingKeyframe.position >= next ?? .min { return waitingKeyframe }
        let starts = buffer.filter { $0.value.isKeyframeStart && $0.key > next ?? .min }.keys.sorted()
        waitingKeyframe = starts.first { wholeFrame(at: $0) != nil }.map { ($0, now) }
        return waitingKeyframe
    }

    private func wholeFrame(at position: Int64) -> [DecodedVideo.Packet]? {
        guard let first = buffer[position] else { return nil }
        var frame = [first]
        while let last = frame.last, !last.marker {
            guard let following = buffer[position + Int64(frame.count)], following.timestamp == first.timestamp else { return nil }
            frame.append(following)
        }
        return first.startsFrame ? frame : nil
    }

    private func take(_ frame: [DecodedVideo.Packet], at position: Int64, afterHole: Bool, _ now: Instant) {
        decoder.decode(frame, afterHole: afterHole, at: now)
        play(frame, at: now)
        wantsKeyframe = false
        let end = position + Int64(frame.count)
        for sequence in (next ?? position)..<end { buffer[sequence] = nil }
        if next == nil { buffer = buffer.filter { $0.key >= end } }
        next = end
        skipEmpty()
        if frame[0].stamp.isKeyframe {
            missing.forget(before: position)
            nacks?.forget(before: position)
        }
    }

    private func skipEmpty() {
        while let position = next, empty.remove(position) != nil { next = position + 1 }
        if next == nil || empty.count > 1_000 { empty = empty.filter { $0 > next ?? (unwrapper.highest ?? 0) - 1_000 } }
    }

    private func play(_ frame: [DecodedVideo.Packet], at now: Instant) {
        decodedBytes += frame.reduce(0) { $0 + $1.length }
        guard playout != nil, let first = frame.first else { return }
        if let nacks { playout?.roundTrip = nacks.roundTrip }
        playout?.add(
            PlayoutBuffer.Frame(
                timestamp: first.timestamp, arrived: frame.reduce(first.arrival) { max($0, $1.arrival) }, ready: now,
                isRepaired: frame.contains { $0.isRepair }, stamp: first.stamp))
    }

    /// What is between the last frame that was decoded and the keyframe that is taken next is given up.
    private func noteHole(_ range: Range<Int64>, before keyframe: DecodedVideo.Packet) {
        let isOfEncoding = { (stamp: PayloadStamp) in stamp.layer == keyframe.stamp.layer && stamp.source == keyframe.stamp.source }
        // The encoding has been switched to, and this is not the keyframe that it began with.
        if let last = decoder.last?.stamp, !isOfEncoding(last) {
            discardedAfterSwitch += range.count { position in
                guard let packet = buffer[position], packet.startsFrame, isOfEncoding(packet.stamp) else { return false }
                return wholeFrame(at: position) != nil
            }
        }
        let absent = range.filter { buffer[$0] == nil && !empty.contains($0) }
        guard let first = absent.first else { return }
        holes.append(Hole(count: absent.count, isAfterWholeFrame: first == range.lowerBound))
    }

    /// When it may go on although nothing has arrived.
    package var nextAdvance: Instant {
        guard blockedSince != nil, let end = waitingKeyframe.map({ $0.since + ReceivedVideo.patience }), triedAt < end else {
            return .distantFuture
        }
        return end
    }
}
