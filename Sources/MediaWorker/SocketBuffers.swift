import EventLoop

/// The buffers of a media socket, in bytes.
package struct SocketBuffers: Sendable {
    /// For what has arrived and is not read yet.
    package var receive: Int
    /// For what has been sent and has not left yet.
    package var send: Int

    /// What the workers ask for.
    package static let wanted = SocketBuffers(
        receive: Int(UDPSocket.Options().receiveBuffer), send: Int(UDPSocket.Options().sendBuffer))

    /// What the system gives them; nil if it gives no socket.
    package static func given() -> SocketBuffers? { UDPSocket.buffers().map { SocketBuffers(receive: $0.receive, send: $0.send) } }
}
