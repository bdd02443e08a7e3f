import Forwarding
import HeadlessClients
import MediaPrimitives
import RTP

/// One section that a client receives. Most clients only count: the RTP header is in the clear, so that a packet costs no decryption. They look into
/// one of 256 packets, which tells how late it is and what was published before it, and keeps the rollover counter known; and into all while they wait
/// for a picture to begin. Those that verify decrypt everything, and play it to a decoder.
package final class ReceivedTrack {
    private static let requestInterval = Interval.milliseconds(500)
    private static let samplingMask: Int64 = 255

    package let mid: String
    package let kind: MediaKind
    package let ssrc: SSRC
    package let rtxSSRC: SSRC?
    /// What the server calls it.
    package let trackID: String?
    private var types: PayloadTypeTable
    private let repairs: Bool

    // What came.
    package private(set) var packets: UInt64 = 0
    package private(set) var bytes: UInt64 = 0
    package private(set) var duplicates: UInt64 = 0
    package private(set) var repaired: UInt64 = 0
    /// What the server probes with: on the retransmission stream, without a payload or with one that was there.
    package private(set) var padding: UInt64 = 0
    package private(set) var nacked: UInt64 = 0
    package private(set) var keyframeRequests: UInt64 = 0
    private var firstArrival: Instant?
    package private(set) var lastArrival: Instant?
    /// The first whole picture that a decoder can begin with.
    package private(set) var firstFrame: Instant?
    package private(set) var faults: [String] = []
    private var unwrapper = SequenceUnwrapper()
    /// The lowest number that came, the one that came first, and those below it that came later.
    private var first: Int64?
    private var begin: Int64?
    private var early: Set<Int64> = []
    private static let earlyLimit = 256
    private var missing = MissingPackets()
    private var statistics: ReceptionStatistics
    private var clock: SenderClock
    private var freezes = FreezeMeter()

    /// A packet that was looked into.
    package struct Sample: Sendable {
        package var sequence: Int64
        package var stamp: PayloadStamp
    }
    package private(set) var lastSample: Sample?

    // The layer that was asked for.
    private var wanted: (layer: UInt8, since: Instant, isReached: Bool)?
    private var layersAsked: UInt64 = 0
    private var layersReached: UInt64 = 0
    private var wrongLayer: UInt64 = 0

    // While no picture has begun: how much of a keyframe is there.
    private var isSeeking: Bool
    private var soughtSince: Instant?
    private var recent: [Int64: Recent] = [:]
    private struct Recent {
        var timestamp: UInt32
        var marker: Bool
        var isKeyframeStart: Bool
    }
    private static let recentLimit = 512

    /// Of one stream: what a forwarder leaves out has no numbers, so that those of a publisher tell nothing of the end.
    private let hasLayers: Bool
    private var reader: PayloadReader
    private let video: ReceivedVideo?

    package convenience init?(_ parameters: RTPParameters, trackID: String?, verifies: Bool, recordings: SentRecordings? = nil) {
        self.init(ReceivingPlan(parameters: parameters, trackID: trackID, recordings: recordings), verifies: verifies)
    }

    init?(_ plan: ReceivingPlan, verifies: Bool) {
        let parameters = plan.parameters
        guard let stream = parameters.streams.first else { return nil }
        mid = parameters.mid
        kind = parameters.kind
        ssrc = stream.ssrc
        rtxSSRC = stream.rtxSSRC
        trackID = plan.trackID
        reader = PayloadReader(plan.recordings, kind: parameters.kind, from: plan.source)
        types = PayloadTypeTable(parameters.codecs)
        repairs = parameters.kind == .video && parameters.codecs.contains { $0.nack }
        statistics = ReceptionStatistics(clockRate: parameters.kind == .audio ? 48_000 : 90_000)
        clock = SenderClock(clockRate: parameters.kind == .audio ? 48_000 : 90_000)
        isSeeking = parameters.kind == .video
        video = verifies && parameters.kind == .video ? ReceivedVideo(parameters, reader: reader, temporalLayers: plan.temporalLayers) : nil
        hasLayers = plan.spatialLayers > 1 || plan.temporalLayers > 1
        self.verifies = verifies
    }

    package let verifies: Bool

    // MARK: Counting

    /// Whether a packet must be decrypted.
    package func wantsToRead(_ header: RTPHeader) -> Bool {
        verifies || isSeeking || wanted?.isReached == false || header.ssrc != ssrc || first == nil
            || unwrapper.peek(header.sequenceNumber.rawValue) & ReceivedTrack.samplingMask == 0
    }

    /// Takes a packet that is not looked into.
    package func count(_ header: RTPHeader, length: Int, at arrival: Instant) {
        _ = note(unwrapper.unwrap(header.sequenceNumber.rawValue), header, length: length, at: arrival)
    }

    /// What became of a number; false if it had come before.
    private func note(_ sequence: Int64, _ header: RTPHeader, length: Int, at arrival: Instant) -> Bool {
        bytes &+= UInt64(length)
        let wasWhole = missing.isEmpty
        switch missing.note(sequence, at: arrival) {
        case .repeated:
            // Nothing is missed of what lies before the first that came: what comes of it late is new all the same.
            guard let begin, sequence < begin, early.count < ReceivedTrack.earlyLimit, early.insert(sequence).inserted else {
                if header.ssrc == ssrc { duplicates &+= 1 } else { padding &+= 1 }
                return false
            }
        case .inOrder, .gap, .filled: break
        case .overflow: seek(at: arrival)
        }
        packets &+= 1
        begin = begin ?? sequence
        first = min(first ?? sequence, sequence)
        firstArrival = firstArrival ?? arrival
        lastArrival = arrival
        if header.ssrc == ssrc {
            statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: arrival, retransmitted: false)
        }
        if kind == .video, !isSeeking, missing.isEmpty, header.marker || !wasWhole { freezes.noteFrame(at: arrival) }
        return true
    }

    // MARK: Reading

    /// Takes a packet in the clear; `delays` learns how late it is, `switches` how long a layer was waited for.
    package func read(
        _ packet: RawSpan, _ header: RTPHeader, _ values: HeaderExtensionValues, at arrival: Instant, delays: inout Histogram,
        switches: inout Histogram
    ) {
        var payload = packet.extracting(header.payloadOffset..<(header.payloadOffset + header.payloadLength))
        guard header.payloadLength > 0 else {
            if header.ssrc == ssrc { count(header, length: packet.byteCount, at: arrival) } else { notePadding(packet.byteCount) }
            return
        }
        let sequence: Int64
        let codec: Codec?
        if header.ssrc == ssrc {
            codec = types.codec(header.payloadType)
            sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        } else {
            codec = types.codec(retransmission: header.payloadType)
            guard let original = payload.uint16(at: 0) else { return fault("a retransmission without a number") }
            sequence = unwrapper.peek(original)
            payload = payload.extracting(2...)
            guard payload.byteCount > 0 else { return notePadding(packet.byteCount) }
        }
        guard let codec else { return fault("payload type \(header.payloadType)") }
        guard note(sequence, header, length: packet.byteCount, at: arrival) else { return }
        if header.ssrc != ssrc { repaired &+= 1 }
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload)
        if isSeeking { seek(sequence, header, descriptor, at: arrival) }
        video?.receive(packet, header, values, at: arrival)
        guard let (stamp, sent) = reader.read(codec, payload, sequence: sequence, at: arrival) else {
            fault("packet \(sequence) is not what was published")
            return
        }
        lastSample = Sample(sequence: sequence, stamp: stamp)
        // What had been sent before anything came is history that a joiner may begin with: it is late on purpose.
        if header.ssrc == ssrc, let firstArrival, sent >= firstArrival { delays.add(arrival - sent) }
        if kind == .audio {
            if let level = values.audioLevel, level != stamp.layer { fault("a wrong audio level") }
        } else if let wanted {
            if stamp.layer == wanted.layer {
                if !wanted.isReached {
                    layersReached &+= 1
                    switches.add(arrival - wanted.since)
                    self.wanted?.isReached = true
                }
            } else if wanted.isReached, header.ssrc == ssrc {
                wrongLayer &+= 1
            }
        }
    }

    /// Numbers of the retransmission stream are not the media's.
    private func notePadding(_ length: Int) {
        padding &+= 1
        bytes &+= UInt64(length)
    }

    package func fault(_ sentence: String) { if faults.count < 20 { faults.append(sentence) } }

    package func noteReport(_ report: SenderReport, at now: Instant) {
        clock.note(ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now)
        video?.noteReport(report, at: now)
    }

    // MARK: Pictures

    private func seek(at now: Instant) {
        isSeeking = kind == .video
        soughtSince = nil
        recent = [:]
    }

    private func seek(_ sequence: Int64, _ header: RTPHeader, _ descriptor: PayloadDescriptor, at now: Instant) {
        if soughtSince == nil { soughtSince = now }
        if recent.count >= ReceivedTrack.recentLimit { recent = [:] }
        recent[sequence] = Recent(timestamp: header.timestamp, marker: header.marker, isKeyframeStart: descriptor.isKeyframeStart)
        // The frame that this packet is of may be a whole keyframe now, whichever of its packets came last.
        var start = sequence
        while recent[start]?.isKeyframeStart == false, recent[start - 1]?.timestamp == header.timestamp { start -= 1 }
        guard recent[start]?.isKeyframeStart == true else { return }
        var end = sequence
        while let packet = recent[end], !packet.marker, recent[end + 1]?.timestamp == header.timestamp { end += 1 }
        guard recent[end]?.marker == true else { return }
        isSeeking = false
        recent = [:]
        firstFrame = firstFrame ?? now
        missing.forget(before: start)
        freezes.noteFrame(at: now)
    }

    /// Whose packets it gets.
    package var source: UInt16? { lastSample?.stamp.source }

    /// From here on another layer is right.
    package func want(layer: UInt8, at now: Instant) {
        guard wanted?.layer != layer else { return }
        wanted = (layer, now, false)
        layersAsked &+= 1
    }

    /// Nothing is published for a while: the time until the next picture is no freeze.
    package func pause() {
        freezes.pause()
        video?.pause()
    }

    // MARK: Feedback

    package var nextDeadline: Instant {
        guard kind == .video else { return .distantFuture }
        if let video { return video.nextDeadline }
        let request = isSeeking ? soughtSince.map { $0 + ReceivedTrack.requestInterval } ?? .distantFuture : .distantFuture
        return min(request, repairs ? missing.nextDeadline : .distantFuture)
    }

    package func handleTimeout(at now: Instant, sender: SSRC, over transport: ClientTransport, into batch: DatagramBatch) {
        guard kind == .video else { return }
        if let video {
            if video.nextDeadline <= now { video.handleTimeout(at: now, sender: sender, over: transport, into: batch) }
            return
        }
        if repairs, missing.nextDeadline <= now {
            var wanted: [SequenceNumber] = []
            // What was given up leaves a picture that refers to nothing.
            if missing.takeDue(at: now, room: 200, into: &wanted) { seek(at: now) }
            if !wanted.isEmpty {
                nacked &+= UInt64(wanted.count)
                transport.sendRTCP(into: batch) { writer in
                    ReceiverReport(ssrc: sender).write(into: &writer)
                    _ = Nack.write(into: &writer, sender: sender, media: ssrc, sequences: wanted.span)
                }
            }
        }
        if isSeeking, let since = soughtSince, since + ReceivedTrack.requestInterval <= now {
            soughtSince = now
            keyframeRequests &+= 1
            transport.sendRTCP(into: batch) { writer in
                ReceiverReport(ssrc: sender).write(into: &writer)
                PictureLossIndication(sender: sender, media: ssrc).write(into: &writer)
            }
        }
    }

    package func takeReport(at now: Instant) -> ReportBlock? { statistics.reportBlock(on: ssrc, clock, at: now) }

    // MARK: Outcome

    package func outcome() -> TrackOutcome {
        let expected = first.map { UInt64(max(0, (unwrapper.highest ?? $0) - $0 + 1)) } ?? 0
        let meter = video?.decoder.freezes ?? freezes
        var outcome = TrackOutcome(kind: kind, expected: expected, received: packets, bytes: bytes)
        outcome.duplicates = duplicates
        outcome.repaired = repaired
        outcome.padding = padding
        outcome.nacked = nacked + UInt64(video?.nacked ?? 0)
        outcome.keyframeRequests = keyframeRequests + UInt64(video?.keyframeRequests ?? 0)
        outcome.layersAsked = layersAsked
        outcome.layersReached = layersReached
        outcome.wrongLayer = wrongLayer
        outcome.freezes = meter.count
        outcome.freezeTime = meter.duration
        outcome.faults = faults + (video?.decoder.faults ?? [])
        if !hasLayers || kind == .audio, let last = lastSample, let highest = unwrapper.highest {
            // Numbers behind the sample were given to what was published behind it.
            outcome.last = TrackOutcome.Last(
                source: last.stamp.source, kind: kind, layer: last.stamp.layer,
                ordinal: UInt64(last.stamp.ordinal) + UInt64(max(0, highest - last.sequence)))
        }
        return outcome
    }
}
