import EventLoop
import MediaPrimitives
import TestSockets

/// An actor on a loop of its own, for a test to keep its sockets and timers in. What happens to those comes out as a stream, so that tests await
/// events and never sleep.
actor LoopHost {
    struct Received: Sendable {
        var bytes: [UInt8]
        var path: Path
        var arrival: Instant
        var isOversized: Bool
    }

    enum Event: Sendable {
        case received(Received)
        case closed(UInt32, TCPCloseReason)
        case fired(String, at: Instant, deadline: Instant)
    }

    nonisolated let loop: EventLoop
    nonisolated let events: AsyncStream<Event>
    private nonisolated let report: AsyncStream<Event>.Continuation
    var sockets: [UDPSocket] = []
    var listener: TCPListener?
    var timers: [String: LoopTimer] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(name: String = "apus-test") throws {
        loop = try EventLoop(name: name)
        (events, report) = AsyncStream.makeStream()
        try loop.start()
    }

    /// Runs `body` on the loop.
    func run<Result: Sendable>(_ body: @Sendable (isolated LoopHost) throws -> Result) rethrows -> Result { try body(self) }

    /// Opens the next socket; its channel is its number.
    @discardableResult
    func open(_ address: SocketAddress, _ options: UDPSocket.Options = UDPSocket.Options()) throws -> SocketAddress {
        let socket = try UDPSocket(loop, channel: UInt32(sockets.count), address: address, options: options)
        keep(socket)
        return socket.address
    }

    func adopt(_ descriptor: Int32, peer: SocketAddress, _ options: UDPSocket.Options = UDPSocket.Options()) throws {
        keep(try UDPSocket(loop, channel: UInt32(sockets.count), adopting: descriptor, address: .v4(), peer: peer, options: options))
    }

    /// Opens the next socket, connected to `peer`.
    @discardableResult
    func connect(_ peer: SocketAddress, _ options: UDPSocket.Options = UDPSocket.Options()) throws -> SocketAddress {
        let socket = try UDPSocket(loop, channel: UInt32(sockets.count), peer: peer, options: options)
        keep(socket)
        return socket.address
    }

    private func keep(_ socket: UDPSocket) {
        socket.onReadable = { [report] batch in LoopHost.report(batch, to: report) }
        sockets.append(socket)
    }

    @discardableResult
    func listen(_ address: SocketAddress = .v4(), _ options: TCPListener.Options = TCPListener.Options()) throws -> SocketAddress {
        let listener = self.listener ?? TCPListener(loop, options: options)
        self.listener = listener
        listener.onFrames = { [report] batch in LoopHost.report(batch, to: report) }
        listener.onClose = { [report] channel, reason in report.yield(.closed(channel, reason)) }
        return try listener.listen(on: address)
    }

    /// Makes a connection; several are of one listener, which listens nowhere.
    func connect(tcp remote: SocketAddress) throws -> Path {
        let listener = self.listener ?? TCPListener(loop)
        self.listener = listener
        listener.onFrames = { [report] batch in LoopHost.report(batch, to: report) }
        listener.onClose = { [report] channel, reason in report.yield(.closed(channel, reason)) }
        return try listener.connect(to: remote)
    }

    private static func report(_ batch: ReceiveBatch, to report: AsyncStream<Event>.Continuation) {
        for index in 0..<batch.count {
            report.yield(
                .received(
                    Received(
                        bytes: Array(batch.bytes(index)), path: batch.path(index), arrival: batch.arrival(index),
                        isOversized: batch.isOversized(index))))
        }
    }

    /// A timer that reports its firings under `name`.
    func arm(_ name: String, at deadline: Instant) {
        let timer = timers[name] ?? LoopTimer(loop)
        timers[name] = timer
        timer.onFire = { [report] now in report.yield(.fired(name, at: now, deadline: deadline)) }
        timer.arm(at: deadline)
    }

    /// Sends each as one batch, by all sockets and the listener.
    func send(_ datagrams: [(bytes: [UInt8], path: Path)]) {
        let batch = DatagramBatch(capacity: max(datagrams.count, 1))
        for datagram in datagrams { datagram.bytes.withUnsafeBytes { _ = batch.append(to: datagram.path, copying: $0) } }
        for socket in sockets { socket.send(batch) }
        listener?.send(batch)
    }

    func counters(_ index: Int = 0) -> UDPCounters { sockets[index].counters }
    func tcpCounters() -> TCPCounters { listener?.counters ?? TCPCounters() }

    func stop() {
        for socket in sockets { socket.close() }
        listener?.close()
        for timer in timers.values { timer.close() }
        loop.stop()
    }
}

extension AsyncStream<LoopHost.Event>.Iterator {
    mutating func received() async -> LoopHost.Received? {
        while let event = await next(isolation: #isolation) { if case .received(let received) = event { return received } }
        return nil
    }

    mutating func received(_ count: Int) async -> [LoopHost.Received] {
        var all: [LoopHost.Received] = []
        while all.count < count, let one = await received() { all.append(one) }
        return all
    }

    mutating func closed() async -> (channel: UInt32, reason: TCPCloseReason)? {
        while let event = await next(isolation: #isolation) {
            if case .closed(let channel, let reason) = event { return (channel, reason) }
        }
        return nil
    }

    mutating func fired() async -> (name: String, at: Instant, deadline: Instant)? {
        while let event = await next(isolation: #isolation) {
            if case .fired(let name, let at, let deadline) = event { return (name, at, deadline) }
        }
        return nil
    }
}
