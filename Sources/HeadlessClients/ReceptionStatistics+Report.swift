import Forwarding
import MediaPrimitives
import RTP

extension ReceptionStatistics {
    /// What a receiver says of a stream; nil before its first packet. Resets the interval that the fraction lost is about.
    package mutating func reportBlock(on ssrc: SSRC, _ clock: SenderClock, at now: Instant) -> ReportBlock? {
        guard hasPackets else { return nil }
        let report = takeReport()
        var block = ReportBlock(
            ssrc: ssrc, fractionLost: report.fractionLost, cumulativeLost: report.cumulativeLost, highestSequence: report.highestSequence,
            jitter: report.jitter)
        if let last = clock.lastReport {
            block.lastSenderReport = last.middle
            block.delaySinceLastSenderReport = UInt32(clamping: (now - last.arrival).nanoseconds / 1_000 * 65_536 / 1_000_000)
        }
        return block
    }
}
