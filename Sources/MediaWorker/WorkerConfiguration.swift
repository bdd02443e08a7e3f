import MediaPrimitives

/// How a worker's sockets are opened.
package struct WorkerConfiguration: Sendable {
    /// From 0, below 256; names the thread and is part of its participants' ids.
    package var number: Int
    /// Addresses to bind, one UDP socket and one TCP listener each; `0.0.0.0` and `::` bind all of a family. Ports: 0 takes a free one; nil leaves TCP out.
    package var addresses: [SocketAddress]
    package var tcpPort: UInt16?
    /// How the UDP ports are had; `WorkerGroup` sees to it.
    var portSharing = PortSharing.alone

    enum PortSharing {
        case alone
        /// Bound alone, and shared with the workers that come after.
        case lends
        case joins
    }

    /// What participants are sent is adapted to what their connections carry.
    package var controlsCongestion = true
    /// So many of a room's tracks of sound are sent at a time, those that speak; 0 for all.
    package var audioTop = 0
    /// Connections of the TCP port at a time; one address may have half of them.
    package var tcpConnections = 1_000

    package init(number: Int = 0, addresses: [SocketAddress], tcpPort: UInt16?) {
        self.number = number
        self.addresses = addresses
        self.tcpPort = tcpPort
    }
}

/// A port that could not be opened.
package struct BindError: Error, Sendable {
    package var address: SocketAddress
    package var isTCP: Bool
    /// The system's errno.
    package var code: Int32
}

/// Why a worker did not start.
package enum WorkerError: Error, Sendable {
    case bind(BindError)
    /// No loop or no thread: the system's errno.
    case loop(code: Int32)
}

/// Why a participant could not be opened; the text is a sentence for whoever asked.
package struct AdmissionError: Error, Sendable {
    package var sentence: String
    package init(_ sentence: String) { self.sentence = sentence }
}
