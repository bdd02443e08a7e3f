import MediaPrimitives

/// How intervals are spread, in buckets of an eighth of a doubling: percentiles are at most an eighth too high, in 3 KB.
package struct Histogram: Sendable {
    /// From 1 µs on, eight buckets to each doubling: up to 18 hours.
    private static let bucketsPerDoubling = 8
    private static let bucketCount = 8 * 36

    private var counts = [UInt64](repeating: 0, count: Histogram.bucketCount)
    package private(set) var count: UInt64 = 0
    package private(set) var maximum = Interval.zero

    package init() {}

    /// Negative intervals count as zero.
    package mutating func add(_ interval: Interval) {
        counts[Histogram.bucket(of: interval)] &+= 1
        count &+= 1
        maximum = max(maximum, interval)
    }

    package mutating func add(_ other: Histogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
        count &+= other.count
        maximum = max(maximum, other.maximum)
    }

    /// The interval that so many in a hundred do not exceed; zero where nothing was added.
    package func percentile(_ percent: Double) -> Interval {
        guard count > 0 else { return .zero }
        let wanted = max(1, UInt64((Double(count) * percent / 100).rounded(.up)))
        var seen: UInt64 = 0
        for (index, found) in counts.enumerated() {
            seen &+= found
            if seen >= wanted { return min(Histogram.upperBound(index), maximum) }
        }
        return maximum
    }

    private static func bucket(of interval: Interval) -> Int {
        let microseconds = UInt64(max(0, interval.nanoseconds / 1_000))
        guard microseconds >= 8 else { return Int(microseconds) }
        // The three bits behind the leading one tell the eighth.
        let doubling = 63 &- microseconds.leadingZeroBitCount
        let eighth = Int(truncatingIfNeeded: (microseconds >> UInt64(doubling &- 3)) & 7)
        return min((doubling &- 2) &* bucketsPerDoubling &+ eighth, bucketCount &- 1)
    }

    private static func upperBound(_ bucket: Int) -> Interval {
        guard bucket >= 8 else { return .microseconds(Int64(bucket) + 1) }
        let doubling = bucket / bucketsPerDoubling + 2
        let eighth = Int64(bucket % bucketsPerDoubling)
        return .microseconds((8 + eighth + 1) << Int64(doubling - 3))
    }
}
