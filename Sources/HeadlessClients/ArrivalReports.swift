import MediaPrimitives
import RTP

/// Transport-wide feedback as a browser sends it (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3), in little memory: what has arrived since the
/// last report, and nothing of before.
package struct ArrivalReports {
    /// More than this do not wait for the interval.
    private static let limit = 200

    /// From the first arrival to the report on it.
    private let interval: Interval
    private var unwrapper = SequenceUnwrapper()
    private var arrivals: [PacketArrival] = []
    /// The first number that the next report speaks of.
    private var base: Int64?
    private var count: UInt8 = 0
    package private(set) var nextDeadline = Instant.distantFuture

    package init(every interval: Interval = .milliseconds(100)) { self.interval = interval }

    package mutating func note(_ sequence: UInt16, at arrival: Instant) {
        let entry = PacketArrival(sequence: unwrapper.unwrap(sequence), arrival: arrival)
        if arrivals.isEmpty { nextDeadline = arrival + interval }
        guard let last = arrivals.last, last.sequence >= entry.sequence else {
            arrivals.append(entry)
            if arrivals.count >= ArrivalReports.limit { nextDeadline = min(nextDeadline, arrival) }
            return
        }
        let place = arrivals.lastIndex { $0.sequence < entry.sequence }.map { $0 + 1 } ?? 0
        if arrivals[place].sequence != entry.sequence { arrivals.insert(entry, at: place) }
    }

    /// Sends what is due. `media` is any stream of those that are reported on.
    package mutating func handleTimeout(
        at now: Instant, sender: SSRC, media: SSRC, over transport: ClientTransport, into batch: DatagramBatch
    ) {
        guard nextDeadline <= now else { return }
        transport.sendRTCP(into: batch) { write(into: &$0, sender: sender, media: media, at: now) }
    }

    /// Writes a report on what waits. What does not fit waits for the next one.
    package mutating func write(into writer: inout ByteWriter, sender: SSRC, media: SSRC, at now: Instant) {
        let told = TransportFeedback.write(
            into: &writer, sender: sender, media: media, feedbackCount: count, base: base, arrivals: arrivals.span, maximumLength: 1_100)
        guard told > 0 else {
            // A gap that no report spans: begin anew behind it.
            base = nil
            arrivals.removeAll(keepingCapacity: true)
            nextDeadline = .distantFuture
            return
        }
        count &+= 1
        base = arrivals[told - 1].sequence + 1
        arrivals.removeFirst(told)
        nextDeadline = arrivals.isEmpty ? .distantFuture : now
    }
}
