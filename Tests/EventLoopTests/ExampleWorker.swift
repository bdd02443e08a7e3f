import EventLoop
import MediaPrimitives

/// An actor composed on a loop, as a media worker is: its sockets and timers are non-Sendable state that the compiler keeps on the loop's thread.
/// It echoes every datagram and frame.
actor ExampleWorker {
    nonisolated let loop: EventLoop
    nonisolated let udpAddresses: [SocketAddress]
    nonisolated let tcpAddress: SocketAddress
    private let sockets: [UDPSocket]
    private let listener: TCPListener
    private let timer: LoopTimer
    private let batch = DatagramBatch(capacity: 512)
    private(set) var arrivals: [Instant] = []
    private(set) var paths: [Path] = []
    private(set) var turns = 0

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(udp: [SocketAddress], tcp: SocketAddress) throws {
        let loop = try EventLoop(name: "apus-worker-0")
        let sockets = try udp.enumerated().map { index, address in
            try UDPSocket(loop, channel: UInt32(index), address: address)
        }
        listener = TCPListener(loop)
        tcpAddress = try listener.listen(on: tcp)
        timer = LoopTimer(loop)
        udpAddresses = sockets.map(\.address)
        self.sockets = sockets
        self.loop = loop
        // The callbacks are set by the loop's first job, on its thread.
        try loop.start { self.assumeIsolated { $0.begin() } }
    }

    private func begin() {
        for socket in sockets { socket.onReadable = { batch in self.receive(batch) } }
        listener.onFrames = { batch in self.receive(batch) }
        timer.onFire = { now in self.timer.arm(at: now + .milliseconds(50)) }
        timer.arm(at: loop.now + .milliseconds(50))
        loop.onTurnEnd = { self.flush() }
    }

    private func receive(_ received: ReceiveBatch) {
        loop.checkIsolated()
        for index in 0..<received.count {
            let path = received.path(index)
            if path.kind == .tcp { listener.confirm(path.channel) }
            paths.append(path)
            arrivals.append(received.arrival(index))
            batch.append(to: path, copying: UnsafeRawBufferPointer(received.bytes(index)))
        }
    }

    private func flush() {
        turns += 1
        guard batch.count > 0 else { return }
        for socket in sockets { socket.send(batch) }
        listener.send(batch)
        batch.removeAll()
    }

    /// The callbacks hold the actor: closing lets go of them.
    func stop() {
        for socket in sockets { socket.close() }
        listener.close()
        timer.close()
        loop.stop()
    }
}
