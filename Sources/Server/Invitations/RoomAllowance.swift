import Synchronization

/// How many rooms each client address may make in a minute.
package final class RoomAllowance: Sendable {
    /// In one window, by one address.
    package static let rooms = 30
    /// Addresses beyond these share one allowance until the window ends, so that the table stays small whoever comes.
    package static let addresses = 4_096
    private static let window = Duration.seconds(60)
    private static let others = ""

    private struct State {
        var end: ContinuousClock.Instant?
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Counts one room; nil where it may be made, else the whole seconds to wait.
    package func take(_ address: String, now: ContinuousClock.Instant) -> Int64? {
        state.withLock { state in
            let end: ContinuousClock.Instant
            if let current = state.end, now < current {
                end = current
            } else {
                end = now + Self.window
                state = State(end: end)
            }
            let isCounted = state.counts[address] != nil || state.counts.count < Self.addresses
            let key = isCounted ? address : Self.others
            guard state.counts[key, default: 0] < Self.rooms else { return now.duration(to: end).components.seconds + 1 }
            state.counts[key, default: 0] += 1
            return nil
        }
    }
}
