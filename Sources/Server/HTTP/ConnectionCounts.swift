import Synchronization

/// How many connections there are, and how many each address has.
package final class ConnectionCounts: Sendable {
    private struct State {
        var all = 0
        var byAddress: [ClientAddress: Int] = [:]

        mutating func add(_ address: ClientAddress) {
            all += 1
            byAddress[address, default: 0] += 1
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// Counts one in; or says why not, and counts nothing.
    func open(_ address: ClientAddress, _ limits: ConnectionLimits) -> String? {
        state.withLock {
            guard $0.all < limits.connections else { return "This server has as many connections as it takes." }
            guard $0.byAddress[address, default: 0] < limits.connectionsPerAddress else {
                return "Too many connections come from this address."
            }
            $0.add(address)
            return nil
        }
    }

    /// Counts a connection that has a place for longer: whoever had it gives it back.
    func keep(_ address: ClientAddress) { state.withLock { $0.add(address) } }

    func close(_ address: ClientAddress) {
        state.withLock {
            guard let count = $0.byAddress[address] else { return }
            $0.byAddress[address] = count > 1 ? count - 1 : nil
            $0.all -= 1
        }
    }
}
