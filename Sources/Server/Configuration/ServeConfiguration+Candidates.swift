import MediaPrimitives
import Negotiation

extension ServeConfiguration {
    /// What is announced, each address with the port of the socket that serves its family.
    package func candidates(on sockets: [SocketAddress]) -> [LocalCandidate] {
        announced.map { address in
            let socket = sockets.first { $0.isIPv4 == address.isIPv4 }
            return LocalCandidate(kind: .udp, address: address.with(port: socket?.port ?? udpPort))
        }
    }
}
