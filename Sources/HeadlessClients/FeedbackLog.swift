import MediaPrimitives
import RTP

/// What transport-wide feedback has told a sender so far: the latest word on each packet counts.
package struct FeedbackLog: Sendable {
    private var unwrapper = SequenceUnwrapper()
    private var arrivals: [Int64: Int64?] = [:]
    private var lastCount: UInt8?
    /// Messages, and gaps in their count.
    package private(set) var messages = 0
    package private(set) var lostMessages = 0

    package init() {}

    package mutating func note(_ feedback: TransportFeedback, in bytes: RawSpan) {
        messages += 1
        if let lastCount, feedback.feedbackCount != lastCount &+ 1 { lostMessages += 1 }
        lastCount = feedback.feedbackCount
        var statuses = feedback.makeIterator()
        while let status = statuses.next(in: bytes) {
            let number = unwrapper.unwrap(status.sequence.rawValue)
            // A packet that was told as arrived stays so.
            if case .some(.some) = arrivals[number] { continue }
            arrivals[number] = .some(status.arrivalTicks)
        }
    }

    /// How many packets were told as arrived, as lost, and not at all up to the highest.
    package var summary: (arrived: Int, lost: Int, untold: Int) {
        guard let highest = arrivals.keys.max(), let lowest = arrivals.keys.min() else { return (0, 0, 0) }
        let arrived = arrivals.values.count { $0 != nil }
        return (arrived, arrivals.count - arrived, Int(highest - lowest) + 1 - arrivals.count)
    }
}
