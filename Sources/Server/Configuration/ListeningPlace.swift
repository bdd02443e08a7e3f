/// A port that `apus serve` opens on an address.
package struct ListeningPlace: Equatable, Sendable {
    package enum Use: Sendable {
        /// HTTP: `::` takes IPv4, too.
        case http
        /// A socket for each family: `::` leaves IPv4 alone.
        case media, mediaOverTCP
    }

    package var use: Use
    package var host: String
    package var port: UInt16
    /// The option that names the port.
    package var option: ServeOption

    /// The option that names the address; media has none.
    package var hostOption: ServeOption? {
        switch option {
        case .port: .bind
        case .adminPort: .adminBind
        default: nil
        }
    }

    package var isTCP: Bool { use != .media }
    package var protocolName: String { isTCP ? "TCP" : "UDP" }
    package var description: String { "\(protocolName) port \(port) on \(host)" }
}

extension ServeConfiguration {
    /// All of them, in the order in which they are opened.
    package var listeningPlaces: [ListeningPlace] {
        mediaHosts.map { ListeningPlace(use: .media, host: $0, port: udpPort, option: .udpPort) }
            + mediaHosts.map { ListeningPlace(use: .mediaOverTCP, host: $0, port: tcpPort, option: .tcpPort) }
            + httpHosts.map { ListeningPlace(use: .http, host: $0, port: port, option: .port) }
            + adminHosts.map { ListeningPlace(use: .http, host: $0, port: adminPort, option: .adminPort) }
    }
}
