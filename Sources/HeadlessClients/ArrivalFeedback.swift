import Congestion
import MediaPrimitives
import RTP

/// What a client tells the server of the arrival of what it is sent, every 50 ms while something comes: transport-wide feedback.
package struct ArrivalFeedback {
    private var log = ArrivalLog()
    private var count: UInt8 = 0

    package init() {}

    /// A packet has arrived that bears a transport-wide number.
    package mutating func note(_ values: HeaderExtensionValues, at now: Instant) {
        if let number = values.transportSequence { log.note(number, at: now) }
    }

    package var nextDeadline: Instant { log.nextDeadline }

    /// Sends what is due. `media` is any stream of those that are reported on.
    package mutating func handleTimeout(
        at now: Instant, sender: SSRC, media: SSRC, over transport: ClientTransport, into batch: DatagramBatch
    ) {
        guard log.nextDeadline <= now else { return }
        guard let pending = log.pending() else { return log.postpone(at: now) }
        var told = 0
        transport.sendRTCP(into: batch) { writer in
            told = TransportFeedback.write(
                into: &writer, sender: sender, media: media, feedbackCount: count, base: pending.base, arrivals: pending.arrivals.span)
        }
        guard told > 0 else { return log.postpone(at: now) }
        count &+= 1
        log.noteReported(through: pending.arrivals[told - 1].sequence, at: now)
    }
}
