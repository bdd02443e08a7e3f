import MediaPrimitives

/// A narrow place that several links may share, with one drop-tail queue before it: its rate may change by plan, others may send through it, and
/// what our own packets make of its queue is measured.
package final class Bottleneck {
    package let plan: RatePlan
    package let limit: LinkConditions.QueueLimit
    /// Bytes that pass at once after a silence (a token bucket, as shapers and some access networks have); 0 for a plain line.
    package let bucket: Int
    package private(set) var others: [CrossTraffic]
    /// The part of the queue that would not be there without our packets.
    package private(set) var meter: QueueMeter
    /// Bytes of ours that passed, headers of IP and UDP included, and datagrams that found the queue full.
    package private(set) var passed = 0
    package private(set) var refused = 0

    /// When each datagram that waits is through, for limits in bytes.
    private var ends: [(at: Instant, bytes: Int)] = []
    private var first = 0
    private var waiting = 0
    /// When a plain line would be free again; what a bucket lets pass is that much earlier.
    private var free: Instant
    private var othersFree: Instant

    package init(
        _ plan: RatePlan, queue limit: LinkConditions.QueueLimit = .time(.milliseconds(300)), bucket: Int = 0, others: [CrossTraffic] = [],
        at now: Instant
    ) {
        self.plan = plan
        self.limit = limit
        self.bucket = bucket
        self.others = others
        meter = QueueMeter(from: now)
        free = now
        othersFree = now
    }

    /// When one of our datagrams that comes now is through; nil where it finds no room. `wait` is the time before its first bit.
    package func pass(_ bytes: Int, at now: Instant) -> (end: Instant, wait: Interval)? {
        advance(to: now)
        guard let passage = enqueue(bytes, at: now) else {
            refused += 1
            return nil
        }
        passed += bytes
        return passage
    }

    /// Lets others send what is due by `now`, and measures.
    package func advance(to now: Instant) {
        while let index = others.indices.min(by: { others[$0].next < others[$1].next }), others[index].next <= now {
            let (at, bytes) = (others[index].next, others[index].length)
            meter.advance(to: at, free: passing(free, at: at), othersFree: passing(othersFree, at: at))
            others[index].advance()
            let backlog = plan.bits(from: at, until: max(at, othersFree)) / 8
            if fits(bytes, behind: othersFree, waiting: Int(backlog), at: at) {
                othersFree = plan.end(of: bytes * 8, from: max(at, othersFree))
            }
            _ = enqueue(bytes, at: at)
        }
        meter.advance(to: now, free: passing(free, at: now), othersFree: passing(othersFree, at: now))
    }

    /// When that is through which a plain line would have sent by `end`.
    private func passing(_ end: Instant, at now: Instant) -> Instant {
        bucket == 0 ? end : max(now, end - Interval(nanoseconds: Int64(bucket) * 8_000_000_000 / Int64(plan.rate(at: now))))
    }

    private func enqueue(_ bytes: Int, at now: Instant) -> (end: Instant, wait: Interval)? {
        while first < ends.count, ends[first].at <= now {
            waiting -= ends[first].bytes
            first += 1
        }
        if first * 2 >= ends.count {
            ends.removeFirst(first)
            first = 0
        }
        guard fits(bytes, behind: free, waiting: waiting, at: now) else { return nil }
        let wait = passing(max(now, free), at: now) - now
        free = plan.end(of: bytes * 8, from: max(now, free))
        let end = passing(free, at: now)
        ends.append((end, bytes))
        waiting += bytes
        return (end, wait)
    }

    private func fits(_ bytes: Int, behind free: Instant, waiting: Int, at now: Instant) -> Bool {
        switch limit {
        case .bytes(let limit): waiting + bytes <= limit
        case .time(let limit): passing(free, at: now) - now <= limit
        }
    }
}
