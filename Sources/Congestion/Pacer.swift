import MediaPrimitives

/// When the packets of one transport may leave: a debt in bytes that each packet adds to and time pays off. It counts; it holds no packets.
///
/// Media is paid off at 2.5 times the target, so that a frame is not sent at line rate and yet waits little. What fits into the burst allowance leaves in
/// this turn, together, for one system call; sound never waits. Padding fills up to the target itself, and what a probe is made of goes at the
/// probe's rate.
package struct Pacer {
    /// What a packet is, to the pacer.
    package enum Kind: Sendable {
        /// Leaves at once, and is counted.
        case audio
        /// Pictures, and what is sent again.
        case media
        case padding
    }

    /// How much faster than the target media leaves (libwebrtc's former factor: an SFU cannot slow down the encoder that it forwards).
    package static let factor = 2.5
    /// What leaves at once, in time at the pacing rate, and at least two full packets.
    package static let burst = Interval.milliseconds(10)
    private static let leastBurst = 2_400.0
    /// What waits is gone after this, whatever the target says.
    private static let longestWait = Interval.seconds(1)
    /// How long a probe waits for a picture to begin with.
    private static let patience = Interval.milliseconds(40)
    /// Longer than this nothing is saved up or owed.
    private static let memory = Interval.milliseconds(500)

    /// The target, in bits a second.
    package private(set) var target: Bitrate
    /// What media leaves at: `pace`, or faster where much waits.
    private var rate: Bitrate
    private var pace: Bitrate
    /// What leaves at once, in time at the pacing rate.
    private var burst = Pacer.burst
    /// In bytes: what was sent beyond what time has paid for.
    private var mediaDebt = 0.0
    private var paddingDebt = 0.0
    private var updatedAt: Instant?

    /// The cluster being sent, when its first packet left, and what has left of it.
    package private(set) var probe: ProbeCluster?
    private var lastProbe: ProbeCluster.ID?
    private var probeOfferedAt: Instant?
    private var probeBegan: Instant?
    private var probeBytes = 0
    private var probePackets = 0

    /// Owes nothing.
    package init(target: Bitrate) {
        self.target = target
        pace = target * Pacer.factor
        rate = pace
    }

    /// Sets the target, how much faster media may leave, and how many bytes of it wait: many of them leave faster.
    package mutating func set(
        _ target: Bitrate, factor: Double = Pacer.factor, burst: Interval = Pacer.burst, waiting bytes: Int, at now: Instant
    ) {
        pay(at: now)
        self.target = target
        self.burst = burst
        pace = target * factor
        rate = max(pace, Bitrate(bytes: bytes, in: Pacer.longestWait))
    }

    /// So many bytes of media wait now.
    package mutating func set(waiting bytes: Int, at now: Instant) {
        pay(at: now)
        rate = max(pace, Bitrate(bytes: bytes, in: Pacer.longestWait))
    }

    /// Begins to send for a probe; a former one that is not over is given up, and one that is over does not begin again.
    package mutating func begin(_ cluster: ProbeCluster, at now: Instant) {
        guard lastProbe != cluster.id else { return }
        lastProbe = cluster.id
        probe = cluster
        probeOfferedAt = now
        probeBegan = nil
        probeBytes = 0
        probePackets = 0
    }

    /// The cluster that a packet of `kind` which leaves now is sent for. Sound does not begin one.
    package mutating func probe(for kind: Kind) -> ProbeCluster.ID? { kind == .audio && probeBegan == nil ? nil : probe?.id }

    /// How many bytes of `kind` may leave now. A packet that begins below that leaves whole.
    package mutating func allowance(_ kind: Kind, at now: Instant) -> Int {
        pay(at: now)
        if kind == .audio { return .max }
        // A probe is sent at its own rate, whatever it is made of.
        if let probe {
            guard let probeBegan else {
                // It waits a little for a picture, which leaves in a burst anyway.
                return kind == .padding && now - (probeOfferedAt ?? now) < Pacer.patience ? 0 : 1
            }
            let due = probe.rate.bytes(in: now - probeBegan)
            return max(due &- probeBytes &+ 1, 0)
        }
        switch kind {
        case .padding: return mediaDebt > 0 ? 0 : Pacer.whole(target.exactBytes(in: Pacer.burst) - paddingDebt)
        default: return Pacer.whole(burstBytes - mediaDebt)
        }
    }

    /// When something of `kind` may leave: `now` if it may already.
    package mutating func next(_ kind: Kind, at now: Instant) -> Instant {
        if allowance(kind, at: now) > 0 { return now }
        if let probe {
            if let probeBegan { return max(probeBegan + probe.rate.time(for: probeBytes), now) }
            return (probeOfferedAt ?? now) + Pacer.patience
        }
        switch kind {
        case .padding:
            let excess = max(paddingDebt - target.exactBytes(in: Pacer.burst), 0)
            return now + max(target.time(for: Int(excess) + 1), rate.time(for: Int(max(mediaDebt, 0)) + 1))
        default: return now + rate.time(for: Int(max(mediaDebt - burstBytes, 0)) + 1)
        }
    }

    /// A packet of so many bytes leaves.
    package mutating func note(_ kind: Kind, bytes: Int, at now: Instant) {
        pay(at: now)
        mediaDebt = min(mediaDebt + Double(bytes), max(rate.exactBytes(in: Pacer.memory), burstBytes))
        paddingDebt = min(paddingDebt + Double(bytes), target.exactBytes(in: Pacer.memory))
        guard let probe, self.probe(for: kind) != nil else { return }
        if probeBegan == nil { probeBegan = now }
        probeBytes &+= bytes
        probePackets &+= 1
        if probeBytes >= probe.bytes, probePackets >= probe.packets { self.probe = nil }
    }

    private var burstBytes: Double { max(rate.exactBytes(in: burst), Pacer.leastBurst) }

    @inline(__always)
    private mutating func pay(at now: Instant) {
        // As a rule, another packet of the same turn.
        if now != updatedAt { payOff(until: now) }
    }

    @inline(never)
    private mutating func payOff(until now: Instant) {
        let elapsed = min(max(now - (updatedAt ?? now), .zero), Pacer.memory)
        updatedAt = max(now, updatedAt ?? now)
        mediaDebt = max(mediaDebt - rate.exactBytes(in: elapsed), 0)
        paddingDebt = max(paddingDebt - target.exactBytes(in: elapsed), 0)
    }

    private static func whole(_ bytes: Double) -> Int { bytes > 0 ? Int(bytes.rounded(.up)) : 0 }
}
