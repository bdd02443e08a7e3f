import MediaPrimitives
import RTP

extension BandwidthEstimator {
    /// What one message has told so far.
    private struct News {
        var arrivals = 0
        var losses = 0
        var lastArrival = Instant(nanoseconds: .min)
        var newestSent = Instant(nanoseconds: .min)
        var leastWay = Interval(nanoseconds: .max)
        /// What packets that did not wait are under way.
        var idleWay: Interval
        /// When the last of those came.
        var lastIdle: Instant?

        init(idleWay: Interval) { self.idleWay = idleWay }
    }

    /// Transport-wide feedback has arrived. `datagram` is the one that it was parsed from.
    ///
    /// Walks all statuses once, 16,384 at most; those that bring nothing new cost a look into the ring each.
    package mutating func noteFeedback(_ feedback: TransportFeedback, in datagram: RawSpan, at now: Instant) {
        hasTransportFeedback = true
        var news = News(idleWay: path.idleWay(noise: noise))
        var iterator = feedback.makeIterator()
        while let status = iterator.next(in: datagram) {
            guard let ticks = status.arrivalTicks else {
                noteLoss(of: status.sequence.rawValue, &news, at: now)
                continue
            }
            let unwrapped = receiverClock.unwrap(UInt32(truncatingIfNeeded: ticks))
            let arrival = Instant(nanoseconds: unwrapped &* TransportFeedback.tick)
            noteArrival(of: status.sequence.rawValue, arrival, &news, at: now)
        }
        conclude(news, at: now)
    }

    /// Feedback by stream (RFC 8888) has arrived. `number` knows the transport-wide number that a packet of a stream left under (`StreamNumbers`).
    ///
    /// Its streams come one after another: packets of a later one are younger than the last of the former only by chance, and those that are not
    /// count for everything but the trend of the delay.
    package mutating func noteFeedback(
        _ feedback: CongestionControlFeedback, in datagram: RawSpan, at now: Instant, number: (SSRC, SequenceNumber) -> UInt16?
    ) {
        hasTransportFeedback = true
        var news = News(idleWay: path.idleWay(noise: noise))
        var iterator = feedback.makeIterator()
        while let status = iterator.next(in: datagram) {
            guard let number = number(status.ssrc, status.sequence) else { continue }
            guard status.isReceived else {
                noteLoss(of: number, &news, at: now)
                continue
            }
            // Received, and nobody knows when: that is only not a loss.
            guard let arrival = status.arrival else {
                if let packet = sent.note(.received, of: number, at: now), packet.fate != .received { noteFate(of: packet) }
                continue
            }
            let unwrapped = receiverClock.unwrap(arrival)
            // In units of 2^-16 s.
            let nanoseconds = (unwrapped >> 16) &* 1_000_000_000 &+ ((unwrapped & 0xffff) &* 1_000_000_000) >> 16
            noteArrival(of: number, Instant(nanoseconds: nanoseconds), &news, at: now)
        }
        conclude(news, at: now)
    }

    private mutating func noteLoss(of number: UInt16, _ news: inout News, at now: Instant) {
        guard let packet = sent.note(.lost, of: number, at: now), packet.fate == .unknown || packet.fate == .repeated else { return }
        news.losses &+= 1
        if packet.cluster != 0 { probes.noteLoss(packet.cluster) }
        loss.note(sent: packet.sentAt, isLost: true)
    }

    /// It was received, whatever was said of it before; what has left twice since was lost.
    private mutating func noteFate(of packet: SentPackets.Packet) {
        switch packet.fate {
        case .unknown: loss.note(sent: packet.sentAt, isLost: false)
        case .lost: loss.noteLate(sent: packet.sentAt)
        case .repeated: loss.note(sent: packet.sentAt, isLost: true)
        case .received, .lostAndRepeated: break
        }
    }

