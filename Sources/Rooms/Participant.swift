import Congestion
import Forwarding
import MediaPrimitives
import RTP
import Transports

/// Somebody in a room: one transport, the publications that come in by it and the subscriptions that go out by it.
package final class Participant {
    private static let reportInterval = Interval.seconds(1)

    // Sending needs these: they lie together.
    /// Its place in the unit's table, and its key for deadlines and departures.
    let slot: Int
    let transport: Transport
    /// What was sent to it lately of streams that are repaired without RTX; nil where none are.
    @exclusivity(unchecked) var repeats: SealedRepeats?  // Set when something was negotiated.
    /// Some of those are of pictures. Beside it, for most have only sound there, and need not look.
    @exclusivity(unchecked) var repeatsPictures = false
    @exclusivity(unchecked) var downlink: Downlink  // Asked and told; it calls nobody.

    let id: ParticipantID
    let identity: String
    let isHidden: Bool
    let room: String
    /// By the place that `streams` gives their sections; nil where a section is gone.
    @exclusivity(unchecked)  // Changed when something was negotiated, or the participant goes.
    var publications: [Publication?] = [] {
        didSet { routes.removeAll() }
    }
    var subscriptions: [Subscription] = []
    /// The streams of sections that are gone, by mid: should one come back, its numbers go on.
    var restingStreams: [String: SendStream] = [:]
    /// Every path under which the unit finds this participant.
    var paths: [Path] = []
    /// Its datagrams in the unit's queue of handshakes.
    var handshakesWaiting = 0
    /// User fragments under which the unit finds this participant.
    var ufrags: [String]

    /// The extension ids of what it sends, the same in all its sections (RFC 8843 §9.1).
    @exclusivity(unchecked) var receivedExtensions = HeaderExtensionMap()
    @exclusivity(unchecked)  // Asked and told; it calls nobody.
    var streams = StreamTable([]) {
        didSet { routes.removeAll() }
    }
    @exclusivity(unchecked) private var routes = IncomingRoutes()
    @exclusivity(unchecked) var arrivals: ArrivalLog?  // Told of each packet; it calls nobody.
    /// When something authentic last came.
    @exclusivity(unchecked) var lastArrival: Instant  // Set once a packet; nothing is called meanwhile.
    private var quality = LinkQualityMeter()
    private(set) var clockOffset = ClockOffset()
    /// Who we are in feedback to it.
    let feedbackSSRC: SSRC
    let cname: String
    private var feedbackCount: UInt8 = 0
    var roundTripReports = RoundTripReports()
    private var nextReport = Instant.distantFuture
    private(set) var lastReport: Instant?
    /// Reports are no closer together than this, however often encodings change.
    private static let shortestReportInterval = Interval.milliseconds(100)
    /// When the subscriptions' shares are next looked at, were last, and for which estimate.
    var nextAllocation = Instant.distantFuture
    var lastAllocation = Instant(nanoseconds: 0)
    var allocatedFor = Bitrate.zero
    var allocation = Allocation()
    /// What was shared out may have its publishers asked for something.
    var wantsPublishers = false

    /// Without media: that comes with `configure`.
    init(
        id: ParticipantID, slot: Int, parameters: ParticipantParameters, transport: Transport, isControlled: Bool, at now: Instant,
        entropy: Entropy
    ) {
        self.id = id
        downlink = Downlink(isControlled: isControlled)
        self.slot = slot
        self.transport = transport
        room = parameters.room
        identity = parameters.identity
        isHidden = parameters.hidden
        ufrags = [parameters.transport.local.ufrag]
        lastArrival = now
        feedbackSSRC = entropy.ssrc()
        cname = parameters.cname
    }

    /// The transport is up: media may flow, and reports begin.
    func start(at now: Instant) {
        nextReport = now + .milliseconds(200)
        quality.start(at: now)
        nextAllocation = now
        for subscription in subscriptions { start(subscription, at: now) }
    }

    /// Another encoding has begun: how its timestamps lie in time is told soon, for sound to stay with the picture.
    func reportSoon(at now: Instant) {
        guard nextReport != .distantFuture else { return }
        nextReport = min(nextReport, max(now, lastReport.map { $0 + Participant.shortestReportInterval } ?? now))
    }

    /// What it is sent begins, or begins to be something else: its share is found at once.
    func start(_ subscription: Subscription, at now: Instant) {
        subscription.awaitsShare = downlink.isControlled && subscription.stream.kind == .video
        subscription.start(at: now)
    }

    /// When its transport, its publications or its reports next want attention; `downlink` has a deadline of its own.
    var nextDeadline: Instant {
        // Nothing else is served before the transport is up (media may come by a path that is valid and not yet nominated); a deadline that
        // is due and not served would have the worker spin.
        guard transport.isConnected else { return transport.nextDeadline }
        var deadline = min(
            transport.nextDeadline, nextReport, nextAllocation, quality.nextDeadline, arrivals?.nextDeadline ?? .distantFuture)
        for publication in publications { if let publication { deadline = min(deadline, publication.nextDeadline) } }
        return deadline
    }

    /// The part of `nextDeadline` that a packet of `encoding` can bring forward.
    func nextDeadline(afterPacketOf encoding: Encoding, of publication: Publication) -> Instant {
        min(encoding.nextDeadline, publication.speechDeadline, arrivals?.nextDeadline ?? .distantFuture)
    }

    /// The encoding that an SSRC of its has been found to be of; nil, too, when its section is gone.
    func encoding(_ binding: StreamBinding) -> Encoding? { publications[binding.publication]?.encodings[binding.layer] }

    /// Where packets of `ssrc` go, if it is bound to a section that is there.
    @inline(__always)
    func route(of ssrc: SSRC) -> Route? { routes.route(of: ssrc) ?? findRoute(of: ssrc) }

    @inline(never)
    private func findRoute(of ssrc: SSRC) -> Route? {
        guard let binding = streams.binding(of: ssrc), let publication = publications[binding.publication] else { return nil }
        let route = Route(
            ssrc: ssrc, binding: binding, publication: .passUnretained(publication),
            encoding: .passUnretained(publication.encodings[binding.layer]))
        routes.note(route)
        return route
    }

    /// Notes the arrival of whatever bears a transport-wide number.
    func noteArrival(_ values: HeaderExtensionValues, at arrival: Instant) {
        if let sequence = values.transportSequence { arrivals?.note(sequence, at: arrival) }
    }

    /// A sender report about one of its streams.
    func noteReport(_ report: SenderReport, at now: Instant, clock: WallClock) {
        guard let binding = streams.binding(of: report.ssrc), !binding.isRetransmission else { return }
        encoding(binding)?.noteReport(ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now)
        if report.ntpTime.rawValue != 0 { clockOffset.note(remote: report.ntpTime, local: clock.ntp(at: now), at: now) }
    }

    /// An extended report: the round trip to whoever sends to us sets how soon what is missing is asked for again.
    func note(_ report: ExtendedReport, in bytes: RawSpan, at now: Instant, clock: WallClock) {
        guard
            let roundTrip = roundTripReports.note(report, in: bytes, us: feedbackSSRC, at: now, ntp: clock.ntp(at: now))
        else { return }
        for case .some(let publication) in publications {
            for encoding in publication.encodings { encoding.note(roundTrip: roundTrip) }
        }
    }

    /// The blocks of a report, 31 at most, about the streams that it is sent.
    func noteReports(_ blocks: ReportBlocks, in bytes: RawSpan, at now: Instant, clock: WallClock) {
        var (packets, lost) = (0, 0)
        var roundTrip: Interval?
        for index in 0..<blocks.count {
            guard let block = blocks.block(index, in: bytes), let subscription = noteReport(block) else { continue }
            roundTrip = block.roundTrip(at: clock.ntp(at: now)) ?? roundTrip
            if let progress = subscription.progress.note(block) {
                packets &+= progress.packets
                lost &+= progress.lost
            }
        }
        downlink.noteReport(packets: packets, lost: lost, roundTrip: roundTrip, at: now)
    }

    /// A report block about one of the streams that it is sent.
    private func noteReport(_ block: ReportBlock) -> Subscription? {
        guard let subscription = subscriptions.first(where: { $0.stream.ssrc == block.ssrc }) else { return nil }
        // How many packets it speaks of is for us to say: a second report about the same ones has no weight.
        let sent = subscription.stream.packetsSent
        quality.noteDown(expected: Int64(sent &- subscription.sentAtReport), fractionLost: block.fractionLost)
        subscription.sentAtReport = sent
        return subscription
    }

    // MARK: What is due

    func handleTimeout(
        at now: Instant, clock: WallClock, offset: (Publication) -> ClockOffset?, into batch: DatagramBatch, counters: inout Counters,
        events: inout [RoomEvent]
    ) {
        transport.handleTimeout(at: now, into: batch)
        guard transport.isConnected else { return }
        if nextAllocation <= now { allocate(at: now, &events) }
        if quality.nextDeadline <= now { judge(at: now, &events) }
        for case .some(let publication) in publications {
            publication.handleTimeout(at: now)
            if let level = publication.noticeSilence(at: now) { events.append(.speaking(id, track: publication.track, level: level)) }
            let isReduced = publication.parameters.reducedSizeRTCP
            for encoding in publication.encodings {
                ask(about: encoding, of: publication, isReduced, at: now, into: batch, counters: &counters)
            }
        }
        if let arrivals, arrivals.nextDeadline <= now { sendArrivals(at: now, into: batch, counters: &counters) }
        if nextReport <= now {
            nextReport = now + Participant.reportInterval
            lastReport = now
            sendReceiverReport(at: now, into: batch, counters: &counters)
            sendRoundTripReport(at: now, clock: clock, into: batch, counters: &counters)
            for subscription in subscriptions {
                guard let publication = subscription.publication, let offset = offset(publication) else { continue }
                sendSenderReport(
                    about: subscription, from: publication, offset, at: now, clock: clock, into: batch, counters: &counters)
            }
        }
    }

    private func judge(at now: Instant, _ events: inout [RoomEvent]) {
        for case .some(let publication) in publications {
            for encoding in publication.encodings {
                let loss = encoding.takeLoss()
                quality.noteUp(expected: loss.expected, lost: loss.lost)
            }
        }
        if let judged = quality.handleTimeout(lastArrival: lastArrival, at: now) { events.append(.quality(id, judged)) }
    }

    /// Asks for what is missing of an encoding: packets by NACK, a keyframe by PLI. Without the report that a compound begins with, where that was
    /// agreed (RFC 5506).
    private func ask(
        about encoding: Encoding, of publication: Publication, _ isReduced: Bool, at now: Instant, into batch: DatagramBatch,
        counters: inout Counters
    ) {
        guard encoding.nextDeadline <= now, let media = encoding.ssrc else { return }
        var missing: [SequenceNumber] = []
        if publication.isOfUse(layer: encoding.layer, at: now) {
            encoding.takeMissing(at: now, room: 128, into: &missing)
        } else {
            encoding.forgoMissing(at: now)
        }
        if !missing.isEmpty {
            counters.requestsSent.packets &+= UInt64(missing.count)
            sendRTCP(into: batch, counters: &counters) { writer in
                if !isReduced { ReceiverReport(ssrc: feedbackSSRC).write(into: &writer) }
                _ = Nack.write(into: &writer, sender: feedbackSSRC, media: media, sequences: missing.span)
            }
        }
        if encoding.keyframes.takeDue(at: now) {
            counters.requestsSent.keyframes &+= 1
            sendRTCP(into: batch, counters: &counters) { writer in
                if !isReduced { ReceiverReport(ssrc: feedbackSSRC).write(into: &writer) }
                PictureLossIndication(sender: feedbackSSRC, media: media).write(into: &writer)
            }
        }
    }

    private func sendArrivals(at now: Instant, into batch: DatagramBatch, counters: inout Counters) {
        guard let pending = arrivals?.pending() else {
            arrivals?.postpone(at: now)
            return
        }
        // The media SSRC of transport-wide feedback names any stream; libwebrtc ignores it.
        let media = publications.lazy.compactMap { $0 }.flatMap { $0.encodings }.compactMap { $0.ssrc }.first ?? SSRC(0)
        var told = 0
        sendRTCP(into: batch, counters: &counters) { writer in
            told = TransportFeedback.write(
                into: &writer, sender: feedbackSSRC, media: media, feedbackCount: feedbackCount, base: pending.base,
                arrivals: pending.arrivals.span)
        }
        if told > 0 {
            feedbackCount &+= 1
            arrivals?.noteReported(through: pending.arrivals[told - 1].sequence, at: now)
        } else {
            arrivals?.postpone(at: now)
        }
    }

    private func sendReceiverReport(at now: Instant, into batch: DatagramBatch, counters: inout Counters) {
        var blocks: [ReportBlock] = []
        for case .some(let publication) in publications {
            for encoding in publication.encodings { encoding.takeReportBlocks(at: now, into: &blocks) }
        }
        guard !blocks.isEmpty else { return }
        sendRTCP(into: batch, counters: &counters) { writer in
            ReceiverReport(ssrc: feedbackSSRC).write(into: &writer, reports: blocks.span)
            SourceDescription.write(into: &writer, ssrc: feedbackSSRC, cname: cname)
        }
    }

    private func sendRoundTripReport(at now: Instant, clock: WallClock, into batch: DatagramBatch, counters: inout Counters) {
        guard roundTripReports.isDue else { return }
        let ntp = clock.ntp(at: now)
        sendRTCP(into: batch, counters: &counters) { writer in
            ReceiverReport(ssrc: feedbackSSRC).write(into: &writer)
            roundTripReports.write(into: &writer, sender: feedbackSSRC, at: now, ntp: ntp)
        }
    }

    /// Tells the receiver how the stream's timestamps lie in time: the publisher's clock, moved to ours.
    private func sendSenderReport(
        about subscription: Subscription, from publication: Publication, _ offset: ClockOffset, at now: Instant, clock: WallClock,
        into batch: DatagramBatch, counters: inout Counters
    ) {
        let stream = subscription.stream
        guard subscription.isReady, stream.packetsSent > 0, let layer = subscription.layer, layer < publication.encodings.count else {
            return
        }
        let ntp = clock.ntp(at: now)
        guard let remote = offset.remote(of: ntp), let timestamp = publication.encodings[layer].clock.timestamp(at: remote)
        else {
            return
        }
        let report = SenderReport(
            ssrc: stream.ssrc, ntpTime: ntp, rtpTimestamp: stream.timestamp(ofSource: timestamp), packetCount: stream.packetsSent,
            octetCount: stream.octetsSent)
        sendRTCP(into: batch, counters: &counters) { writer in
            report.write(into: &writer)
            SourceDescription.write(into: &writer, ssrc: stream.ssrc, cname: cname)
        }
    }

    func sendRTCP(into batch: DatagramBatch, counters: inout Counters, _ body: (inout ByteWriter) -> Void) {
        guard let path = transport.selectedPath else { return }
        let sent = batch.append(to: path) { slot in
            // 1,200 bytes and a trailer stay below every MTU.
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: slot[..<1_200]))
            body(&writer)
            guard !writer.overflowed, let length = transport.protectRTCP(slot, length: writer.count) else { return 0 }
            return length
        }
        if sent { counters.sent.count(.rtcp, bytes: batch.bytes(batch.count - 1).count) }
    }
}
