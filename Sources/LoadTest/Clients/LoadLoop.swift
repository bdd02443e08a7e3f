import EventLoop
import MediaPrimitives
import MediaSecurity
import RTP

/// The clients of one thread: their sockets, and one timer for all. Confined to its loop.
final class LoadLoop {
    private let loop: EventLoop
    private let timer: LoopTimer
    private let certificate: Certificate
    private let batch = DatagramBatch(capacity: 1_024)
    private var totals = LoadTotals()
    private var clients: [LoadClient?] = []
    private var free: [Int] = []
    private var deadlines = DeadlineQueue()
    private var lag = Histogram()
    /// Those who only receive are not woken for what arrives, which the kernel stamps anyway: their sockets are read every so often, and a wake
    /// a datagram is saved. While they connect, every answer counts.
    private let pollTimer: LoopTimer
    private static let pollInterval = Interval.milliseconds(10)
    private static let maximumPending = 64
    private static let bufferSize: Int32 = 1 << 20
    /// The connections of all clients that use TCP, made with the first.
    private var tcp: TCPListener?
    /// Whose they are.
    private var owners: [UInt32: Int] = [:]
    private static let maximumConnections = 100_000

    init(_ loop: EventLoop, certificate: Certificate) {
        self.loop = loop
        self.certificate = certificate
        timer = LoopTimer(loop)
        pollTimer = LoopTimer(loop)
        pollTimer.onFire = { [unowned self] in poll(at: $0) }
        timer.onFire = { [unowned self] _ in serveDeadlines() }
        loop.onTurnEnd = { [unowned self] in timer.arm(at: deadlines.next) }
    }

    // MARK: A turn

    private func serveDeadlines() {
        let begun = loop.now
        // Later ones wait for the next turn, so that sockets have theirs.
        while let key = deadlines.popDue(at: begun) {
            guard let client = clients[key] else { continue }
            let now = loop.now
            if client.nextDeadline <= now { client.handleTimeout(at: now, totals: &totals, into: batch) }
            flush(client)
            deadlines.schedule(key, at: client.nextDeadline)
        }
        lag.add(timer.takeLag().worst)
    }

    private func poll(at now: Instant) {
        var isAny = false
        for case let client? in clients where client.socket.isPolled {
            client.socket.read()
            isAny = true
        }
        if isAny { pollTimer.arm(at: now + LoadLoop.pollInterval) }
    }

    private func receive(_ received: ReceiveBatch, key: Int) {
        guard let client = clients[key] else { return }
        var deadline = Instant.distantFuture
        for index in 0..<received.count where !received.isOversized(index) {
            deadline = min(
                deadline,
                client.receive(
                    received.bytes(index), from: received.path(index), at: received.arrival(index), totals: &totals, into: batch))
        }
        flush(client)
        deadlines.schedule(key, at: deadline)
        if client.onlyReceives, client.socket.canBePolled, !client.socket.isPolled {
            client.socket.isPolled = true
            if pollTimer.deadline == .distantFuture { pollTimer.arm(at: loop.now + LoadLoop.pollInterval) }
        }
    }

    private func flush(_ client: LoadClient) {
        guard batch.count > 0 else { return }
        client.socket.send(batch)
        batch.removeAll()
    }

    // MARK: Commands

    /// Takes in a client that signalling has settled; returns what it is called here.
    func open(_ setup: ClientSetup) throws(SocketError) -> Int {
        let key = free.popLast() ?? clients.count
        if key == clients.count { clients.append(nil) }
        // A socket has one family, and so have the candidates that it can try.
        let isIPv4 = setup.candidates[0].isIPv4
        var setup = setup
        if !setup.usesTCP { setup.candidates.removeAll { $0.isIPv4 != isIPv4 } }
        let socket: ClientSocket
        do throws(SocketError) {
            socket = setup.usesTCP ? tcpSocket(key) : ClientSocket(try udpSocket(setup, isIPv4: isIPv4, key))
        } catch {
            free.append(key)
            throw error
        }
        guard let path = socket.path(to: setup.candidates[0]) else {
            free.append(key)
            throw SocketError(address: setup.candidates[0], isTCP: true, code: 0)
        }
        let now = loop.now
        clients[key] = LoadClient(setup, socket: socket, path: path, certificate: certificate, totals: &totals, at: now)
        deadlines.schedule(key, at: now)
        return key
    }

