import MediaPrimitives
import RTP

/// One encoding of a publication as it is received: one SSRC (or RID) and the stream of its retransmissions.
///
/// Knows what arrived, what is missing, and where keyframes begin; keeps the payloads that subscribers are served from.
package final class Encoding {
    /// Its index within the publication.
    package let layer: Int
    /// nil for a publication of a single encoding.
    package let rid: ShortText?
    package let kind: MediaKind
    package let ring: PayloadRing
    private let codecs: PayloadTypeTable
    private let clockRate: UInt32
    private let repairs: Bool

    // Everything that changes with a packet belongs to this file's functions, which call nothing that comes back.
    @exclusivity(unchecked) package private(set) var ssrc: SSRC?
    package private(set) var rtxSSRC: SSRC?
    @exclusivity(unchecked) package private(set) var epoch: UInt32 = 0
    package private(set) var clock: SenderClock
    @exclusivity(unchecked) package var keyframes = KeyframeRequests()

    @exclusivity(unchecked) private var unwrapper = SequenceUnwrapper()
    @exclusivity(unchecked) private var statistics: ReceptionStatistics
    private var rtxUnwrapper = SequenceUnwrapper()
    private var rtxStatistics: ReceptionStatistics
    @exclusivity(unchecked) private var missing: MissingPackets
    @exclusivity(unchecked) var activity = EncodingActivity()
    @exclusivity(unchecked) private var observer = LayerObserver()
    /// The newest keyframe, and whether all that followed it is in the ring.
    @exclusivity(unchecked) private var run = KeyframeRun()
    @exclusivity(unchecked) var rates = LayerRates()
    /// Whether its publisher was told to send it.
    var supply = EncodingSupply()
    /// H.264: `a=fmtp` has brought the parameter sets.
    private let hasParameterSetsOutOfBand: Bool
    /// H.264: a sequence parameter set has come in the stream.
    private var sendsParameterSets = false

    /// `parameters` is the section that it came by. One that is relayed from another worker is repaired there, and asks for no packets here.
    package init(layer: Int, rid: String?, parameters: RTPParameters, isRelayed: Bool = false) {
        self.layer = layer
        self.rid = rid.flatMap { ShortText($0) }
        kind = parameters.kind
        codecs = PayloadTypeTable(parameters.codecs)
        clockRate = parameters.kind == .audio ? 48_000 : 90_000
        repairs = !isRelayed && parameters.codecs.contains { $0.nack }
        hasParameterSetsOutOfBand = parameters.codecs.contains { $0.codec == .h264 && $0.format.hasFormatParameter("sprop-parameter-sets") }
        // Two seconds of video at 2.5 Mbit/s, and as much of audio.
        ring = PayloadRing(capacity: parameters.kind == .audio ? 128 : 512)
        clock = SenderClock(clockRate: clockRate)
        statistics = ReceptionStatistics(clockRate: clockRate)
        rtxStatistics = ReceptionStatistics(clockRate: clockRate)
        missing = MissingPackets()
    }

    /// What one packet turned out to be.
    package enum Reception {
        /// New media.
        case media(MediaPacket)
        /// A number without a payload (padding to probe with): subscribers leave it out.
        case padding(sequence: Int64)
        /// Received before, or nothing but padding of the retransmission stream.
        case nothing
        /// Not of a negotiated payload type, or malformed inside.
        case invalid
    }

    /// A repair of a packet that has not come is one of its near future, which overtook it.
    private static let farthestRepair: Int64 = 512

    /// Takes `ssrc` as the encoding's media stream. Another one than before begins a new epoch: all numbers start anew.
    package func bind(_ ssrc: SSRC) {
        guard self.ssrc != ssrc else { return }
        if self.ssrc != nil {
            epoch &+= 1
            unwrapper = SequenceUnwrapper()
            statistics = ReceptionStatistics(clockRate: clockRate)
            missing = MissingPackets()
            clock = SenderClock(clockRate: clockRate)
            observer = LayerObserver()
            run = KeyframeRun()
        }
        self.ssrc = ssrc
    }

    /// Takes `ssrc` as the stream of its retransmissions (RFC 4588 §4, SSRC multiplexing).
    package func bind(retransmission ssrc: SSRC) {
        guard rtxSSRC != ssrc else { return }
        rtxSSRC = ssrc
        rtxUnwrapper = SequenceUnwrapper()
        rtxStatistics = ReceptionStatistics(clockRate: clockRate)
    }

    /// Packets were left out on purpose, any number of them: whatever `sequence` is, the packet that bears it is the next.
    package func resumeNumbers(at sequence: SequenceNumber) {
        guard let highest = unwrapper.highest else { return }
        let ahead = Int64(sequence.rawValue &- UInt16(truncatingIfNeeded: highest))
        unwrapper.highest = highest &+ (ahead == 0 ? 0x1_0000 : ahead) &- 1
        missing = MissingPackets()
        run = KeyframeRun()
    }

    /// A packet of the media stream. `payload` is what follows the header, without padding; `descriptor` its dependency descriptor.
    package func receive(
        _ header: RTPHeader, _ values: HeaderExtensionValues, payload: UnsafeRawBufferPointer,
        descriptor: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), at now: Instant
    ) -> Reception {
        guard let codec = codecs.codec(header.payloadType) else { return .invalid }
        let sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        return accept(
            header, values, sequence: sequence, codec: codec, payload: payload, descriptor: descriptor, retransmitted: false, at: now)
    }

    /// A packet of the retransmission stream: the original one is unwrapped from it (RFC 4588 §4).
    package func receive(
        retransmission header: RTPHeader, _ values: HeaderExtensionValues, payload: UnsafeRawBufferPointer,
        descriptor: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), at now: Instant
    ) -> Reception {
        guard let codec = codecs.codec(retransmission: header.payloadType) else { return .invalid }
        rtxStatistics.note(
            sequence: rtxUnwrapper.unwrap(header.sequenceNumber.rawValue), timestamp: header.timestamp, arrival: now, retransmitted: true)
        // An empty one is padding to probe with; before the first media packet there is nothing to repair.
        guard let highest = unwrapper.highest, let original = payload.bytes.uint16(at: 0), payload.count > 2 else { return .nothing }
        let rest = UnsafeRawBufferPointer(rebasing: payload[2...])
        let sequence = unwrapper.peek(original)
        // What lies so far ahead is a repair of a stream that has ended: taken, it would make repetitions of all that comes.
        guard sequence <= highest &+ Encoding.farthestRepair else { return .nothing }
        return accept(
            header, values, sequence: sequence, codec: codec, payload: rest, descriptor: descriptor, retransmitted: true,
            at: now)
    }

    @inline(__always)
    private func accept(
        _ header: RTPHeader, _ values: HeaderExtensionValues, sequence: Int64, codec: Codec, payload: UnsafeRawBufferPointer,
        descriptor dependencies: UnsafeRawBufferPointer, retransmitted: Bool, at now: Instant
    ) -> Reception {
        var isLate = false
        switch missing.note(sequence, at: now) {
        case .repeated: return .nothing
        case .overflow: if kind == .video { keyframes.want(at: now) }
        case .filled: isLate = true
        case .inOrder, .gap: break
        }
        statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: now, retransmitted: retransmitted)
        if payload.isEmpty {
            run.notePadding(sequence)
            return .padding(sequence: sequence)
        }
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload.bytes)
        let isVideo = codec.kind == .video
        if codec == .red, let refused = refusal(of: descriptor, payload, sequence) { return refused }
        let layers =
            isVideo
            ? observer.observe(descriptor, descriptor: dependencies, timestamp: header.timestamp, isLate: isLate) : PacketLayers.single
        var facts = PayloadFacts()
        facts.timestamp = header.timestamp
        facts.codec = codec
        facts.marker = header.marker
        facts.audioLevel = values.audioLevel
        facts.voiceActivity = values.voiceActivity
        var stored = UnsafeRawBufferPointer(start: nil, count: 0)
        if let known = layers.descriptor {
            facts.descriptorLength = known.pointee.length
            facts.layout = known.pointee.layout
            stored = dependencies
        }
        guard let reference = ring.store(payload, facts, sequence: UInt16(truncatingIfNeeded: sequence), descriptor: stored) else {
            return .invalid
        }
        activity.note(bytes: payload.count, endsFrame: header.marker, isLate: isLate, at: now)
        if isVideo, observer.hasLayers { rates.note(payload.count, spatial: layers.spatialID, temporal: layers.temporalID, at: now) }
        var isSwitchPoint = !isVideo
        if isVideo, startsKeyframe(descriptor, layers) {
            isSwitchPoint = !isLate
            if isLate {
                keyframes.keyframeMissed(at: now)
            } else {
                keyframes.keyframeArrived()
                run.begin(sequence, at: reference, timestamp: header.timestamp, now)
            }
            missing.forget(before: sequence)
            let height = observer.height(layers)
            if height > 0 { activity.height = height } else if let size = descriptor.size { activity.height = Int(size.height) }
        }
        return .media(
            MediaPacket(
                payload: reference, sequence: sequence, timestamp: header.timestamp, marker: header.marker, codec: codec,
                descriptor: descriptor, audioLevel: values.audioLevel, voiceActivity: values.voiceActivity, arrival: now, layer: layer,
                epoch: epoch, isSwitchPoint: isSwitchPoint, layers: layers))
    }

    /// What becomes of redundant audio that is not forwarded: the primary must be Opus, for whoever takes that alone.
    private func refusal(of descriptor: PayloadDescriptor, _ payload: UnsafeRawBufferPointer, _ sequence: Int64) -> Reception? {
        guard case .redundant(let audio) = descriptor, codecs.codec(audio.primaryType) == .opus else { return .invalid }
        return audio.primaryOffset == payload.count ? .padding(sequence: sequence) : nil
    }

    /// Whether a keyframe begins here. H.264 is entered where its parameter sets are, not at the IDR picture behind them, unless they were told
    /// out of band (RFC 6184 §8.1) and none has come in the stream.
    private func startsKeyframe(_ descriptor: PayloadDescriptor, _ layers: PacketLayers) -> Bool {
        if let facts = layers.descriptor, facts.pointee.tellsKeyframes { return facts.pointee.bringsStructure }
        guard case .h264(let h264) = descriptor else { return descriptor.isKeyframeStart }
        if h264.hasSequenceParameterSet { sendsParameterSets = true }
        return h264.hasSequenceParameterSet || (h264.startsIDR && hasParameterSetsOutOfBand && !sendsParameterSets)
    }

    // MARK: From the newest keyframe on

    /// When the keyframe came with which a subscriber can begin at once, as all that has followed it is here and is short; nil where none can.
    package func beginning(at now: Instant) -> Instant? {
        guard let highest = unwrapper.highest, let lastArrival = activity.lastArrival else { return nil }
        return run.isShort(until: highest, in: ring, lastArrival: lastArrival, at: now) ? run.began : nil
    }

    /// Whether one could so if nothing were missing.
    package func isNearKeyframe(at now: Instant) -> Bool { run.isYoung(at: now) }

    /// What such a subscriber is sent; nil where none can.
    package func replay(at now: Instant) -> KeyframeReplay? {
        guard beginning(at: now) != nil, let highest = unwrapper.highest, let lastArrival = activity.lastArrival else { return nil }
        return KeyframeReplay(
            run, until: highest, lastArrival: lastArrival, in: ring, like: observer, layer: layer, epoch: epoch)
    }

    /// A sender report for the media stream.
    package func noteReport(ntp: NTPTime, timestamp: UInt32, at now: Instant) { clock.note(ntp: ntp, timestamp: timestamp, at: now) }

    /// The publisher says goodbye to `ssrc`: the encoding counts as dead until something arrives again.
    package func noteGoodbye(_ ssrc: SSRC) {
        if ssrc == self.ssrc { activity = EncodingActivity() }
    }

    /// Nothing has come for several frames, though `others` of the same publication have come all the time: the publisher has ended it.
    package func hasEnded(among others: [Encoding], at now: Instant) -> Bool {
        guard let since = activity.silence(at: now) else { return false }
        return others.contains { $0 !== self && $0.activity.hasFlowed(since: since, at: now) }
    }

    /// When it will have ended if nothing comes any more; never, before anything is known of it.
    package var earliestEnd: Instant { activity.silenceBegin ?? .distantFuture }

    /// Where the selector's view comes from. Where the size of another one is not known, all are compared by rate.
    package func state(at now: Instant, comparesSizes: Bool = true) -> LayerState {
        LayerState(isLive: activity.isLive(at: now), quality: comparesSizes ? activity.quality : activity.qualityByRate)
    }

    /// A keyframe has told its lines, or nothing comes that would have to be ranked.
    package func hasSize(at now: Instant) -> Bool { activity.height > 0 || !activity.isLive(at: now) }

    /// Its layers as steps of quality, ascending, and what each takes in bits of payload a second: temporal ones of the lowest spatial layer, where
    /// `thinsOut`, and then spatial ones. The last is everything; its rate is nil while it has not been measured.
    package func steps(thinsOut: Bool, at now: Instant) -> [(target: LayerTarget, rate: Int?)] {
        let (spatial, temporal) = (Int(observer.maximumSpatial), Int(observer.maximumTemporal))
        guard let encoding = Int8(exactly: layer) else { return [] }
        var steps: [(target: LayerTarget, rate: Int?)] = []
        if thinsOut {
            for level in 0..<temporal {
                steps.append((LayerTarget(encoding: encoding, spatial: 0, temporal: Int8(level)), rates.rate(spatial: 0, temporal: level)))
            }
        }
        for level in 0..<spatial {
            steps.append((LayerTarget(encoding: encoding, spatial: Int8(level)), rates.rate(spatial: level, temporal: temporal)))
        }
        // What is said of no rate yet is no step.
        steps.removeAll { $0.rate == 0 }
        let rate = max(averageBitrate, supply.expectedRate(at: now))
        steps.append((LayerTarget(encoding: encoding), rate > 0 ? rate : nil))
        return steps
    }

    /// The highest layers inside it that have been seen; 0 where there is but one.
    package var maximumLayers: (spatial: UInt8, temporal: UInt8) { (observer.maximumSpatial, observer.maximumTemporal) }

    /// Its last packet was the first of all, or the first after a silence.
    package var hasBegun: Bool { activity.hasBegun }

    /// Bits per second of payload, smoothed over a few seconds.
    package var averageBitrate: Int { activity.bitsPerSecond }

    /// What headers take beside the payload, as a share of it.
    package var overhead: Double { activity.overhead }

    /// Packets of the media stream expected and lost on their way since this was last asked.
    package func takeLoss() -> (expected: Int64, lost: Int64) { statistics.takeLoss() }

    // MARK: Feedback to the publisher

    /// When this encoding next has something to ask of its publisher; never before its stream is known, as nobody could be asked about it.
    package var nextDeadline: Instant {
        guard ssrc != nil else { return .distantFuture }
        return min(repairs ? missing.nextDeadline : .distantFuture, keyframes.nextDeadline)
    }

    /// The way to its publisher and back takes so long.
    package func note(roundTrip: Interval) { missing.note(roundTrip: roundTrip) }

    /// Sequence numbers to ask for again, at most `room`; what was given up becomes the wish for a keyframe.
    package func takeMissing(at now: Instant, room: Int, into requested: inout [SequenceNumber]) {
        guard repairs else { return }
        if missing.takeDue(at: now, room: room, wait: statistics.wait, into: &requested), kind == .video { keyframes.want(at: now) }
    }

    /// Nobody is sent it: what is missing of it by now is not asked for. Whoever begins with it does so at a keyframe, behind all of that.
    package func forgoMissing(at now: Instant) { missing.forgo(at: now) }

    /// The report blocks about its streams: media, and retransmissions where any arrived.
    package func takeReportBlocks(at now: Instant, into blocks: inout [ReportBlock]) {
        if let ssrc, statistics.hasPackets {
            let report = statistics.takeReport()
            let sinceReport = clock.lastReport.map { now - $0.arrival }
            blocks.append(
                ReportBlock(
                    ssrc: ssrc, fractionLost: report.fractionLost, cumulativeLost: report.cumulativeLost,
                    highestSequence: report.highestSequence, jitter: report.jitter, lastSenderReport: clock.lastReport?.middle ?? 0,
                    delaySinceLastSenderReport: sinceReport.map { shortNTP($0) } ?? 0))
        }
        if let rtxSSRC, rtxStatistics.hasPackets {
            let report = rtxStatistics.takeReport()
            blocks.append(
                ReportBlock(
                    ssrc: rtxSSRC, fractionLost: report.fractionLost, cumulativeLost: report.cumulativeLost,
                    highestSequence: report.highestSequence, jitter: report.jitter, lastSenderReport: 0, delaySinceLastSenderReport: 0))
        }
    }
}

extension String {
    /// Whether an `a=fmtp` value names `parameter`.
    fileprivate func hasFormatParameter(_ parameter: String) -> Bool {
        split(separator: ";").contains { $0.drop { $0 == " " }.lowercased().hasPrefix(parameter + "=") }
    }
}

/// An interval in units of 1/65536 s, as DLSR has it (RFC 3550 §6.4.1).
private func shortNTP(_ interval: Interval) -> UInt32 {
    UInt32(clamping: max(0, interval.nanoseconds) / 1_000 &* 65_536 / 1_000_000)
}
