import Foundation
import MediaPrimitives

/// The addresses of this machine.
package enum NetworkInterfaces {
    /// The addresses of all interfaces that are up, reachable ones before loopback, IPv4 before IPv6, without link-local IPv6 (which only means something with a scope
    /// that the far end does not share). Ports are 0.
    package static func addresses() -> [SocketAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard entry.ifa_flags & UInt32(IFF_UP) != 0, let address = entry.ifa_addr else { continue }
            guard let address = socketAddress(address), !address.isLinkLocal || address.isIPv4, !found.contains(address) else { continue }
            found.append(address)
        }
        // What is likeliest to be reached first: simple clients (FFmpeg's) look at the first candidate only.
        let rank = { (address: SocketAddress) in (address.isLoopback ? 4 : 0) + (address.isLinkLocal ? 2 : 0) + (address.isIPv4 ? 0 : 1) }
        return found.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }.map(\.element)
    }

    private static func socketAddress(_ address: UnsafeMutablePointer<sockaddr>) -> SocketAddress? {
        // The system aligns each address for its family; `sa_family` says which it is.
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                SocketAddress(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr), port: 0)
            }
        case AF_INET6:
            return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                withUnsafeBytes(of: address.pointee.sin6_addr) { bytes in
                    let word = { (at: Int) in UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) }
                    return SocketAddress(high: word(0), low: word(8), port: 0)
                }
            }
        default:
            return nil
        }
    }
}
