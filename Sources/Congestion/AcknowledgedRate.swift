import MediaPrimitives

/// How much arrived, by the receiver's clock: bytes in slots of 10 ms, over the last 1.28 s.
///
/// Where libwebrtc has one smoothed value, two windows are asked for. While a queue stands, packets arrive evenly, at what the link passes: then a
/// short window is exact, and shows a link that has become narrow at once. Otherwise they come in frames, which a long one evens out.
package struct AcknowledgedRate {
    /// What a decrease is measured by.
    package static let short = Interval.milliseconds(250)
    /// What bounds an increase.
    package static let long = Interval.milliseconds(1000)

    private static let slot = Interval.milliseconds(10)
    private static let count = 128

    private var bytes = InlineArray<128, UInt32>(repeating: 0)
    /// The slot of the latest arrival, counted from the clock's zero, and that arrival itself.
    private var newest: Int64 = 0
    private var latest: Instant?
    private var first: Instant?

    package init() {}

    /// Notes `bytes` that arrived. What arrived before the oldest slot is left out.
    package mutating func note(_ count: Int, arrived arrival: Instant) {
        let slot = arrival.nanoseconds / AcknowledgedRate.slot.nanoseconds
        guard latest != nil else {
            begin(at: arrival, slot)
            add(count, to: slot)
            return
        }
        let ahead = slot &- newest
        if ahead > 0 {
            // After a silence longer than the window, or where the clock was set: from the beginning.
            if ahead >= Int64(AcknowledgedRate.count) {
                begin(at: arrival, slot)
            } else {
                for empty in 1...ahead { bytes[place(newest &+ empty)] = 0 }
                newest = slot
            }
        } else if ahead <= -Int64(AcknowledgedRate.count) {
            return
        }
        if let latest, arrival > latest { self.latest = arrival }
        add(count, to: slot)
    }

    private mutating func begin(at arrival: Instant, _ slot: Int64) {
        self = AcknowledgedRate()
        latest = arrival
        first = arrival
        newest = slot
    }

    private mutating func add(_ count: Int, to slot: Int64) { bytes[place(slot)] &+= UInt32(truncatingIfNeeded: count) }

    private func place(_ slot: Int64) -> Int { Int(truncatingIfNeeded: slot) & (AcknowledgedRate.count - 1) }

    /// Over the last `window` before the latest arrival, or since the first where that is shorter; nil while it is shorter than `window` / 2.
    /// Nothing changes; it is `mutating` so that the slots are not copied to be looked at.
    package mutating func rate(over window: Interval) -> Bitrate? {
        guard let latest, let first, latest - first >= window / 2 else { return nil }
        let slots = min(window.nanoseconds / AcknowledgedRate.slot.nanoseconds, Int64(AcknowledgedRate.count) - 1)
        var sum = 0
        for back in 0...slots { sum &+= Int(bytes[place(newest &- back)]) }
        let begin = Instant(nanoseconds: (newest &- slots) &* AcknowledgedRate.slot.nanoseconds)
        return Bitrate(bytes: sum, in: latest - max(begin, first))
    }
}
