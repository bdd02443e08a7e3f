import Forwarding
import MediaPrimitives
import RTP

/// A receiver of one video section: puts packets in order, asks for missing ones and for keyframes, and hands whole frames to a decoder.
package final class ReceivedVideo {
    /// How long a keyframe behind a hole waits for the hole to be filled: as long as a browser's jitter buffer keeps a frame.
    private static let patience = Interval.milliseconds(50)
    private static let requestInterval = Interval.milliseconds(500)

    /// Numbers that never came although later ones did.
    package struct Hole: Sendable {
        package var count: Int
        /// What came before was a whole frame. Otherwise the hole tells the decoder that a frame has no end.
        package var isAfterWholeFrame: Bool
    }

    package let ssrc: SSRC
    private let rtxSSRC: SSRC?
    private var types: PayloadTypeTable
    private let repairs: Bool
    private var unwrapper = SequenceUnwrapper()
    private var rtxUnwrapper = SequenceUnwrapper()
    private var buffer: [Int64: DecodedVideo.Packet] = [:]
    /// Numbers of packets without a payload: what is not sent, and need not be asked for.
    private var empty: Set<Int64> = []
    /// The first number that has not been decoded; nil before the first keyframe.
    private var next: Int64?
    private var missing = MissingPackets()
    private var statistics = ReceptionStatistics(clockRate: 90_000)
    private var blockedSince: Instant?
    private var waitingKeyframe: (position: Int64, since: Instant)?
    private var lastRequest: Instant?
    /// When it was last tried to go on.
    private var triedAt = Instant(nanoseconds: 0)

    package private(set) var decoder = DecodedVideo()
    package private(set) var holes: [Hole] = []
    package private(set) var packets = 0
    /// The newest sequence number.
    package var newest: UInt16 { UInt16(truncatingIfNeeded: unwrapper.highest ?? 0) }
    package private(set) var repaired = 0
    package private(set) var nacked = 0
    package private(set) var keyframeRequests = 0
    package private(set) var senderReports = 0
    private var clock = SenderClock(clockRate: 90_000)

    package init(_ parameters: RTPParameters) {
        ssrc = parameters.streams.first?.ssrc ?? SSRC(0)
        rtxSSRC = parameters.streams.first?.rtxSSRC
        types = PayloadTypeTable(parameters.codecs)
        repairs = parameters.codecs.contains { $0.nack }
    }

    package func owns(_ ssrc: SSRC) -> Bool { ssrc == self.ssrc || ssrc == rtxSSRC }

    package func receive(_ packet: RawSpan, _ header: RTPHeader, _ values: HeaderExtensionValues, at now: Instant) {
        var payload = packet.extracting(header.payloadOffset..<(header.payloadOffset + header.payloadLength))
        let sequence: Int64
        let codec: Codec
        if header.ssrc == ssrc {
            guard let known = types.codec(header.payloadType) else { return decoder.fault("payload type \(header.payloadType)") }
            codec = known
            sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        } else {
            guard let known = types.codec(retransmission: header.payloadType), let original = payload.uint16(at: 0) else {
                return decoder.fault("payload type \(header.payloadType) on the retransmission stream")
            }
            codec = known
            _ = rtxUnwrapper.unwrap(header.sequenceNumber.rawValue)
            sequence = unwrapper.peek(original)
            payload = payload.extracting(2...)
            repaired += 1
        }
        if payload.byteCount == 0 {
            guard header.ssrc == ssrc, sequence >= next ?? sequence else { return }
            _ = missing.note(sequence, at: now)
            statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: now, retransmitted: false)
            empty.insert(sequence)
            return advance(at: now)
        }
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload)
        guard let stamp = PayloadStamp.parse(codec, payload) else {
            return decoder.fault("packet \(sequence) is not what was sent")
        }
        packets += 1
        var entry = DecodedVideo.Packet(
            timestamp: header.timestamp, marker: header.marker, isKeyframeStart: descriptor.isKeyframeStart,
            startsFrame: descriptor.startsFrame, stamp: stamp)
        if case .vp8(let numbers) = descriptor { entry.descriptor = numbers }
        if let known = buffer[sequence] {
            if known.stamp != stamp || known.timestamp != entry.timestamp { decoder.fault("packet \(sequence) came twice and differs") }
            return
        }
        switch missing.note(sequence, at: now) {
        case .repeated: return
        case .inOrder, .gap, .filled, .overflow: break
        }
        // A report is about its own stream: what the other one repaired was lost.
        if header.ssrc == ssrc { statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: now, retransmitted: false) }
        buffer[sequence] = entry
        advance(at: now)
    }

    /// Nothing is published for a while: the time until the next frame is no freeze.
    package func pause() { decoder.pause() }

    package func noteReport(_ report: SenderReport, at now: Instant) {
        senderReports += 1
        clock.note(ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now)
    }

    /// How long after its capture the newest frame would be shown, by the server's reports: sound and picture must agree in this.
    package func displayDelay(_ wallClock: WallClock) -> Interval? {
        guard let last = decoder.last, let ntp = clock.ntp(of: last.timestamp) else { return nil }
        return ntp.since(wallClock.ntp(at: last.stamp.captured))
    }

    // MARK: Order

    package func advance(at now: Instant) {
        triedAt = now
        while let position = next, empty.remove(position) != nil { next = position + 1 }
        while let position = next, let frame = wholeFrame(at: position) {
            take(frame, at: position, afterHole: false, now)
            blockedSince = nil
            while let position = next, empty.remove(position) != nil { next = position + 1 }
        }
        guard let highest = unwrapper.highest, highest >= next ?? highest else { return }
        if blockedSince == nil { blockedSince = now }
        guard let (keyframe, since) = keyframeBehindHole(at: now), next == nil || now - since >= ReceivedVideo.patience,
            let frame = wholeFrame(at: keyframe)
        else { return }
        if let next { noteHole(next..<keyframe) }
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
        let end = position + Int64(frame.count)
        for sequence in (next ?? position)..<end { buffer[sequence] = nil }
        if next == nil { buffer = buffer.filter { $0.key >= end } }
        next = end
        if afterHole { empty = empty.filter { $0 >= end } }
        if frame[0].stamp.isKeyframe { missing.forget(before: position) }
    }

    private func noteHole(_ range: Range<Int64>) {
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

    // MARK: Feedback

    package var nextDeadline: Instant {
        var deadline = min(nextAdvance, repairs ? missing.nextDeadline : .distantFuture)
        if let blockedSince {
            deadline = min(deadline, max(blockedSince, lastRequest ?? blockedSince) + ReceivedVideo.requestInterval)
        }
        return deadline
    }

    package func handleTimeout(at now: Instant, sender: SSRC, over transport: ClientTransport, into batch: DatagramBatch) {
        advance(at: now)
        var wanted: [SequenceNumber] = []
        if repairs { _ = missing.takeDue(at: now, room: 200, into: &wanted) }
        if !wanted.isEmpty {
            nacked += wanted.count
            transport.sendRTCP(into: batch) { writer in
                ReceiverReport(ssrc: sender).write(into: &writer)
                _ = Nack.write(into: &writer, sender: sender, media: ssrc, sequences: wanted.span)
            }
        }
        if let blockedSince, max(blockedSince, lastRequest ?? blockedSince) + ReceivedVideo.requestInterval <= now {
            lastRequest = now
            keyframeRequests += 1
            transport.sendRTCP(into: batch) { writer in
                ReceiverReport(ssrc: sender).write(into: &writer)
                PictureLossIndication(sender: sender, media: ssrc).write(into: &writer)
            }
        }
    }

    package func takeReport(at now: Instant) -> ReportBlock? { statistics.reportBlock(on: ssrc, clock, at: now) }
}
