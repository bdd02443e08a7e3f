import HeadlessClients
import MediaPrimitives
import RTP
import Rooms

/// One simulated client: its transport, what it sends and what it makes of what it gets.
package final class SimulatedPeer {
    private static let reportInterval = Interval.seconds(1)

    package let id: ParticipantID
    /// The worker to which the kernel gives what it sends.
    package var arrivesAt: Int
    let room: String
    let following: PeerPlan.Following
    /// What signalling has agreed with the server; changed by `SimulatedWorld.negotiate`.
    package internal(set) var receiving: [ReceivingSection]
    package internal(set) var sending: [SendingSection]
    package let transport: ClientTransport
    package let uplink: SimulatedLink
    package let downlink: SimulatedLink
    /// One for each encoding, in the order of the rids.
    package var cameras: [VideoSource] { media.cameras }
    package var microphone: AudioSource? { media.microphones.first }
    private let media = PublishedMedia()
    /// What it sees and hears; nothing, of a client that does not receive.
    package var video: ReceivedVideo { videos[0] }
    /// One for each section.
    package let videos: [ReceivedVideo]
    package let audio: ReceivedAudio
    /// One of its own addresses, and how the server sees it.
    package struct Route: Sendable {
        package var local: SocketAddress
        package var outer: SocketAddress
    }
    package internal(set) var routes: [Route]
    /// What the server was told about our credentials; they change with a restart.
    package internal(set) var credentials: TransportParameters

    /// Who it is in feedback.
    private let feedbackSSRC: SSRC
    private let tellsOfArrivals: Bool
    private let tellsByStream: Bool
    private var streamReports = StreamArrivalReports(every: .milliseconds(50))
    /// When a report about the picture came last.
    package private(set) var lastSenderReport: Instant?
    /// Reports that say nothing, and are there because a compound has to begin with one.
    package private(set) var emptyReports = 0
    /// The streams that the server has ended, in order.
    package private(set) var goodbyes: [SSRC] = []
    /// What the server told of its reference times.
    package private(set) var delays: [ExtendedReport.Delay] = []
    private let extensions: HeaderExtensionMap
    private var nextReport: Instant?
    private let entropy: Entropy

    /// `number` tells the packets of one client from those of another.
    init(
        _ plan: PeerPlan, id: ParticipantID, number: UInt16, transport: ClientTransport, credentials: TransportParameters,
        receiving: [ReceivingSection], sending: [SendingSection], address: SocketAddress, at now: Instant, entropy: Entropy
    ) {
        self.id = id
        arrivesAt = plan.arrivesAt ?? plan.worker
        room = plan.room
        following = plan.following
        self.receiving = receiving
        self.sending = sending
        let down = sending.map(\.parameters)
        self.transport = transport
        self.credentials = credentials
        self.entropy = entropy
        routes = [Route(local: address, outer: address)]
        uplink = SimulatedLink(plan.uplink, seed: entropy.next())
        downlink = SimulatedLink(plan.downlink, seed: entropy.next())
        feedbackSSRC = entropy.ssrc()
        tellsOfArrivals = plan.tellsOfArrivals
        tellsByStream = plan.tellsByStream
        extensions = PeerPlan.downExtensions
        let pictures = down.filter { $0.kind == .video }
        videos = (pictures.isEmpty ? [RTPParameters(mid: "", kind: .video, codecs: [], extensions: extensions)] : pictures)
            .map { ReceivedVideo($0, manner: plan.manner) }
        audio = ReceivedAudio(down.first { $0.kind == .audio } ?? RTPParameters(mid: "", kind: .audio, codecs: [], extensions: extensions))
        let start = now + plan.startDelay
        if let audio = plan.audio {
            let stream = PublishedStream(
                codec: audio.isRedundant ? PeerPlan.upRedundancy : PeerPlan.upAudio, mid: "0", rid: nil, firstSequence: audio.firstSequence,
                firstTimestamp: audio.firstTimestamp,
                clockSkew: plan.clockSkew, wallClock: SimulatedWorld.wallClock, origin: now, entropy: entropy)
            media.microphones.append(
                AudioSource(
                    stream: stream, source: number, redundancyOf: audio.isRedundant ? PeerPlan.upAudio.payloadType : nil, at: start))
        }
        guard let video = plan.video else { return }
        media.keyframesTogether = video.keyframesTogether
        if video.adaptsToUplink { media.adapt(to: video.shapes.map { $0.bitrate ?? $0.bitsPerSecond }) }
        for (layer, shape) in video.shapes.enumerated() where layer < max(1, video.rids.count) {
            let stream = PublishedStream(
                codec: PeerPlan.upVideo, mid: "1", rid: video.rids.isEmpty ? nil : video.rids[layer], firstSequence: video.firstSequence,
                firstTimestamp: video.firstTimestamp, clockSkew: plan.clockSkew, wallClock: SimulatedWorld.wallClock, origin: now,
                entropy: entropy)
            media.cameras.append(
                VideoSource(stream: stream, source: number, layer: UInt8(layer), shape: shape, at: start, entropy: entropy))
        }
    }

    /// What others may be sent of it.
    package var tracks: [TrackReference] {
        receiving.map { TrackReference(id: $0.track, worker: id.worker, parameters: $0.parameters) }
    }

    package var isPublishing: Bool { !media.isEmpty }

    /// Goes on under new SSRCs.
    package func changeSSRCs(beginningWithKeyframe: Bool = true) {
        for camera in cameras { camera.changeSSRC(entropy, beginningWithKeyframe: beginningWithKeyframe) }
        microphone?.stream.changeSSRC(entropy)
    }

    package var isMuted = false {
        didSet {
            for camera in cameras { camera.isPaused = isMuted }
            microphone?.isPaused = isMuted
        }
    }

    func localAddress(behind outer: SocketAddress) -> SocketAddress? { routes.first { $0.outer == outer }?.local }

    /// How many layers the server has asked for, and when that arrives; in this order.
    private var demands: [(layers: Int, at: Instant)] = []

    /// The server says, for `arrival`, how many layers of a track are watched.
    func take(demand layers: Int, of track: TrackID, at arrival: Instant) {
        guard receiving.contains(where: { $0.track == track && $0.parameters.kind == .video }) else { return }
        demands.append((layers, arrival))
    }

    package var ignoresKeyframeRequests = false {
        didSet { for camera in cameras { camera.ignoresKeyframeRequests = ignoresKeyframeRequests } }
    }

    /// What the server told of each stream, last.
    package var reports: [SSRC: ReportBlock] { media.reports }
    /// What the server is told of the arrival of what it sends.
    private var arrivals = ArrivalReports(every: .milliseconds(50))
    /// What the server told of the arrival of each packet.
    package private(set) var feedbackLog = FeedbackLog()

    // MARK: Driven by the world

    var nextDeadline: Instant {
        var deadline = transport.nextDeadline
        guard transport.isConnected else { return deadline }
        deadline = min(
            deadline, nextReport ?? .distantFuture, arrivals.nextDeadline, streamReports.nextDeadline, demands.first?.at ?? .distantFuture)
        for video in videos { deadline = min(deadline, video.nextDeadline) }
        return min(deadline, media.nextDeadline)
    }

    func receive(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at now: Instant, into batch: DatagramBatch) {
        switch transport.receive(datagram, from: path, at: now, into: batch) {
        case .nothing: break
        case .rtp(let length): receiveRTP(UnsafeRawBufferPointer(rebasing: datagram[..<length]).bytes, at: now)
        case .rtcp(let length): receiveRTCP(UnsafeRawBufferPointer(rebasing: datagram[..<length]).bytes, at: now, into: batch)
        }
    }

    func handleTimeout(at now: Instant, into batch: DatagramBatch) {
        transport.handleTimeout(at: now, into: batch)
        guard transport.isConnected else { return }
        while let demand = demands.first, demand.at <= now {
            demands.removeFirst()
            media.send(layers: demand.layers, at: now)
        }
        media.handleTimeout(at: now, over: transport, into: batch)
        for video in videos where video.nextDeadline <= now {
            video.handleTimeout(at: now, sender: feedbackSSRC, over: transport, into: batch)
        }
        arrivals.handleTimeout(at: now, sender: feedbackSSRC, media: video.ssrc, over: transport, into: batch)
        streamReports.handleTimeout(
            at: now, sender: feedbackSSRC, clock: SimulatedWorld.wallClock, over: transport, into: batch)
        if now >= nextReport ?? now {
            if nextReport != nil { report(at: now, into: batch) }
            nextReport = now + SimulatedPeer.reportInterval
        }
    }

    private func receiveRTP(_ packet: RawSpan, at now: Instant) {
        guard let header = RTPHeader.parse(packet) else { return }
        let values = HeaderExtensionValues.parse(packet, header, extensions)
        if tellsByStream { streamReports.note(header, at: now, clock: SimulatedWorld.wallClock) }
        if let number = values.transportSequence { arrivals.note(number, at: now) }
        if let video = videos.first(where: { $0.owns(header.ssrc) }) {
            video.receive(packet, header, values, at: now)
        } else if audio.ssrc == header.ssrc {
            audio.receive(packet, header, values, at: now)
        } else {
            strayPackets += 1
        }
    }

    /// Packets of streams that were never agreed.
    package private(set) var strayPackets = 0

    private func receiveRTCP(_ bytes: RawSpan, at now: Instant, into batch: DatagramBatch) {
        var packets = RTCPPacketIterator()
        while let packet = packets.next(in: bytes) {
            switch packet.kind {
            case .transportFeedback:
                guard let feedback = TransportFeedback.parse(bytes, packet) else { break }
                feedbackLog.note(feedback, in: bytes)
                media.receive(feedback, in: bytes, at: now)
            case .senderReport:
                guard let report = SenderReport.parse(bytes, packet) else { break }
                videos.first { $0.ssrc == report.ssrc }?.noteReport(report, at: now)
                if report.ssrc == video.ssrc { lastSenderReport = now }
                if report.ssrc == audio.ssrc { audio.noteReport(report, at: now) }
            case .receiverReport where packet.count == 0: emptyReports += 1
            case .goodbye:
                guard let goodbye = Goodbye.parse(bytes, packet) else { break }
                for index in 0..<goodbye.count { if let ssrc = goodbye.source(index, in: bytes) { goodbyes.append(ssrc) } }
            case .extendedReport:
                ExtendedReport.parse(bytes, packet)?.forEachDelay(in: bytes) { delays.append($0) }
                media.receive(packet, in: bytes, at: now, over: transport, into: batch)
            default: media.receive(packet, in: bytes, at: now, over: transport, into: batch)
            }
        }
    }

    private func report(at now: Instant, into batch: DatagramBatch) {
        media.report(at: now, over: transport, into: batch)
        let blocks = videos.compactMap { $0.takeReport(at: now) }
        guard !blocks.isEmpty, tellsOfArrivals else { return }
        transport.sendRTCP(into: batch) { ReceiverReport(ssrc: feedbackSSRC).write(into: &$0, reports: blocks.span) }
    }
}
