import EventLoop
import MediaPrimitives

/// How one client reaches the server: a UDP socket of its own, or TCP connections, one for each candidate. Confined to its loop.
final class ClientSocket {
    private enum Way {
        case udp(UDPSocket)
        /// What it has opened, of all connections of the loop.
        case tcp(TCPListener, paths: [Path])
    }

    private var way: Way
    /// Frames that found no room in a connection's queue, or no connection.
    private var dropped: UInt64 = 0
    /// Told of each connection that is opened.
    private let onOpen: (UInt32) -> Void

    init(_ socket: UDPSocket) {
        way = .udp(socket)
        onOpen = { _ in }
    }

    init(_ connections: TCPListener, onOpen: @escaping (UInt32) -> Void) {
        way = .tcp(connections, paths: [])
        self.onOpen = onOpen
    }

    /// The way to a candidate; nil where there is none.
    func path(to candidate: SocketAddress) -> Path? {
        switch way {
        case .udp(let socket): return Path(kind: .udp, channel: socket.channel, local: socket.address, remote: candidate)
        case .tcp(let listener, let paths):
            guard let path = try? listener.connect(to: candidate) else { return nil }
            way = .tcp(listener, paths: paths + [path])
            onOpen(path.channel)
            return path
        }
    }

    /// The path of what came: a UDP socket has one address, whichever it was sent to.
    func path(of received: Path) -> Path {
        guard case .udp(let socket) = way else { return received }
        return Path(kind: .udp, channel: socket.channel, local: socket.address, remote: received.remote)
    }

    func send(_ batch: DatagramBatch) {
        switch way {
        case .udp(let socket): socket.send(batch)
        case .tcp(let listener, _):
            let before = listener.counters.framesDropped
            listener.send(batch)
            dropped &+= listener.counters.framesDropped &- before
        }
    }

    /// Tells which connections are no more.
    func close() -> [UInt32] {
        switch way {
        case .udp(let socket):
            socket.close()
            return []
        case .tcp(let listener, let paths):
            for path in paths { listener.close(path.channel) }
            return paths.map(\.channel)
        }
    }

    /// The path of a connection that has ended by itself.
    func path(ofConnection channel: UInt32) -> Path? {
        guard case .tcp(_, let paths) = way else { return nil }
        return paths.first { $0.channel == channel }
    }

    /// Whether datagrams wait until they are asked for; what comes by TCP never does.
    var isPolled: Bool {
        get { if case .udp(let socket) = way { socket.isPolled } else { false } }
        set { if case .udp(let socket) = way { socket.isPolled = newValue } }
    }

    var canBePolled: Bool { if case .udp = way { true } else { false } }

    func read() { if case .udp(let socket) = way { socket.read() } }

    /// Datagrams that the kernel had no room for.
    var overflowed: UInt64 { if case .udp(let socket) = way { socket.counters.overflowed } else { 0 } }

    var sendFailures: UInt64 {
        guard case .udp(let socket) = way else { return dropped }
        return socket.counters.sendErrors &+ socket.counters.dropped
    }
}
