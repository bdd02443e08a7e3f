import EventLoop
import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import RTP

/// One client on its own socket: a transport, what it sends, and what it makes of what it gets. Confined to its loop.
final class LoadClient {
    private static let reportInterval = Interval.seconds(1)
    /// How long a candidate may be silent before the next is tried as well.
    private static let candidatePatience = Interval.milliseconds(250)

    let identity: String
    let socket: ClientSocket
    private let transport: ClientTransport
    private let media = PublishedMedia()
    private var sendingMIDs: Set<String> = []
    private var tracks: [ReceivedTrack] = []
    /// Of each track its SSRC and that of its retransmissions: a search of few cheap steps.
    private var ssrcs: [(ssrc: UInt32, track: Int)] = []
    /// Where the last packet's stands: packets come in runs.
    private var lastSSRC = 0
    /// Connected when that was last asked; asking costs more than the rest of a packet.
    private var isUp = false
    private let feedbackSSRC: SSRC
    private var arrivals = ArrivalReports()
    private var nextReport: Instant?
    private var remainingCandidates: [SocketAddress]
    private var nextCandidate: Instant
    private let requestedAt: Instant
    private let verifies: Bool
    private let loss: Double
    private let lossEntropy: Entropy
    private var dropped: UInt64 = 0
    private let entropy: Entropy
    private let number: UInt16

    private var firstMedia: Instant?
    /// When it could first send.
    private var publishing: Instant?
    private var strays: UInt64 = 0
    private var unreadable: UInt64 = 0

    /// `path` is the way to the first candidate.
    init(
        _ setup: ClientSetup, socket: ClientSocket, path: Path, certificate: Certificate, totals: inout LoadTotals, at now: Instant
    ) {
        identity = setup.identity
        number = setup.number
        self.socket = socket
        requestedAt = setup.requestedAt
        verifies = setup.verifies
        loss = setup.loss
        entropy = .system()
        lossEntropy = .seeded(entropy.next())
        feedbackSSRC = entropy.ssrc()
        remainingCandidates = Array(setup.candidates.dropFirst().prefix(ICEController.maximumPaths - 1))
        nextCandidate = remainingCandidates.isEmpty ? .distantFuture : now + LoadClient.candidatePatience
        transport = ClientTransport(
            setup.transport, certificate: certificate, profiles: SRTPProfile.allCases,
            path: path, extensions: setup.extensions, at: now, entropy: entropy)
        add(setup.sending, setup.receiving, extensions: setup.extensions, at: now, &totals)
    }

    var isConnected: Bool { transport.isConnected }
    var closedReason: String? { transport.closedReason }
    /// Connected, and with nothing of its own to send.
    var onlyReceives: Bool { isUp && media.isEmpty }
    /// Whether what it came for is under way.
    var hasMedia: Bool { firstMedia != nil || publishing != nil }

    /// Begins to send and to receive what has been agreed now.
    func add(
        _ sending: [SendingPlan], _ receiving: [ReceivingPlan], extensions: HeaderExtensionMap, at now: Instant, _ totals: inout LoadTotals
    ) {
        transport.extensions = extensions
        for plan in sending where sendingMIDs.insert(plan.parameters.mid).inserted {
            plan.add(to: media, number: number, wallClock: wallClock(at: now), at: now, entropy)
        }
        for plan in receiving
        where !tracks.contains(where: { $0.mid == plan.parameters.mid && $0.ssrc == plan.parameters.streams.first?.ssrc }) {
            guard let track = ReceivedTrack(plan, verifies: verifies) else { continue }
            ssrcs.append((track.ssrc.rawValue, tracks.count))
            if let rtx = track.rtxSSRC { ssrcs.append((rtx.rawValue, tracks.count)) }
            tracks.append(track)
        }
        notePublishing(at: now, &totals)
    }

    /// Its time of day is its own.
    private func wallClock(at now: Instant) -> WallClock { WallClock(instant: now, unixNanoseconds: 1_750_000_000_000_000_000) }

    // MARK: Receiving

