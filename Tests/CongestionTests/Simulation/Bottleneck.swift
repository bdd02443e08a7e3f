import MediaPrimitives

/// One packet on its way.
struct FlyingPacket {
    var flow: Int
    /// Transport-wide; a packet of a competing flow counts by it, too.
    var number: Int64
    var bytes: Int
    var sentAt: Instant
    var isPadding: Bool
}

/// What the way from server to subscriber does.
struct LinkPlan {
    enum Queue {
        /// A packet that would wait longer than this is dropped.
        case time(Interval)
        case bytes(Int)
    }

    /// Bits a second, each from so many seconds on.
    var rates: [(from: Double, rate: Int)]
    var queue = Queue.time(.milliseconds(300))
    /// One way; the way back has the same.
    var delay = Interval.milliseconds(20)
    /// Each packet takes up to this much longer, for itself: packets overtake each other.
    var jitter = Interval.zero
    /// Behind the queue.
    var loss = 0.0
    /// Gilbert and Elliott: of all packets, the share that finds the link bad, how many in a row do, and the chance of loss then.
    var bursts: (share: Double, length: Double, loss: Double)?
    /// A token bucket of so many bytes: bursts up to it pass at once.
    var bucket = 0
    /// What does not pass at once is dropped: nothing waits.
    var isPolicer = false
    /// Share of feedback messages that are lost.
    var feedbackLoss = 0.0
    /// Between feedback messages.
    var feedbackInterval = Interval.milliseconds(50)

    init(_ rate: Int) { rates = [(0, rate)] }

    func rate(at now: Instant) -> Int {
        let seconds = Double(now.nanoseconds) / 1e9
        return rates.last { $0.from <= seconds }?.rate ?? 0
    }
}

/// A narrow place with one drop-tail queue, shared by all flows, exact to the nanosecond in virtual time.
final class Bottleneck {
    let plan: LinkPlan
    private let entropy: Entropy
    private var queue: [FlyingPacket] = []
    private var head = 0
    private var queuedAt: [Instant] = []
    private(set) var queuedBytes = 0
    private var freeAt = Instant(nanoseconds: 0)
    private var tokens: Double
    private var tokensAt = Instant(nanoseconds: 0)
    private var isBad = false

    init(_ plan: LinkPlan, entropy: Entropy) {
        self.plan = plan
        self.entropy = entropy
        tokens = Double(plan.bucket)
    }

    /// How long a packet that comes now waits before its first bit leaves.
    func wait(at now: Instant) -> Interval {
        let rest = max(freeAt - now, .zero)
        return Interval(nanoseconds: rest.nanoseconds + Int64(Double(queuedBytes) * 8e9 / Double(plan.rate(at: now))))
    }

    func enqueue(_ packet: FlyingPacket, at now: Instant) {
        if plan.isPolicer {
            refill(at: now)
            guard tokens >= Double(packet.bytes) else { return }
            tokens -= Double(packet.bytes)
        } else {
            switch plan.queue {
            case .time(let limit): if wait(at: now) > limit { return }
            case .bytes(let limit): if queuedBytes + packet.bytes > limit { return }
            }
        }
        queue.append(packet)
        queuedAt.append(now)
        queuedBytes += packet.bytes
    }

    private func refill(at now: Instant) {
        tokens = min(tokens + (now - tokensAt).seconds * Double(plan.rate(at: now)) / 8, Double(plan.bucket))
        tokensAt = now
    }

    /// Calls `deliver` for each packet that has left by `now`, with the time of its arrival at the far end.
    func advance(to now: Instant, _ deliver: (FlyingPacket, Instant) -> Void) {
        while head < queue.count {
            let packet = queue[head]
            let start = max(freeAt, queuedAt[head])
            var missing = Double(packet.bytes)
            if plan.isPolicer {
                missing = 0
            } else if plan.bucket > 0 {
                refill(at: start)
                missing = max(missing - tokens, 0)
            }
            let end = start + Interval(nanoseconds: Int64(missing * 8e9 / Double(plan.rate(at: start))))
            guard end <= now else { break }
            if plan.bucket > 0, !plan.isPolicer {
                refill(at: end)
                tokens = max(tokens - Double(packet.bytes), 0)
            }
            freeAt = end
            head += 1
            queuedBytes -= packet.bytes
            if isLost() { continue }
            deliver(packet, end + plan.delay + Interval(nanoseconds: Int64(Double(plan.jitter.nanoseconds) * chance())))
        }
        if head > 1_000 {
            queue.removeFirst(head)
            queuedAt.removeFirst(head)
            head = 0
        }
    }

    private func isLost() -> Bool {
        if let bursts = plan.bursts {
            let toGood = 1 / bursts.length
            let toBad = toGood * bursts.share / (1 - bursts.share)
            if chance() < (isBad ? toGood : toBad) { isBad.toggle() }
            if isBad, chance() < bursts.loss { return true }
        }
        return plan.loss > 0 && chance() < plan.loss
    }

    private func chance() -> Double { Double(entropy.next() >> 11) / Double(1 << 53) }
}
