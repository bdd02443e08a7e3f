import MediaPrimitives
import RTP

/// Feedback by stream as RFC 8888 has it: when each packet came since the last report, and which did not.
package struct StreamArrivalReports {
    private struct Stream {
        var unwrapper = SequenceUnwrapper()
        /// The first number that the next report speaks of.
        var begin: Int64
        var arrivals: [Int64: UInt32] = [:]
    }

    private static let limit = 64
    private let interval: Interval
    private var streams: [(ssrc: SSRC, stream: Stream)] = []
    package private(set) var nextDeadline = Instant.distantFuture

    package init(every interval: Interval = .milliseconds(100)) { self.interval = interval }

    package mutating func note(_ header: RTPHeader, at arrival: Instant, clock: WallClock) {
        if nextDeadline == .distantFuture { nextDeadline = arrival + interval }
        var index = streams.firstIndex { $0.ssrc == header.ssrc }
        if index == nil, streams.count < StreamArrivalReports.limit {
            var unwrapper = SequenceUnwrapper()
            let first = unwrapper.unwrap(header.sequenceNumber.rawValue)
            streams.append((header.ssrc, Stream(begin: first)))
            index = streams.count - 1
        }
        guard let index else { return }
        let number = streams[index].stream.unwrapper.unwrap(header.sequenceNumber.rawValue)
        guard number >= streams[index].stream.begin, streams[index].stream.arrivals[number] == nil else { return }
        streams[index].stream.arrivals[number] = clock.ntp(at: arrival).middle
    }

    /// Sends what is due.
    package mutating func handleTimeout(
        at now: Instant, sender: SSRC, clock: WallClock, over transport: ClientTransport, into batch: DatagramBatch
    ) {
        guard nextDeadline <= now else { return }
        nextDeadline = .distantFuture
        var reports: [CongestionControlFeedback.StreamReport] = []
        for index in streams.indices {
            let (ssrc, stream) = streams[index]
            guard let last = stream.arrivals.keys.max(), last - stream.begin < 400 else { continue }
            reports.append(
                CongestionControlFeedback.StreamReport(
                    ssrc: ssrc, begin: SequenceNumber(UInt16(truncatingIfNeeded: stream.begin)),
                    arrivals: (stream.begin...last).map { stream.arrivals[$0] }))
            streams[index].stream.begin = last + 1
            streams[index].stream.arrivals = [:]
        }
        guard !reports.isEmpty else { return }
        transport.sendRTCP(into: batch) {
            CongestionControlFeedback.write(
                into: &$0, sender: sender, reportTimestamp: clock.ntp(at: now).middle, streams: reports)
        }
    }
}