    /// The instant at which something must be done because of this datagram; distant future where nothing has changed.
    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from received: Path, at arrival: Instant, totals: inout LoadTotals,
        into batch: DatagramBatch
    ) -> Instant {
        let path = socket.path(of: received)
        if ClientTransport.isRTP(datagram) {
            if loss > 0, Double(lossEntropy.next() >> 11) / Double(1 << 53) < loss {
                dropped &+= 1
                return .distantFuture
            }
            return receiveRTP(datagram, from: path, at: arrival, totals: &totals, into: batch)
        }
        let wasConnected = transport.isConnected
        if case .rtcp(let length) = transport.receive(datagram, from: path, at: arrival, into: batch) {
            receiveRTCP(UnsafeRawBufferPointer(rebasing: datagram[..<length]).bytes, at: arrival, into: batch)
        }
        isUp = transport.isConnected
        if !wasConnected, isUp {
            nextReport = arrival + LoadClient.reportInterval
            notePublishing(at: arrival, &totals)
        }
        return nextDeadline
    }

    private func receiveRTP(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, totals: inout LoadTotals, into batch: DatagramBatch
    ) -> Instant {
        guard isUp, let first = datagram.first else { return .distantFuture }
        // How much padding there is stands at the encrypted end: such a packet is taken for one without.
        datagram[0] = first & ~0x20
        let parsed = RTPHeader.parse(UnsafeRawBufferPointer(datagram).bytes)
        datagram[0] = first
        guard let header = parsed else { return .distantFuture }
        // Before it is known whose it is, as in browsers: what comes before its track is known has arrived all the same.
        let values = HeaderExtensionValues.parse(UnsafeRawBufferPointer(datagram).bytes, header, transport.extensions)
        if let sequence = values.transportSequence { arrivals.note(sequence, at: arrival) }
        if ssrcs.isEmpty || ssrcs[lastSSRC].ssrc != header.ssrc.rawValue {
            guard let index = ssrcs.firstIndex(where: { $0.ssrc == header.ssrc.rawValue }) else {
                strays &+= 1
                return arrivals.nextDeadline
            }
            lastSSRC = index
        }
        let track = tracks[ssrcs[lastSSRC].track]
        totals.packets &+= 1
        totals.bytes &+= UInt64(datagram.count)
        guard track.wantsToRead(header) else {
            track.count(header, length: datagram.count, at: arrival)
            return min(arrivals.nextDeadline, track.nextDeadline)
        }
        guard case .rtp(let length) = transport.receive(datagram, from: path, at: arrival, into: batch) else {
            unreadable &+= 1
            return .distantFuture
        }
        let packet = UnsafeRawBufferPointer(rebasing: datagram[..<length]).bytes
        // Padding could not be seen before.
        guard let clear = RTPHeader.parse(packet) else { return .distantFuture }
        noteMedia(at: arrival, &totals)
        let hadFrame = track.firstFrame != nil
        track.read(packet, clear, values, at: arrival, delays: &totals.delays, switches: &totals.switches)
        if !hadFrame, let first = track.firstFrame, tracks.allSatisfy({ $0 === track || $0.firstFrame == nil }) {
            totals.firstFrames.add(first - requestedAt)
        }
        return min(arrivals.nextDeadline, track.nextDeadline)
    }

    private func noteMedia(at now: Instant, _ totals: inout LoadTotals) {
        guard firstMedia == nil else { return }
        firstMedia = now
        totals.joins.add(now - requestedAt)
    }

    private func notePublishing(at now: Instant, _ totals: inout LoadTotals) {
        guard publishing == nil, transport.isConnected, !media.isEmpty else { return }
        publishing = now
        totals.publisherJoins.add(now - requestedAt)
    }

    private func receiveRTCP(_ bytes: RawSpan, at now: Instant, into batch: DatagramBatch) {
        var packets = RTCPPacketIterator()
        while let packet = packets.next(in: bytes) {
            if packet.kind == .senderReport, let report = SenderReport.parse(bytes, packet) {
                tracks.first { $0.ssrc == report.ssrc }?.noteReport(report, at: now)
            } else {
                media.receive(packet, in: bytes, at: now, over: transport, into: batch)
            }
        }
    }

    // MARK: Time

    var nextDeadline: Instant {
        var deadline = min(transport.nextDeadline, nextCandidate)
        guard transport.isConnected else { return deadline }
        deadline = min(deadline, nextReport ?? .distantFuture, arrivals.nextDeadline)
        deadline = min(deadline, media.nextDeadline)
        for track in tracks { deadline = min(deadline, track.nextDeadline) }
        return deadline
    }

    func handleTimeout(at now: Instant, totals: inout LoadTotals, into batch: DatagramBatch) {
        if transport.nextDeadline <= now { transport.handleTimeout(at: now, into: batch) }
        if nextCandidate <= now { tryNextCandidate(at: now, into: batch) }
        isUp = transport.isConnected
        guard isUp else { return }
        if media.nextDeadline <= now { media.handleTimeout(at: now, over: transport, into: batch) }
        for track in tracks where track.nextDeadline <= now {
            track.handleTimeout(at: now, sender: feedbackSSRC, over: transport, into: batch)
        }
        arrivals.handleTimeout(
            at: now, sender: feedbackSSRC, media: tracks.first?.ssrc ?? feedbackSSRC, over: transport, into: batch)
        if let due = nextReport, due <= now {
            nextReport = now + LoadClient.reportInterval
            report(at: now, into: batch)
        }
    }

    private func tryNextCandidate(at now: Instant, into batch: DatagramBatch) {
        guard transport.ice.selectedPath == nil, !remainingCandidates.isEmpty else {
            nextCandidate = .distantFuture
            return
        }
        if let path = socket.path(to: remainingCandidates.removeFirst()) {
            transport.ice.check(path, at: now)
            transport.ice.handleTimeout(at: now)
            transport.readICE(at: now, into: batch)
        }
        nextCandidate = remainingCandidates.isEmpty ? .distantFuture : now + LoadClient.candidatePatience
    }

    /// A connection has ended, or could not be made.
    func forget(connection: UInt32, at now: Instant, into batch: DatagramBatch) {
        guard let path = socket.path(ofConnection: connection) else { return }
        // Another may be waiting for its turn: without any path the agent would be dead.
        if nextCandidate < .distantFuture { tryNextCandidate(at: now, into: batch) }
        transport.ice.forget(path, at: now)
        transport.readICE(at: now, into: batch)
        isUp = transport.isConnected
    }

    private func report(at now: Instant, into batch: DatagramBatch) {
        media.report(at: now, over: transport, into: batch)
        let blocks = tracks.compactMap { $0.takeReport(at: now) }
        for start in stride(from: 0, to: blocks.count, by: ReportBlock.maximumCount) {
            let part = Array(blocks[start..<min(start + ReportBlock.maximumCount, blocks.count)])
            transport.sendRTCP(into: batch) { ReceiverReport(ssrc: feedbackSSRC).write(into: &$0, reports: part.span) }
        }
    }

    // MARK: Behaviour

    /// Mutes or unmutes its cameras and microphones, as a browser does that stops their tracks.
    func mute(_ muted: Bool) {
        for camera in media.cameras { camera.isPaused = muted }
        for microphone in media.microphones { microphone.isPaused = muted }
    }

    func speak(_ speaks: Bool) { for microphone in media.microphones { microphone.isSilent = !speaks } }

    /// What its cameras and microphones stamp.
    var source: UInt16? { media.isEmpty ? nil : number }

    /// Somebody publishes nothing for a while: that is no freeze.
    func notePause(of source: UInt16) { for track in tracks where track.lastSample?.stamp.source == source { track.pause() } }

    /// Asks for a layer of every picture that has several; gives the tracks' names.
    func want(layer: UInt8, at now: Instant) -> [String] {
        tracks.filter { $0.kind == .video }.compactMap { track in
            guard let name = track.trackID, track.firstFrame != nil, track.source != number || media.isEmpty else { return nil }
            track.want(layer: layer, at: now)
            return name
        }
    }

    // MARK: The end

    /// Cameras and microphones stop; what was sent before may still arrive.
    func stopPublishing() {
        for camera in media.cameras { camera.isPaused = true }
        for microphone in media.microphones { microphone.isPaused = true }
    }

    func close(into batch: DatagramBatch) { transport.close(into: batch) }

    func outcome() -> ClientOutcome {
        var outcome = ClientOutcome(
            identity: identity, requestedAt: requestedAt, verifies: verifies && !tracks.isEmpty, tracks: tracks.map { $0.outcome() },
            published: media.cameras.map {
                .init(source: $0.source, kind: .video, layer: $0.layer, packets: UInt64($0.stream.packets))
            } + media.microphones.map { .init(source: $0.source, kind: .audio, layer: 0, packets: UInt64($0.stream.packets)) })
        outcome.firstMedia = firstMedia
        outcome.firstFrame = tracks.compactMap(\.firstFrame).min()
        outcome.closedReason = transport.closedReason
        outcome.strays = strays
        outcome.unreadable = unreadable
        outcome.dropped = dropped
        outcome.overflowed = socket.overflowed
        outcome.sendFailures = socket.sendFailures
        return outcome
    }
}
