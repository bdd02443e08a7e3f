import MediaPrimitives
import RTP

/// The round trip to a participant by extended reports (RFC 3611 §4.4, §4.5): of whoever sends media to us and receives none, nothing else tells it.
///
/// It is told our time and says how long it kept that; and it is answered the same where it tells its own.
struct RoundTripReports {
    /// As many of its streams are answered; a time that comes from another is put in the place of the oldest.
    private static let mostReceivers = 8
    /// So many of our own times may be under way.
    private static let mostReferences = 4

    /// It agreed to be told our time.
    var isAgreed = false
    /// The last that was learned.
    private(set) var roundTrip: Interval?
    private var receivers: [(ssrc: SSRC, middle: UInt32, at: Instant)] = []
    /// The middle bits of what it was told last, newest last.
    private var references: [UInt32] = []

    /// One of its reports has come. Answers to what we never told, or to somebody else, say nothing. Returns the round trip where that was told.
    mutating func note(_ report: ExtendedReport, in bytes: RawSpan, us: SSRC, at now: Instant, ntp: NTPTime) -> Interval? {
        if let time = report.referenceTime {
            receivers.removeAll { $0.ssrc == report.sender }
            if receivers.count == RoundTripReports.mostReceivers { receivers.removeFirst() }
            receivers.append((report.sender, time.middle, now))
        }
        guard isAgreed else { return nil }
        var learned: Interval?
        report.forEachDelay(in: bytes) { delay in
            guard delay.receiver == us, let index = references.firstIndex(of: delay.lastReference) else { return }
            references.remove(at: index)
            learned = delay.roundTrip(at: ntp) ?? learned
        }
        if let learned { roundTrip = learned }
        return learned
    }

    /// Whether there is something to tell or to answer.
    var isDue: Bool { isAgreed || !receivers.isEmpty }

    /// Appends our time, and what there is to answer; each is answered once.
    mutating func write(into writer: inout ByteWriter, sender: SSRC, at now: Instant, ntp: NTPTime) {
        let delays = receivers.map { receiver in
            ExtendedReport.Delay(
                receiver: receiver.ssrc, lastReference: receiver.middle,
                delay: UInt32(clamping: max(0, (now - receiver.at).nanoseconds) / 1_000 &* 65_536 / 1_000_000))
        }
        receivers.removeAll(keepingCapacity: true)
        if isAgreed {
            if references.count == RoundTripReports.mostReferences { references.removeFirst() }
            references.append(ntp.middle)
        }
        ExtendedReport.write(into: &writer, sender: sender, referenceTime: isAgreed ? ntp : nil, delays: delays.span)
    }
}
