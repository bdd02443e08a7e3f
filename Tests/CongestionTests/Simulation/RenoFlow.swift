import MediaPrimitives

/// A flow that only loss slows down: it fills whatever queue there is (RFC 5681 without its details: slow start, additive increase, half after a loss).
final class RenoFlow {
    private static let segment = 1_200

    let index: Int
    private let startsAt: Instant
    private var window = 10.0
    private var threshold = 1e9
    private var next: Int64 = 0
    private var acknowledged: Int64 = 0
    /// Losses of packets before this one belong to a loss that was reacted to.
    private var recoverUntil: Int64 = 0
    private var arriving: [(at: Instant, number: Int64)] = []
    private var lastProgress = Instant(nanoseconds: 0)
    private(set) var bytes = 0

    init(_ index: Int, startsAt: Instant) {
        self.index = index
        self.startsAt = startsAt
    }

    /// An acknowledgement comes back after the way has been gone twice.
    func arrive(_ packet: FlyingPacket, at arrival: Instant, back: Interval) {
        bytes += packet.bytes
        arriving.append((arrival + back, packet.number))
    }

    func advance(to now: Instant, _ link: Bottleneck) {
        guard now >= startsAt else { return }
        while let first = arriving.first, first.at <= now {
            arriving.removeFirst()
            lastProgress = now
            // What comes before it and has not arrived is lost: this way keeps the order.
            if first.number > acknowledged, acknowledged >= recoverUntil {
                window = max(window / 2, 2)
                threshold = window
                recoverUntil = next
            }
            acknowledged = first.number + 1
            window += window < threshold ? 1 : 1 / window
        }
        if now - lastProgress > .seconds(1) {
            window = 2
            acknowledged = next
            recoverUntil = next
            lastProgress = now
        }
        while Double(next - acknowledged) < window {
            link.enqueue(
                FlyingPacket(flow: index, number: next, bytes: RenoFlow.segment, sentAt: now, isPadding: false), at: now)
            next += 1
        }
    }
}
