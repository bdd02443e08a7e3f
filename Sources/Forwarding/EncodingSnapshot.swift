import MediaPrimitives

/// How an encoding is at one moment, for another worker to take it up from.
package struct EncodingSnapshot: Sendable, Equatable {
    /// A sender report: the sender's time, the timestamp that belongs to it, and when it came.
    package struct Report: Sendable, Equatable {
        package var ntp: NTPTime
        package var timestamp: UInt32
        package var arrival: Instant

        package init(ntp: NTPTime, timestamp: UInt32, arrival: Instant) {
            self.ntp = ntp
            self.timestamp = timestamp
            self.arrival = arrival
        }
    }

    package var ssrc: SSRC?
    package var report: Report?
    package var lastArrival: Instant?
    package var bitsPerSecond: Int
    /// Lines of the last keyframe; 0 where they are not known.
    package var height: Int
    /// Its publisher was told not to send it.
    package var isSwitchedOff: Bool

    package init(ssrc: SSRC?, report: Report?, lastArrival: Instant?, bitsPerSecond: Int, height: Int, isSwitchedOff: Bool) {
        self.ssrc = ssrc
        self.report = report
        self.lastArrival = lastArrival
        self.bitsPerSecond = bitsPerSecond
        self.height = height
        self.isSwitchedOff = isSwitchedOff
    }
}

extension Encoding {
    package var snapshot: EncodingSnapshot {
        var report: EncodingSnapshot.Report?
        if let reference = clock.reference, let last = clock.lastReport {
            report = EncodingSnapshot.Report(ntp: reference.ntp, timestamp: reference.timestamp, arrival: last.arrival)
        }
        return EncodingSnapshot(
            ssrc: ssrc, report: report, lastArrival: activity.lastArrival,
            bitsPerSecond: supply.isOff ? supply.rate : activity.bitsPerSecond, height: activity.height, isSwitchedOff: supply.isOff)
    }

    /// Takes up where another worker's encoding is. Before the first packet only.
    package func resume(from snapshot: EncodingSnapshot) {
        if let ssrc = snapshot.ssrc { bind(ssrc) }
        if let report = snapshot.report { noteReport(ntp: report.ntp, timestamp: report.timestamp, at: report.arrival) }
        activity = EncodingActivity(
            lastArrival: snapshot.lastArrival, bitsPerSecond: snapshot.bitsPerSecond, height: snapshot.height)
        if snapshot.isSwitchedOff { supply.switchOff(rate: snapshot.bitsPerSecond) }
    }
}