    private func udpSocket(_ setup: ClientSetup, isIPv4: Bool, _ key: Int) throws(SocketError) -> UDPSocket {
        var options = UDPSocket.Options()
        options.receiveBuffer = LoadLoop.bufferSize
        options.sendBuffer = LoadLoop.bufferSize
        options.maximumPending = LoadLoop.maximumPending
        options.receivesRuns = true
        let socket: UDPSocket
        if setup.candidates.count == 1 {
            socket = try UDPSocket(loop, channel: 0, peer: setup.candidates[0], options: options)
        } else {
            let any = isIPv4 ? SocketAddress(ipv4: 0, port: 0) : SocketAddress(high: 0, low: 0, port: 0)
            socket = try UDPSocket(loop, channel: 0, address: any, options: options)
        }
        socket.onReadable = { [unowned self] in receive($0, key: key) }
        return socket
    }

    private func tcpSocket(_ key: Int) -> ClientSocket {
        let connections = tcp ?? makeConnections()
        tcp = connections
        return ClientSocket(connections) { [unowned self] in owners[$0] = key }
    }

    private func makeConnections() -> TCPListener {
        var options = TCPListener.Options()
        options.maximumConnections = LoadLoop.maximumConnections
        options.maximumPerAddress = LoadLoop.maximumConnections
        let connections = TCPListener(loop, options: options)
        connections.onFrames = { [unowned self] frames in
            if frames.count > 0, let key = owners[frames.path(0).channel] { receive(frames, key: key) }
        }
        connections.onClose = { [unowned self] channel, _ in ended(channel) }
        return connections
    }

    private func ended(_ channel: UInt32) {
        guard let key = owners.removeValue(forKey: channel), let client = clients[key] else { return }
        client.forget(connection: channel, at: loop.now, into: batch)
        flush(client)
        deadlines.schedule(key, at: client.nextDeadline)
    }

    func add(_ key: Int, sending: [SendingPlan], receiving: [ReceivingPlan], extensions: HeaderExtensionMap) {
        guard let client = clients[key] else { return }
        client.add(sending, receiving, extensions: extensions, at: loop.now, &totals)
        if !client.onlyReceives { client.socket.isPolled = false }
        deadlines.schedule(key, at: loop.now)
    }

    func hasMedia(_ key: Int) -> Bool { clients[key]?.hasMedia ?? false }
    func closedReason(_ key: Int) -> String? { clients[key]?.closedReason }

    /// The source that is muted or not from now on.
    func mute(_ key: Int, _ muted: Bool) -> UInt16? {
        clients[key]?.mute(muted)
        return clients[key]?.source
    }

    func speak(_ key: Int, _ speaks: Bool) { clients[key]?.speak(speaks) }
    func notePause(of source: UInt16) { for client in clients { client?.notePause(of: source) } }
    func want(_ key: Int, layer: UInt8) -> [String] { clients[key]?.want(layer: layer, at: loop.now) ?? [] }

    func stopPublishing() { for client in clients { client?.stopPublishing() } }

    /// What a client has seen until now.
    func outcome(_ key: Int) -> ClientOutcome? {
        guard let client = clients[key] else { return nil }
        if client.socket.isPolled { client.socket.read() }
        return client.outcome()
    }

    func close(_ key: Int) {
        guard let client = clients[key] else { return }
        client.close(into: batch)
        flush(client)
        for connection in client.socket.close() { owners[connection] = nil }
        deadlines.cancel(key)
        clients[key] = nil
        free.append(key)
    }

    func statistics() -> LoopStatistics {
        var statistics = LoopStatistics()
        statistics.totals = totals
        statistics.lag = lag
        for case let client? in clients {
            statistics.clients += 1
            if client.isConnected { statistics.connected += 1 }
        }
        return statistics
    }
}
