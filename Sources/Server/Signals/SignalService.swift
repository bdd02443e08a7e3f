import Logging

/// What a port needs to open signalling sockets.
package struct SignalService: Sendable {
    let door: SignalDoor
    let limits: SignalLimits
    /// Answers to upgrades are counted beside those of the routes.
    let requests: RequestCounts
    package let sockets = SignalSocketCount()
    let logger: Logger

    package init(
        keys: TokenKeys, host: any SignalHost, limits: SignalLimits = SignalLimits(), requests: RequestCounts, logger: Logger
    ) {
        door = SignalDoor(keys: keys, host: host)
        self.limits = limits
        self.requests = requests
        self.logger = logger
    }
}
