import CNetwork
import MediaPrimitives

extension apus_address {
    init(_ address: SocketAddress) {
        self.init(high: address.high, low: address.low, scope: address.scope, port: address.port)
    }
}

extension SocketAddress {
    init(_ address: apus_address) {
        self.init(high: address.high, low: address.low, scope: address.scope, port: address.port)
    }
}

extension apus_udp_options {
    init(_ options: UDPSocket.Options) {
        self.init(
            receive_buffer: options.receiveBuffer, send_buffer: options.sendBuffer, reuse_port: options.reusePort,
            lend_port: options.lendsPort)
    }
}
