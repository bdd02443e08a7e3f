import MediaPrimitives

/// Whom limits by address count: an address of IPv4, or the /64 of one of IPv6, since whoever has one address of that has all.
package struct ClientAddress: Hashable, Sendable {
    private let isIPv4: Bool
    private let network: UInt64

    /// - Parameter host: the address in text; all whose address is not known are one
    package init(host: String?) {
        let address = host.flatMap { SocketAddress(host: $0, port: 0) }
        isIPv4 = address?.isIPv4 ?? true
        network = address.map { $0.isIPv4 ? $0.low : $0.high } ?? 0
    }
}