    private mutating func noteArrival(of number: UInt16, _ arrival: Instant, _ news: inout News, at now: Instant) {
        guard let packet = sent.note(.received, of: number, at: now), packet.fate != .received else { return }
        let way = arrival - packet.sentAt
        // No repetition is so quick: it is the first that came, after others that left later.
        let isFirst = packet.fate == .unknown || packet.fate == .lost || (packet.fate == .repeated && way < news.idleWay)
        guard isFirst else { return noteRepetition(of: packet, arrival, &news) }
        if news.arrivals == 0 { checkClock(arrival, at: now) }
        news.arrivals &+= 1
        if packet.fate == .repeated { loss.note(sent: packet.sentAt, isLost: false) } else { noteFate(of: packet) }
        news.lastArrival = max(news.lastArrival, arrival)
        news.newestSent = max(news.newestSent, packet.sentAt)
        news.leastWay = min(news.leastWay, way)
        if way < news.idleWay { news.lastIdle = arrival }
        acknowledged.note(packet.bytes, arrived: arrival)
        // A probe makes a queue on purpose: the delay of its packets is its own measurement's.
        if packet.cluster != 0 {
            probes.noteArrival(packet.cluster, packet.bytes, sent: packet.sentAt, arrived: arrival)
        } else if let spacing = groups.note(sent: packet.sentAt, arrived: arrival) {
            trendline.note(spacing)
            detector.note(slope: trendline.slope, weight: trendline.weight, spacing)
            noise = noise + ((spacing.arrived - spacing.sent).magnitude - noise) / min(Int64(trendline.weight), 16)
        }
    }

    /// It has come, the first or another one like it: what arrived counts, when it left is not known.
    private mutating func noteRepetition(of packet: SentPackets.Packet, _ arrival: Instant, _ news: inout News) {
        acknowledged.note(packet.bytes, arrived: arrival)
        noteFate(of: packet)
        guard packet.fate == .repeated else { return }
        news.losses &+= 1
        if packet.cluster != 0 { probes.noteLoss(packet.cluster) }
    }

    /// After a long silence, or where the receiver's clock was set, what was known of the delay means nothing.
    private mutating func checkClock(_ arrival: Instant, at now: Instant) {
        guard let lastFeedback else { return }
        let ours = now - lastFeedback.at
        let theirs = arrival - lastFeedback.arrival
        let isSet = (theirs - ours).magnitude > BandwidthEstimator.clockJump
        if isSet || ours > BandwidthEstimator.streamTimeout {
            groups = PacketGroups()
            trendline = Trendline()
            detector = OveruseDetector()
        }
        if isSet {
            acknowledged = AcknowledgedRate()
            path.forgetWay()
            lastIdle = nil
        }
    }

    private mutating func conclude(_ news: News, at now: Instant) {
        let packets = news.arrivals + news.losses
        guard packets > 0 else { return }
        lossOfLate += (Double(news.losses) / Double(packets) - lossOfLate) / 4
        if news.arrivals > 0 {
            lastFeedback = (now, news.lastArrival)
            path.noteAnswer(to: news.newestSent)
            path.noteRoundTrip(now - news.newestSent)
            path.noteWay(news.leastWay, at: now)
            lastIdle = news.lastIdle ?? lastIdle ?? news.lastArrival
            endSilence(at: now)
            // Younger packets than these may be under way.
            unansweredSince = sent.lastSentAt.flatMap { $0 > news.newestSent ? now : nil }
        }
        // While packets wait they arrive as fast as the way passes them; before that, only as fast as they were sent.
        let busy = lastFeedback.flatMap { last in lastIdle.map { last.arrival - $0 } } ?? .zero
        let isBusy = detector.usage == .overused && busy < AcknowledgedRate.short
        let throughput = acknowledged.rate(over: AcknowledgedRate.long)
        let recent = acknowledged.rate(over: isBusy ? max(busy, BandwidthEstimator.shortestBusy) : AcknowledgedRate.short)
        apply(
            usage: detector.usage, throughput: throughput, recent: recent, isSaturated: busy >= BandwidthEstimator.saturation, at: now)
    }
}
