import MediaPrimitives
import RTP

/// What the reception reports on one stream say from one to the next (RFC 3550 §6.4.1).
package struct ReceptionProgress: Sendable {
    private var highest: UInt32?
    private var lost: Int32 = 0

    package init() {}

    /// Packets sent and lost since the last report; nil for the first, and where the numbers have gone back or jumped.
    package mutating func note(_ block: ReportBlock) -> (packets: Int, lost: Int)? {
        let former = highest
        let formerLost = lost
        highest = block.highestSequence
        lost = block.cumulativeLost
        guard let former else { return nil }
        let packets = Int(Int32(truncatingIfNeeded: block.highestSequence &- former))
        guard packets > 0, packets <= 0x8000 else { return nil }
        return (packets, min(max(Int(block.cumulativeLost) - Int(formerLost), 0), packets))
    }
}

extension BandwidthEstimator {
    private static let shortestReport = Interval.milliseconds(200)
    /// A round trip so much above its least stands in for the trend of the delay.
    private static let reportedQueue = Interval.milliseconds(100)

    /// A receiver report has arrived. It counts where there is no transport-wide feedback; `noteSent` has to be called all the same.
    ///
    /// - Parameters:
    ///   - packets: Sent since the last report, of all streams that the report tells of; what `ReceptionProgress` gives, summed up.
    ///   - lost: Of those.
    ///   - roundTrip: Worked out from LSR and DLSR; nil before the first sender report has been answered.
    package mutating func noteReport(packets: Int, lost: Int, roundTrip: Interval?, at now: Instant) {
        guard !hasTransportFeedback, packets > 0 else { return }
        if let roundTrip {
            path.noteRoundTrip(roundTrip)
            path.noteWay(roundTrip, at: now)
        }
        endSilence(at: now)
        unansweredSince = nil
        guard let last = lastReport else {
            lastReport = (now, sent.bytes)
            lastFeedback = (now, now)
            return
        }
        guard now - last.at >= BandwidthEstimator.shortestReport else { return }
        lastReport = (now, sent.bytes)
        lastFeedback = (now, now)
        let bytes = max(sent.bytes &- last.bytes, 0)
        loss.note(packets: packets, lost: Double(lost), from: last.at, to: now)
        let share = min(max(Double(lost) / Double(packets), 0), 1)
        let rate = Bitrate(bytes: bytes, in: now - last.at) * (1 - share)
        apply(
            usage: path.queue > BandwidthEstimator.reportedQueue ? .overused : .normal, throughput: rate, recent: rate, at: now)
    }

    /// The receiver asks for no more than `rate` (REMB). It counts as a cap where there is no transport-wide feedback.
    package mutating func noteReceiverLimit(_ rate: Bitrate, at now: Instant) {
        receiverLimit = rate
        settle(at: now)
    }
}
