import Glibc
import NIOCore

/// Whom limits by address count: an address of IPv4, or the /64 of one of IPv6, since whoever has one address of that has all.
package struct ClientAddress: Hashable, Sendable {
    private let family: UInt8
    private let bits: UInt64

    /// The far end of a connection. All whose address is not known are one.
    package init(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): (family, bits) = (4, UInt64(UInt32(bigEndian: address.address.sin_addr.s_addr)))
        case .v6(let address):
            let (high, low) = withUnsafeBytes(of: address.address.sin6_addr) {
                (
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            // ::ffff:a.b.c.d is one of IPv4 (RFC 4291 §2.5.5.2).
            (family, bits) = high == 0 && low >> 32 == 0xffff ? (4, low & 0xffff_ffff) : (6, high)
        case .unixDomainSocket, nil: (family, bits) = (0, 0)
        }
    }
}
