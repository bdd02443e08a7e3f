import MediaPrimitives

/// Whether less is sent than may be: what arrives then says little of the link, and only probes find out what it can do.
///
/// A budget that fills at 65 % of the target and is spent by what is sent: nearly full means limited, half empty means not (libwebrtc).
package struct ApplicationLimit {
    private static let share = 0.65
    private static let window = Interval.milliseconds(500)
    private static let beginsAbove = 0.8
    private static let endsBelow = 0.5

    /// Since when; nil while enough is sent.
    package private(set) var since: Instant?
    /// Whether it is so now.
    package var isLimited: Bool { since != nil }
    /// In bytes, from minus to plus what the window holds.
    private var budget = 0.0
    private var updatedAt: Instant?

    package init() {}

    /// So many bytes were sent since the last call, at this target.
    package mutating func update(sent bytes: Int, target: Bitrate, at now: Instant) {
        let rate = target * ApplicationLimit.share
        let full = Double(rate.bytes(in: ApplicationLimit.window))
        let elapsed = now - (updatedAt ?? now)
        updatedAt = now
        budget = min(max(budget + Double(rate.bytes(in: elapsed)) - Double(bytes), -full), full)
        if budget > ApplicationLimit.beginsAbove * full {
            if since == nil { since = now }
        } else if budget < ApplicationLimit.endsBelow * full {
            since = nil
        }
    }
}
