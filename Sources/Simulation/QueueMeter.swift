import MediaPrimitives

/// How long a queue was over time, from what was known of it at each packet: a value each 5 ms, whether or not packets came.
package struct QueueMeter: Sendable {
    package static let interval = Interval.milliseconds(5)

    private let begin: Instant
    /// Milliseconds.
    private var samples: [Float] = []

    package init(from begin: Instant) { self.begin = begin }

    /// Until `now`, everything that had come would be gone by `free`; what others sent, had it been alone, by `othersFree`.
    mutating func advance(to now: Instant, free: Instant, othersFree: Instant) {
        while true {
            let at = begin + QueueMeter.interval * Int64(samples.count)
            guard at <= now else { return }
            samples.append(Float((max(free - at, .zero) - max(othersFree - at, .zero)).milliseconds))
        }
    }

    /// So many of a hundred instants between two had a shorter queue, in milliseconds. 0 where there was no instant.
    package func percentile(_ percentile: Double, from: Instant, until: Instant) -> Double {
        let sorted = values(from: from, until: until).sorted()
        return sorted.isEmpty ? 0 : Double(sorted[min(Int(percentile / 100 * Double(sorted.count)), sorted.count - 1)])
    }

    /// How long after `from` the queue is shorter than `limit` milliseconds and stays so at nine of ten instants of the next second. Nil if it never is.
    package func timeUntil(below limit: Double, from: Instant, until: Instant) -> Interval? {
        let values = values(from: from, until: until)
        let second = Int(Interval.seconds(1).nanoseconds / QueueMeter.interval.nanoseconds)
        for index in values.indices where Double(values[index]) < limit {
            let next = values[index..<min(index + second, values.endIndex)]
            if next.count(where: { Double($0) < limit }) * 10 >= next.count * 9 {
                return QueueMeter.interval * Int64(index - values.startIndex)
            }
        }
        return nil
    }

    /// The queue in milliseconds at each instant of the grid.
    package func values(from: Instant, until: Instant) -> ArraySlice<Float> {
        let (first, last) = (index(of: from), index(of: until))
        return first < last ? samples[first..<last] : []
    }

    /// Of the first instant that is not before `instant`.
    private func index(of instant: Instant) -> Int {
        let elapsed = max(0, (instant - begin).nanoseconds)
        let step = QueueMeter.interval.nanoseconds
        return min(samples.count, Int((elapsed + step - 1) / step))
    }
}
