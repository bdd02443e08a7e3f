import Logging
import MediaPrimitives

/// All that `apus serve` needs to know, decided.
package struct ServeConfiguration: Sendable {
    package var dev = false
    /// Where HTTP listens: hosts without port. Media is always on all interfaces, so that a proxy in front of HTTP can have loopback for itself.
    package var httpHosts: [String] = ["0.0.0.0"]
    /// Where media is taken: all addresses of each family that this machine has.
    package var mediaHosts: [String] = ["0.0.0.0"]
    package var port: UInt16 = 7880
    package var udpPort: UInt16 = 7882
    package var tcpPort: UInt16 = 7881
    package var adminPort: UInt16 = 7889
    /// Where the admin port listens. Nobody is asked for a token there.
    package var adminHosts: [String] = ["127.0.0.1"]
    /// Proxies before HTTP that say where requests come from.
    package var trustedProxies = TrustedProxies()
    /// What clients are told to send media to; the ports in it mean nothing.
    package var announced: [SocketAddress] = []
    package var keys: [APIKey] = []
    package var workers = 1
    package var maxRooms = 10_000
    /// Of one room, those who only watch included.
    package var maxParticipants = 1_000
    /// Whether what participants are sent is adapted to what their connections carry.
    package var congestionControl = true
    /// So many of a room's tracks of sound are sent at a time; 0 for all.
    package var audioTop = 0
    /// Whether clients are told which layers of their pictures nobody watches, and need not send them.
    package var dynacast = true
    package var drainTimeout: Interval = .seconds(30)
    /// Whether `/` is the web app, where anybody may make a room.
    package var webApp = true
    package var invitationLifetime: Interval = .seconds(86_400)
    package var logLevel: Logger.Level = .info
    /// What works otherwise than whoever gave these options may think, a sentence each.
    package private(set) var warnings: [String] = []

    /// HMAC-SHA256 is as strong as its secret, up to 32 bytes (RFC 7518 §3.2 asks for no less).
    package static let shortestSecret = 32

    /// Joins the sources, the strongest first: flags, then environment, then file. What none says is decided by `dev` and by the interfaces.
    package init(sources: [GivenOptions], interfaces: [SocketAddress]) throws(StartError) {
        for source in sources.reversed() {
            for (option, given) in source.values { apply(option, given.value) }
        }
        let says = { (option: ServeOption) in sources.contains { $0.values[option] != nil } }
        if workers > 1, says(.tcpPort) {
            warnings.append(
                """
                With \(ServeOption.workers.flag) \(workers), media over TCP (\(ServeOption.tcpPort.flag)) reaches only the participants of the \
                first worker: others get none.
                """)
        }
        if dev, !says(.drainTimeout) { drainTimeout = .seconds(5) }
        keys = try Self.keys(from: sources)
        try refuseSharedPorts()
        // "localhost" is both loopback addresses, or the one there is.
        let hasLoopback6 = interfaces.contains { $0.isLoopback && !$0.isIPv4 }
        let present = { (hosts: [String]) in hosts.count > 1 && !hasLoopback6 ? hosts.filter { $0 != "::1" } : hosts }
        let hasIPv6 = interfaces.contains { !$0.isIPv4 }
        if hasIPv6 { mediaHosts.append("::") }
        if says(.bind) {
            httpHosts = present(httpHosts)
        } else {
            // One dual-stack socket where the machine has IPv6 at all.
            httpHosts = dev ? present(["127.0.0.1", "::1"]) : [hasIPv6 ? "::" : "0.0.0.0"]
        }
        adminHosts = present(adminHosts)
        if !says(.announce) {
            announced = interfaces.filter { dev || !$0.isLoopback }
            if announced.isEmpty {
                throw StartError(
                    .configuration, "No network interface has an address to announce to clients: give --announce with the one they reach.")
            }
        }
    }

    /// Two listeners of ours on one TCP port would blame each other as another process.
    private func refuseSharedPorts() throws(StartError) {
        let ports: [(option: ServeOption, port: UInt16)] = [(.port, port), (.tcpPort, tcpPort), (.adminPort, adminPort)]
        for (index, one) in ports.enumerated() where one.port != 0 {
            guard let other = ports[..<index].first(where: { $0.port == one.port }) else { continue }
            throw StartError(
                .configuration,
                "\(other.option.flag) and \(one.option.flag) both name TCP port \(one.port): choose another for one of them.")
        }
    }

    /// The keys that the sources give, the strongest first; never empty. Without `dev` none is weak.
    package static func keys(from sources: [GivenOptions]) throws(StartError) -> [APIKey] {
        let value = { (option: ServeOption) in sources.lazy.compactMap { $0.values[option]?.value }.first }
        let dev = value(.dev) == .bool(true)
        guard case .keys(let keys) = value(.keys) ?? .keys(dev ? [.development] : []), !keys.isEmpty else {
            throw StartError(
                .configuration,
                """
                No API keys: give --keys "KEY: SECRET", APUS_KEYS, or keys in the configuration file (a secret of at least \
                \(shortestSecret) characters, as from `openssl rand -hex 32`), or try it out with --dev.
                """)
        }
        if !dev, let weak = keys.first(where: { $0.secret.utf8.count < shortestSecret }) {
            throw StartError(
                .configuration,
                """
                The secret of key "\(weak.name)" has \(weak.secret.utf8.count) bytes, expected at least \(shortestSecret): \
                make one with `openssl rand -hex 32`. Shorter ones are accepted under --dev only.
                """)
        }
        return keys
    }

    private mutating func apply(_ option: ServeOption, _ value: OptionValue) {
        switch (option, value) {
        case (.dev, .bool(let value)): dev = value
        case (.bind, .hosts(let value)): httpHosts = value
        case (.port, .port(let value)): port = value
        case (.udpPort, .port(let value)): udpPort = value
        case (.tcpPort, .port(let value)): tcpPort = value
        case (.adminPort, .port(let value)): adminPort = value
        case (.adminBind, .hosts(let value)): adminHosts = value
        case (.trustedProxies, .proxies(let value)): trustedProxies = value
        case (.announce, .addresses(let value)): announced = value
        case (.keys, .keys(let value)): keys = value
        case (.workers, .count(let value)): workers = value
        case (.maxRooms, .count(let value)): maxRooms = value
        case (.maxParticipants, .count(let value)): maxParticipants = value
        case (.congestionControl, .bool(let value)): congestionControl = value
        case (.audioTop, .count(let value)): audioTop = value
        case (.dynacast, .bool(let value)): dynacast = value
        case (.drainTimeout, .interval(let value)): drainTimeout = value
        case (.webApp, .bool(let value)): webApp = value
        case (.invitationLifetime, .interval(let value)): invitationLifetime = value
        case (.logLevel, .level(let value)): logLevel = value
        default: break
        }
    }
}
