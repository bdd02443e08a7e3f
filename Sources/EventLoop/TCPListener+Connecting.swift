import CNetwork
import Glibc
import MediaPrimitives

// The other end of passive TCP (RFC 6544 §4.1: active), for clients.
extension TCPListener {
    /// Makes a connection to `remote`. Frames may be sent by its path at once, and come by it; nothing has to confirm it. One that cannot be made, or
    /// that nobody answers, ends as if the peer had closed it.
    package func connect(to remote: SocketAddress) throws(SocketError) -> Path {
        loop.requireConfined()
        var local = apus_address()
        let descriptor = apus_tcp_connect(apus_address(remote), &local)
        if descriptor < 0 { throw SocketError(address: remote, isTCP: true, code: -descriptor) }
        guard let connection = adopt(descriptor, local: SocketAddress(local), remote: remote) else {
            throw SocketError(address: remote, isTCP: true, code: EMFILE)
        }
        confirm(connection.channel)
        return connection.path
    }
}
