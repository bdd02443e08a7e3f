import MediaPrimitives

/// What a narrow place passes, in bits a second, known for all time: how long a datagram takes is then exact, though the rate changes under it.
package struct RatePlan: Sendable {
    private struct Step: Sendable {
        var from: Instant
        var rate: Int
    }

    /// In the order of time; the first holds before its own beginning, too.
    private var steps: [Step]

    package init(_ rate: Int) { steps = [Step(from: Instant(nanoseconds: 0), rate: max(1, rate))] }

    /// From `instant` on the rate is another one; what was planned for later is forgotten.
    package mutating func change(to rate: Int, at instant: Instant) {
        while steps.count > 1, let last = steps.last, last.from >= instant { steps.removeLast() }
        steps.append(Step(from: instant, rate: max(1, rate)))
    }

    /// The rate changes evenly until it is `rate`, in steps of 100 ms.
    package mutating func ramp(to rate: Int, from begin: Instant, until end: Instant) {
        let first = self.rate(at: begin)
        let count = max(1, (end - begin).nanoseconds / 100_000_000)
        for step in 1...count {
            change(to: first + Int(Int64(rate - first) * step / count), at: begin + (end - begin) * (step - 1) / count)
        }
    }

    package func rate(at instant: Instant) -> Int { (steps.last { $0.from <= instant } ?? steps[0]).rate }

    /// When so many bits are through of which the first begins at `begin`.
    package func end(of bits: Int, from begin: Instant) -> Instant {
        var rest = Double(bits)
        var now = begin
        var index = steps.lastIndex { $0.from <= begin } ?? 0
        while index + 1 < steps.count {
            let passes = Double(steps[index].rate) * (steps[index + 1].from - now).seconds
            if passes >= rest { break }
            rest -= passes
            now = steps[index + 1].from
            index += 1
        }
        return now + Interval(nanoseconds: Int64(rest * 1e9 / Double(steps[index].rate)))
    }

    /// Bits that pass between two instants.
    package func bits(from begin: Instant, until end: Instant) -> Double {
        var sum = 0.0
        for (index, step) in steps.enumerated() {
            let from = index == 0 ? begin : max(begin, step.from)
            let until = index + 1 < steps.count ? min(end, steps[index + 1].from) : end
            if until > from { sum += Double(step.rate) * (until - from).seconds }
        }
        return sum
    }
}
