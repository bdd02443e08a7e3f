import MediaPrimitives

/// Packets that were sent within 5 ms of each other, or arrived as one burst, are a group; between two groups in a row lies what the
/// delay estimate is made of (draft-ietf-rmcat-gcc-02 §5.2 and §5.3).
package struct PacketGroups {
    /// How much later a group was sent, and arrived, than the one before it.
    package struct Spacing: Equatable {
        package var sent: Interval
        package var arrived: Interval
        /// When the later one arrived, on the receiver's clock.
        package var arrival: Instant

        package init(sent: Interval, arrived: Interval, arrival: Instant) {
            self.sent = sent
            self.arrived = arrived
            self.arrival = arrival
        }
    }

    private struct Group {
        var firstSent: Instant
        var lastSent: Instant
        var firstArrival: Instant
        /// The latest: where packets overtake each other, that of another than the last.
        var lastArrival: Instant
    }

    private static let length = Interval.milliseconds(5)
    /// Packets that arrive within 5 ms of each other, and closer than they were sent, waited for the same thing: a radio, a scheduler.
    private static let burstGap = Interval.milliseconds(5)
    private static let burstLength = Interval.milliseconds(100)
    /// A longer time between groups says nothing of the link, but that a clock was set or the network changed (libwebrtc).
    private static let longestSpacing = Interval.seconds(3)

    private var previous: Group?
    private var current: Group?

    package init() {}

    /// Notes a packet that arrived, in the order of sending. The spacing, when it begins a new group and there are two before it.
    package mutating func note(sent: Instant, arrived arrival: Instant) -> Spacing? {
        guard var group = current else {
            current = Group(firstSent: sent, lastSent: sent, firstArrival: arrival, lastArrival: arrival)
            return nil
        }
        // Of a group that is over.
        guard sent >= group.firstSent else { return nil }
        if sent - group.firstSent <= PacketGroups.length || isBurst(sent: sent, arrived: arrival, after: group) {
            group.lastSent = max(group.lastSent, sent)
            group.lastArrival = max(group.lastArrival, arrival)
            current = group
            return nil
        }
        let before = previous
        previous = group
        current = Group(firstSent: sent, lastSent: sent, firstArrival: arrival, lastArrival: arrival)
        guard let before else { return nil }
        let spacing = Spacing(
            sent: group.lastSent - before.lastSent, arrived: group.lastArrival - before.lastArrival, arrival: group.lastArrival)
        guard spacing.sent < PacketGroups.longestSpacing, spacing.arrived.magnitude < PacketGroups.longestSpacing else {
            self = PacketGroups()
            return nil
        }
        return spacing
    }

    private func isBurst(sent: Instant, arrived arrival: Instant, after group: Group) -> Bool {
        let gap = arrival - group.lastArrival
        return gap < sent - group.lastSent && gap <= PacketGroups.burstGap && arrival - group.firstArrival < PacketGroups.burstLength
    }
}
