import Congestion
import MediaPrimitives
import RTP

/// What is there to be sent.
enum MediaSource {
    /// An encoder that follows the target, up to a most.
    case smooth(upTo: Int)
    /// One of several encodings: the highest that the target allows.
    case layers([Int])

    /// Bits of video a second at this target.
    func rate(_ target: Int, current: Int) -> Int {
        switch self {
        case .smooth(let most): return min(target, most)
        case .layers(let rates):
            // Up only where there is some room, so that a layer is not left again at once.
            return rates.last { $0 <= current ? $0 <= target : $0 * 21 / 20 <= target } ?? 0
        }
    }

    var most: Int {
        switch self {
        case .smooth(let most): most
        case .layers(let rates): rates.last ?? 0
        }
    }
}

/// One subscriber: frames from a source through the pacer onto the link, a receiver that reports what arrives, and the estimator in between.
final class SimulatedFlow {
    static let audioBytes = 100
    static let audioInterval = Interval.milliseconds(20)
    static let audioRate = 40_000

    let index: Int
    private let source: MediaSource
    private let entropy: Entropy
    private let frameInterval: Interval
    private let startsAt: Instant
    private(set) var estimator: BandwidthEstimator
    private var pacer: Pacer

    private var nextFrame: Instant
    private var nextAudio: Instant
    private var layer = 0
    private var waiting: [(bytes: Int, kind: Pacer.Kind)] = []
    private var waitingBytes = 0
    private var number: Int64

    private var log = ArrivalLog()
    private var nextReport: Instant
    private var feedbackCount: UInt8 = 0
    private var feedback: [(at: Instant, bytes: [UInt8])] = []
    private var arriving: [(at: Instant, packet: FlyingPacket)] = []

    /// Bytes that arrived, of media without padding.
    private(set) var mediaBytes = 0
    private(set) var paddingBytes = 0
    private(set) var sentBytes = 0

    init(
        _ index: Int, _ source: MediaSource, framesPerSecond: Int = 30, startsAt: Instant = Instant(nanoseconds: 0),
        limits: BandwidthEstimator.Limits = .init(), entropy: Entropy
    ) {
        self.index = index
        self.source = source
        self.entropy = entropy
        self.startsAt = startsAt
        frameInterval = Interval(nanoseconds: 1_000_000_000 / Int64(framesPerSecond))
        estimator = BandwidthEstimator(limits: limits)
        pacer = Pacer(target: limits.start)
        nextFrame = startsAt
        nextAudio = startsAt
        nextReport = startsAt
        number = Int64(truncatingIfNeeded: entropy.next() & 0xffff)
    }

    /// Whatever is due by `now`, with packets handed to `link`.
    func advance(to now: Instant, _ link: Bottleneck) {
        guard now >= startsAt else { return }
        if number >= 0, sentBytes == 0 { estimator.want(Bitrate(bitsPerSecond: source.most + SimulatedFlow.audioRate), at: now) }
        receive(by: now, link)
        hear(by: now)
        produce(by: now)
        release(at: now, link)
    }

    private func produce(by now: Instant) {
        if now >= nextAudio {
            waiting.append((SimulatedFlow.audioBytes, .audio))
            waitingBytes += SimulatedFlow.audioBytes
            nextAudio = nextAudio + SimulatedFlow.audioInterval
        }
        guard now >= nextFrame else { return }
        // A camera's clock is its own, and an encoder takes now more, now less time.
        nextFrame = nextFrame + Interval(nanoseconds: Int64(Double(frameInterval.nanoseconds) * (0.9 + 0.2 * chance())))
        layer = source.rate(estimator.target.bitsPerSecond - SimulatedFlow.audioRate, current: layer)
        let mean = Double(layer) * frameInterval.seconds / 8
        var bytes = Int(mean * (0.8 + 0.4 * chance()))
        let packets = max((bytes + 1_199) / 1_200, 1)
        for left in stride(from: packets, to: 0, by: -1) where bytes > 0 {
            let part = bytes / left
            waiting.append((part, .media))
            waitingBytes += part
            bytes -= part
        }
    }

    private func release(at now: Instant, _ link: Bottleneck) {
        pacer.set(estimator.target, waiting: waitingBytes, at: now)
        if let probe = estimator.probe { pacer.begin(probe, at: now) }
        while let next = waiting.first, pacer.allowance(next.kind, at: now) > 0 {
            waiting.removeFirst()
            waitingBytes -= next.bytes
            send(next.bytes, next.kind, at: now, link)
        }
        while pacer.probe(for: .padding) != nil, pacer.allowance(.padding, at: now) > 0 {
            let rest = estimator.restOfProbe
            guard rest.packets > 0 || rest.bytes > 0 else { break }
            send(min(max(rest.bytes / max(rest.packets, 1), 200), 1_200), .padding, at: now, link)
        }
    }

    private func send(_ bytes: Int, _ kind: Pacer.Kind, at now: Instant, _ link: Bottleneck) {
        estimator.noteSent(UInt16(truncatingIfNeeded: number), bytes: bytes, at: now, probe: pacer.probe(for: kind))
        pacer.note(kind, bytes: bytes, at: now)
        sentBytes += bytes
        link.enqueue(FlyingPacket(flow: index, number: number, bytes: bytes, sentAt: now, isPadding: kind == .padding), at: now)
        number += 1
    }

    // MARK: The far end

    func arrive(_ packet: FlyingPacket, at arrival: Instant) {
        let place = arriving.lastIndex { $0.at <= arrival }.map { $0 + 1 } ?? 0
        arriving.insert((arrival, packet), at: place)
    }

    private func receive(by now: Instant, _ link: Bottleneck) {
        while let first = arriving.first, first.at <= now {
            arriving.removeFirst()
            if first.packet.isPadding { paddingBytes += first.packet.bytes } else { mediaBytes += first.packet.bytes }
            // Its clock is another, and runs 50 ppm fast.
            let clock = Instant(nanoseconds: 77_000_000_000_000 + first.at.nanoseconds + first.at.nanoseconds / 20_000)
            log.note(UInt16(truncatingIfNeeded: first.packet.number), at: clock)
        }
        guard now >= nextReport else { return }
        nextReport = now + link.plan.feedbackInterval
        while let pending = log.pending(), let last = pending.arrivals.last {
            var taken = 0
            let bytes = ByteWriter.array { writer in
                taken = TransportFeedback.write(
                    into: &writer, sender: SSRC(1), media: SSRC(2), feedbackCount: feedbackCount, base: pending.base,
                    arrivals: pending.arrivals.span)
            }
            guard let bytes, taken > 0 else { return }
            feedbackCount &+= 1
            log.noteReported(through: taken < pending.arrivals.count ? pending.arrivals[taken - 1].sequence : last.sequence, at: now)
            if chance() >= link.plan.feedbackLoss { feedback.append((now + link.plan.delay, bytes)) }
        }
    }

    private func hear(by now: Instant) {
        while let first = feedback.first, first.at <= now {
            feedback.removeFirst()
            let datagram = first.bytes.span.bytes
            var packets = RTCPPacketIterator()
            while let packet = packets.next(in: datagram) {
                if let feedback = TransportFeedback.parse(datagram, packet) { estimator.noteFeedback(feedback, in: datagram, at: now) }
            }
        }
        if now >= estimator.nextDeadline { estimator.handleTimeout(at: now) }
    }

    private func chance() -> Double { Double(entropy.next() >> 11) / Double(1 << 53) }
}
