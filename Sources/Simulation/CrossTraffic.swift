import MediaPrimitives

/// Somebody else's packets at a narrow place: a constant rate from one instant to another, whatever becomes of them.
package struct CrossTraffic: Sendable {
    /// Bits a second on the wire.
    package let rate: Int
    package let from: Instant
    package let until: Instant
    /// Bytes on the wire of each packet.
    package let length: Int
    /// When the next packet comes; distant future when there is none.
    private(set) var next: Instant

    package init(rate: Int, from: Instant, until: Instant = .distantFuture, length: Int = 1_200) {
        self.rate = max(1, rate)
        self.from = from
        self.until = until
        self.length = length
        next = from < until ? from : .distantFuture
    }

    mutating func advance() {
        next = next + Interval(nanoseconds: Int64(length) * 8_000_000_000 / Int64(rate))
        if next >= until { next = .distantFuture }
    }

    /// Bits that it sends between two instants.
    package func bits(from begin: Instant, until end: Instant) -> Double {
        let (first, last) = (max(begin, from), min(end, until))
        return last > first ? Double(rate) * (last - first).seconds : 0
    }
}
