import MediaPrimitives

/// Maps an encoding's RTP timestamps to time, from its sender reports (RFC 3550 §6.4.1).
package struct SenderClock: Sendable {
    private let clockRate: Int64
    /// The last report: the sender's NTP time and the timestamp that belongs to it.
    package private(set) var reference: (ntp: NTPTime, timestamp: UInt32)?
    /// When the last report arrived, and the middle bits of its NTP time, for LSR and DLSR.
    package private(set) var lastReport: (middle: UInt32, arrival: Instant)?

    package init(clockRate: UInt32) { self.clockRate = Int64(clockRate) }

    package mutating func note(ntp: NTPTime, timestamp: UInt32, at now: Instant) {
        lastReport = (ntp.middle, now)
        // NTP 0 means that the sender has no clock to speak of.
        if ntp.rawValue != 0 { reference = (ntp, timestamp) }
    }

    /// The sender's time of `timestamp`; nil before the first report.
    package func ntp(of timestamp: UInt32) -> NTPTime? {
        guard let reference else { return nil }
        let units = Int64(Int32(truncatingIfNeeded: timestamp &- reference.timestamp))
        return reference.ntp.advanced(by: Interval(nanoseconds: units &* 1_000_000_000 / clockRate))
    }

    /// The timestamp that the sender would give to `ntp` (its own time); nil before the first report.
    package func timestamp(at ntp: NTPTime) -> UInt32? {
        guard let reference else { return nil }
        let elapsed = ntp.since(reference.ntp)
        guard abs(elapsed.nanoseconds) < 36_000_000_000_000 else { return nil }
        let seconds = elapsed.nanoseconds / 1_000_000_000
        let rest = elapsed.nanoseconds % 1_000_000_000
        return reference.timestamp &+ UInt32(truncatingIfNeeded: seconds &* clockRate &+ rest &* clockRate / 1_000_000_000)
    }
}

/// How far a participant's clock lies from ours, common to all its streams, so that sound and picture stay together.
///
/// The smallest difference of arrival and sending time has the least queueing in it. It may rise slowly, since clocks drift.
package struct ClockOffset: Sendable {
    private var offset: Interval?
    private var notedAt = Instant(nanoseconds: 0)

    package init() {}

    /// As another worker has found it at `now`.
    package init(_ offset: Interval?, at now: Instant) {
        self.offset = offset
        notedAt = now
    }

    /// Our time less the participant's; nil before the first report.
    package var current: Interval? { offset }

    /// A report of the sender's time `remote` arrived at our time `local`.
    package mutating func note(remote: NTPTime, local: NTPTime, at now: Instant) {
        let sample = local.since(remote)
        guard let old = offset else {
            offset = sample
            notedAt = now
            return
        }
        // 100 ppm of drift is allowed for; a jump of over five seconds is a clock that was set.
        let drift = Interval(nanoseconds: max(0, (now - notedAt).nanoseconds) / 10_000)
        let expected = old + drift
        offset = abs((sample - old).nanoseconds) > 5_000_000_000 ? sample : min(sample, expected)
        notedAt = now
    }

    /// Our time `local` on the participant's clock.
    package func remote(of local: NTPTime) -> NTPTime? {
        offset.map { local.advanced(by: Interval(nanoseconds: -$0.nanoseconds)) }
    }
}
