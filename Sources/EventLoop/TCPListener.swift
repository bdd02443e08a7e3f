import CNetwork
import CUV
import Glibc
import MediaPrimitives

/// Why a connection ended without the owner's asking.
package enum TCPCloseReason: Int, CaseIterable, Sendable {
    /// The peer closed it, or the network did.
    case peer
    /// A frame's length was 0 or above 1500.
    case invalidFrame
    /// The owner confirmed nothing within the limit.
    case unconfirmed
    /// No frame for too long.
    case idle
}

/// A listener's running totals.
package struct TCPCounters: Sendable {
    package var accepted: UInt64 = 0
    /// Connections closed at once because there were too many, in all or from one address.
    package var refused: UInt64 = 0
    package var framesReceived: UInt64 = 0
    package var framesSent: UInt64 = 0
    /// Frames for a connection whose queue was full, or that is gone.
    package var framesDropped: UInt64 = 0
    private var closings = InlineArray<4, UInt64>(repeating: 0)

    package init() {}

    mutating func close(_ reason: TCPCloseReason) { closings[reason.rawValue] &+= 1 }
    package func closed(_ reason: TCPCloseReason) -> UInt64 { closings[reason.rawValue] }
}

/// TCP for media: accepts connections, or makes them, and carries frames of 2 bytes of length and 1 to 1500 bytes (RFC 4571 §2, RFC 6544).
///
/// Each connection has a number, `Path.channel`, never that of another connection of this listener in living memory. Confined to the loop's thread.
/// It sits on `uv_poll` and own descriptors rather than `uv_tcp`: libuv's writes raise SIGPIPE and need a request each; `send` with a flag does not.
package final class TCPListener {
    package struct Options: Sendable {
        /// Connections at a time, in all and from one address (one /64 of IPv6). Offices share an address.
        package var maximumConnections = 1000
        package var maximumPerAddress = 500
        /// Between accepting and `confirm(_:)`.
        package var confirmationLimit = Interval.seconds(10)
        /// Without a frame from the peer.
        package var idleLimit = Interval.seconds(60)
        /// Bytes that may wait for one peer; frames beyond are dropped whole.
        package var maximumPendingBytes = 256 << 10
        package var backlog: Int32 = 511
        package var reusePort = false

        package init() {}
    }

    package private(set) var counters = TCPCounters()
    /// Called for the frames of one connection at a time, with what is valid until it returns.
    package var onFrames: ((ReceiveBatch) -> Void)?
    /// Called when a connection has ended by itself, never for `close(_:)`, and never from within `send`.
    package var onClose: ((UInt32, TCPCloseReason) -> Void)?

    let loop: EventLoop
    private let options: Options
    private let timer: LoopTimer
    private let batch: ReceiveBatch
    private var listeners: [LoopHandle] = []
    private var connections: [UInt32: TCPConnection] = [:]
    private var perHost: [Host: Int] = [:]
    private var dirty: [TCPConnection] = []
    private var lastChannel: UInt32 = 0
    /// Given up for a moment when descriptors run out, to take the waiting connection and close it; else the poll would spin on it.
    private var spare: Int32

    private struct Host: Hashable {
        var high: UInt64
        var low: UInt64

        init(_ address: SocketAddress) {
            high = address.high
            low = address.isIPv4 ? address.low : 0
        }
    }

    private static let readSize = 64 << 10
    /// Connections taken before the other sockets of the loop have their turn.
    private static let acceptsPerTurn = 64

    // MARK: Life

    /// On the loop's thread, or before it starts. It listens nowhere yet.
    package init(_ loop: EventLoop, options: Options = Options()) {
        loop.requireConfined()
        self.loop = loop
        self.options = options
        timer = LoopTimer(loop)
        batch = ReceiveBatch(slabSize: 2 + ReceiveBatch.maximumLength + TCPListener.readSize, capacity: 64)
        spare = TCPListener.openSpare()
        timer.onFire = { [weak self] now in self?.sweep(at: now) }
    }

    deinit {
        for handle in listeners { handle.close(on: loop) }
        for connection in connections.values { connection.handle.close(on: loop) }
        if spare >= 0 { Glibc.close(spare) }
    }

    /// Listens on `address` too, and returns it with the port that was given if it was 0.
    @discardableResult
    package func listen(on address: SocketAddress) throws(SocketError) -> SocketAddress {
        loop.requireConfined()
        var bound = apus_address()
        let descriptor = apus_tcp_listen(apus_address(address), options.reusePort, options.backlog, &bound)
        if descriptor < 0 { throw SocketError(address: address, isTCP: true, code: -descriptor) }
        let handle: LoopHandle
        do { handle = try loop.poll(descriptor) } catch { throw SocketError(address: address, isTCP: true, code: error.code) }
        handle.onEvent = { [weak self, weak handle] status, _ in
            if status < 0 {
                // libuv has stopped watching; the error concerned one connection.
                _ = apus_socket_error(descriptor)
                handle?.watch(Int32(UV_READABLE.rawValue))
            }
            self?.accept(from: descriptor)
        }
        handle.watch(Int32(UV_READABLE.rawValue))
        listeners.append(handle)
        return SocketAddress(bound)
    }

    /// Closes everything and lets go of the callbacks.
    package func close() {
        loop.requireConfined()
        onFrames = nil
        onClose = nil
        timer.close()
        for handle in listeners { handle.close() }
        listeners = []
        for connection in connections.values { connection.handle.close() }
        connections = [:]
        perHost = [:]
    }

    /// How many connections there are.
    package var connectionCount: Int { connections.count }

    // MARK: Connections

    /// The owner has found a valid message on the connection: from here on only silence or `close(_:)` ends it.
    package func confirm(_ channel: UInt32) {
        loop.requireConfined()
        guard let connection = connections[channel] else { return }
        connection.isConfirmed = true
        connection.lastActivity = loop.now
        rearm(for: deadline(connection))
    }

    /// Ends a connection, in silence. Unknown numbers are ignored.
    package func close(_ channel: UInt32) {
        loop.requireConfined()
        if let connection = connections[channel] { remove(connection) }
    }

    private func end(_ connection: TCPConnection, _ reason: TCPCloseReason) {
        guard remove(connection) else { return }
        counters.close(reason)
        onClose?(connection.channel, reason)
    }

    @discardableResult
    private func remove(_ connection: TCPConnection) -> Bool {
        guard connections.removeValue(forKey: connection.channel) != nil else { return false }
        connection.handle.close()
        let host = Host(connection.path.remote)
        let left = (perHost[host] ?? 0) - 1
        perHost[host] = left > 0 ? left : nil
        return true
    }

    private func accept(from listener: Int32) {
        for _ in 0..<TCPListener.acceptsPerTurn {
            var local = apus_address()
            var remote = apus_address()
            let descriptor = apus_tcp_accept(listener, &local, &remote)
            switch -descriptor {
            case EAGAIN: return
            case EMFILE, ENFILE:
                refuseWithoutDescriptors(listener)
                return
            case 1...: continue  // that one connection is gone again
            default: adopt(descriptor, local: SocketAddress(local), remote: SocketAddress(remote))
            }
        }
    }

    @discardableResult
    func adopt(_ descriptor: Int32, local: SocketAddress, remote: SocketAddress) -> TCPConnection? {
        let host = Host(remote)
        let fromHost = perHost[host] ?? 0
        guard connections.count < options.maximumConnections, fromHost < options.maximumPerAddress else {
            counters.refused &+= 1
            Glibc.close(descriptor)
            return nil
        }
        guard let handle = try? loop.poll(descriptor) else {
            counters.refused &+= 1
            return nil
        }
        repeat { lastChannel &+= 1 } while connections[lastChannel] != nil
        let now = loop.now
        let path = Path(kind: .tcp, channel: lastChannel, local: local, remote: remote)
        let connection = TCPConnection(path: path, descriptor: descriptor, handle: handle, at: now)
        handle.onEvent = { [weak self, weak connection] status, events in
            if let self, let connection { self.ready(connection, status, events) }
        }
        connections[connection.channel] = connection
        perHost[host] = fromHost + 1
        counters.accepted &+= 1
        connection.watch()
        rearm(for: deadline(connection))
        return connection
    }

    private func refuseWithoutDescriptors(_ listener: Int32) {
        guard spare >= 0 else {
            spare = TCPListener.openSpare()
            return
        }
        Glibc.close(spare)
        var local = apus_address()
        var remote = apus_address()
        let descriptor = apus_tcp_accept(listener, &local, &remote)
        if descriptor >= 0 {
            counters.refused &+= 1
            Glibc.close(descriptor)
        }
        spare = TCPListener.openSpare()
    }

    private static func openSpare() -> Int32 { Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }

    // MARK: Limits of time

    private func deadline(_ connection: TCPConnection) -> Instant {
        connection.lastActivity + (connection.isConfirmed ? options.idleLimit : options.confirmationLimit)
    }

    private func rearm(for deadline: Instant) { if deadline < timer.deadline { timer.arm(at: deadline) } }

    private func sweep(at now: Instant) {
        var next = Instant.distantFuture
        var expired: [TCPConnection] = []
        for connection in connections.values {
            let deadline = deadline(connection)
            if deadline <= now { expired.append(connection) } else { next = min(next, deadline) }
        }
        rearm(for: next)
        for connection in expired.sorted(by: { $0.channel < $1.channel }) { end(connection, connection.isConfirmed ? .idle : .unconfirmed) }
    }

    // MARK: Receiving

    private func ready(_ connection: TCPConnection, _ status: Int32, _ events: Int32) {
        if status < 0 {
            end(connection, .peer)
            return
        }
        if events & Int32(UV_WRITABLE.rawValue) != 0 { connection.flush() }
        if events & Int32(UV_READABLE.rawValue) != 0 { read(connection) }
    }

    private func read(_ connection: TCPConnection) {
        let carried = connection.takePartial(into: batch.slab)
        var n: Int
        repeat { n = recv(connection.descriptor, batch.slab + carried, batch.slabSize - carried, 0) } while n < 0 && errno == EINTR
        if n < 0, errno == EAGAIN {
            connection.keepPartial(UnsafeRawBufferPointer(start: batch.slab, count: carried))
            return
        }
        guard n > 0 else {
            end(connection, .peer)
            return
        }
        let now = loop.now
        let available = carried + n
        var at = 0
        batch.removeAll()
        while available - at >= 2 {
            let length = Int(UInt16(bigEndian: batch.slab.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
            guard (1...ReceiveBatch.maximumLength).contains(length) else {
                // What came before it was valid.
                deliver(connection)
                end(connection, .invalidFrame)
                return
            }
            guard available - at - 2 >= length else { break }
            batch.append(ReceiveBatch.Entry(path: connection.path, arrival: now, offset: at + 2, length: length, isOversized: false))
            at += 2 + length
            // Silence before confirmation is measured from the accepting: frames alone must not keep a connection.
            if connection.isConfirmed { connection.lastActivity = now }
            if batch.isFull {
                deliver(connection)
                if connection.handle.isClosed { return }
            }
        }
        deliver(connection)
        if connection.handle.isClosed { return }
        connection.keepPartial(UnsafeRawBufferPointer(start: batch.slab + at, count: available - at))
    }

    private func deliver(_ connection: TCPConnection) {
        if batch.count == 0 { return }
        counters.framesReceived &+= UInt64(batch.count)
        onFrames?(batch)
        batch.removeAll()
    }

    // MARK: Sending

    /// Sends the frames of `batch` whose path is a connection of this listener, in order; others are left to their sockets. A frame is sent whole
    /// or dropped whole. The batch is not cleared.
    package func send(_ batch: DatagramBatch) { send(batch, 0..<batch.count) }

    /// The same for a part of the batch.
    package func send(_ batch: DatagramBatch, _ range: Range<Int>) {
        loop.requireConfined()
        for index in range.clamped(to: 0..<batch.count) {
            let path = batch[index].path
            guard path.kind == .tcp else { continue }
            guard let connection = connections[path.channel], connection.append(batch.bytes(index), limit: options.maximumPendingBytes)
            else {
                counters.framesDropped &+= 1
                continue
            }
            counters.framesSent &+= 1
            if !connection.isDirty {
                connection.isDirty = true
                dirty.append(connection)
            }
        }
        for connection in dirty {
            connection.isDirty = false
            connection.flush()
        }
        dirty.removeAll(keepingCapacity: true)
    }
}
