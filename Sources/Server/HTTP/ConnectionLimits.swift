import NIOCore

/// What connections may do to us: how slowly one may send, how much, and how many of them there may be.
package struct ConnectionLimits: Sendable {
    /// From the connection's start to the end of the first request's head.
    package var headTimeout: TimeAmount = .seconds(10)
    /// From the end of a request's head to the end of its body.
    package var bodyTimeout: TimeAmount = .seconds(20)
    /// Between an answer and the next request.
    package var idleTimeout: TimeAmount = .seconds(60)
    /// Bodies are read to this length, so that a refusal arrives before the connection is closed; nothing keeps what is read beyond a route's limit.
    package var bodyBytes = 1 << 20
    /// Joins carry a token and a gzipped session description in their address.
    package var headerBytes = 64 * 1024
    static let headerCount = 100
    /// Of all addresses together.
    package var connections = 100_000
    /// Offices and proxies share an address.
    package var connectionsPerAddress = 10_000

    /// - Parameter connections: how many there are descriptors for; one address gets half of them at most.
    package init(connections: Int = 100_000) {
        self.connections = connections
        connectionsPerAddress = max(1, min(connectionsPerAddress, connections / 2))
    }
}
