import Synchronization

/// How many rooms each client address may make in a minute.
package final class RoomAllowance: Sendable {
    /// In one window, by one address.
    package static let rooms = 30
    /// Addresses beyond these share one allowance until the window ends, so that the table stays small whoever comes.
    package static let addresses = 4_096
    private static let window = Duration.seconds(60)

    private struct State {
        var end: ContinuousClock.Instant?
        /// By address; of nil, all that have no place of their own.
        var counts: [ClientAddress?: Int] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Counts one room; nil where it may be made, else the whole seconds to wait.
    package func take(_ address: ClientAddress, now: ContinuousClock.Instant) -> Int64? {
        state.withLock { state in
            let end: ContinuousClock.Instant
            if let current = state.end, now < current {
                end = current
            } else {
                end = now + Self.window
                state = State(end: end)
            }
            let isCounted = state.counts[address] != nil || state.counts.count < Self.addresses
            let key = isCounted ? address : nil
            guard state.counts[key, default: 0] < Self.rooms else { return now.duration(to: end).components.seconds + 1 }
            state.counts[key, default: 0] += 1
            return nil
        }
    }
}
