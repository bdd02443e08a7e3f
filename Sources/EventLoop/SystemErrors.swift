import MediaPrimitives

/// A socket that could not be opened.
package struct SocketError: Error, Hashable, Sendable {
    package var address: SocketAddress
    package var isTCP: Bool
    /// The system's errno (`EADDRINUSE`, `EACCES`, …).
    package var code: Int32

    package init(address: SocketAddress, isTCP: Bool, code: Int32) {
        self.address = address
        self.isTCP = isTCP
        self.code = code
    }
}

/// A loop that could not be made or started: the system's errno (`EMFILE`, `EAGAIN`, `ENOMEM`).
package struct LoopError: Error, Hashable, Sendable {
    package var code: Int32

    package init(code: Int32) { self.code = code }
}
