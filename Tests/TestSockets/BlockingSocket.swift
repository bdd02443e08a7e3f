import Glibc
import MediaPrimitives

/// A plain blocking socket at the other end of a test; it gives up after five seconds.
package final class BlockingSocket: Sendable {
    package let descriptor: Int32
    package let address: SocketAddress

    package struct Failure: Error { package var code: Int32 }

    package init(udp address: SocketAddress) throws {
        (descriptor, self.address) = try BlockingSocket.open(Int32(SOCK_DGRAM.rawValue), bind: address)
    }

    package init(tcp remote: SocketAddress) throws {
        let any = remote.isIPv4 ? SocketAddress(ipv4: 0x7f00_0001, port: 0) : SocketAddress(high: 0, low: 1, port: 0)
        (descriptor, address) = try BlockingSocket.open(Int32(SOCK_STREAM.rawValue), bind: any)
        let code = BlockingSocket.withSockaddr(remote) { connect(descriptor, $0, $1) }
        if code < 0 { throw Failure(code: errno) }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    }

    deinit { close(descriptor) }

    private static func open(_ type: Int32, bind address: SocketAddress) throws -> (Int32, SocketAddress) {
        let descriptor = socket(address.isIPv4 ? AF_INET : AF_INET6, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var size: Int32 = 1 << 20
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        if withSockaddr(address, { Glibc.bind(descriptor, $0, $1) }) < 0 { throw Failure(code: errno) }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        if code < 0 { throw Failure(code: errno) }
        return (descriptor, SocketAddress(storage))
    }

    package static func withSockaddr<R>(_ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        if address.isIPv4 {
            var v4 = sockaddr_in()
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = address.port.bigEndian
            v4.sin_addr.s_addr = address.ipv4.bigEndian
            return withUnsafePointer(to: &v4) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
            }
        }
        var v6 = sockaddr_in6()
        v6.sin6_family = sa_family_t(AF_INET6)
        v6.sin6_port = address.port.bigEndian
        withUnsafeMutableBytes(of: &v6.sin6_addr) {
            $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafePointer(to: &v6) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        }
    }

    @discardableResult
    package func send(_ bytes: [UInt8], to remote: SocketAddress) -> Int {
        BlockingSocket.withSockaddr(remote) { sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
    }

    /// The next datagram and its sender; nil after five seconds.
    package func receive() -> (bytes: [UInt8], from: SocketAddress)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var bytes = [UInt8](repeating: 0, count: 65536)
        let n = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(descriptor, &bytes, bytes.count, 0, $0, &length) }
        }
        return n < 0 ? nil : (Array(bytes[..<n]), SocketAddress(storage))
    }

    @discardableResult
    package func write(_ bytes: [UInt8]) -> Int { Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// Exactly `count` bytes; fewer if the stream ends; nil after five seconds of silence or a reset.
    package func read(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while bytes.count < count {
            let n = recv(descriptor, &chunk, min(chunk.count, count - bytes.count), 0)
            if n < 0 { return nil }
            if n == 0 { break }
            bytes += chunk[..<n]
        }
        return bytes
    }

    /// Whether the peer has ended the connection, in order or by a reset; false after five seconds without.
    package func waitForEnd() -> Bool {
        var byte: UInt8 = 0
        while true {
            let n = recv(descriptor, &byte, 1, 0)
            if n == 0 { return true }
            if n < 0 { return errno == ECONNRESET }
        }
    }
}

extension SocketAddress {
    package init(_ storage: sockaddr_storage) {
        self = withUnsafeBytes(of: storage) { raw in
            if storage.ss_family == sa_family_t(AF_INET) {
                let v4 = raw.load(as: sockaddr_in.self)
                return SocketAddress(ipv4: UInt32(bigEndian: v4.sin_addr.s_addr), port: UInt16(bigEndian: v4.sin_port))
            }
            return SocketAddress(
                high: UInt64(bigEndian: raw.load(fromByteOffset: 8, as: UInt64.self)),
                low: UInt64(bigEndian: raw.load(fromByteOffset: 16, as: UInt64.self)),
                port: UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self)))
        }
    }

    package static func v4(_ last: UInt32 = 1, port: UInt16 = 0) -> SocketAddress { SocketAddress(ipv4: 0x7f00_0000 | last, port: port) }
    package static func v6(port: UInt16 = 0) -> SocketAddress { SocketAddress(high: 0, low: 1, port: port) }
    package static let anyV4 = SocketAddress(ipv4: 0, port: 0)
    package static let anyV6 = SocketAddress(high: 0, low: 0, port: 0)
}
