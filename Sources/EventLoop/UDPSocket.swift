import CNetwork
import CUV
import Glibc
import MediaPrimitives

/// A UDP socket of a loop: reads and writes batches, knows the local address of each datagram, and when the kernel took it in.
///
/// Confined to the loop's thread (before the loop starts, to its maker). What it reads and sends with is its loop's, shared by all sockets there; it
/// allocates nothing once made, but for the ring of what has to wait, with the first that has to.
package final class UDPSocket {
    package struct Options: Sendable {
        /// Lets the workers' sockets share one port; the kernel spreads the remote addresses over them (SO_REUSEPORT).
        package var reusePort = false
        /// For the first of them: the port must be free, and only then is shared with those that ask for `reusePort`.
        package var lendsPort = false
        /// SO_RCVBUF and SO_SNDBUF in bytes: 4 MiB, some 30 ms at 1 Gbit/s.
        package var receiveBuffer: Int32 = 4 << 20
        package var sendBuffer: Int32 = 4 << 20
        /// How many datagrams may wait while the socket is not writable.
        package var maximumPending = 1024
        /// Whether runs of equally long datagrams leave as one message (UDP_SEGMENT).
        package var sendsRuns = SendsRuns.whereSupported
        /// Whether the kernel may put together what arrives as a run (UDP_GRO), where it can; all of a run have the time of arrival of its first.
        package var receivesRuns = false

        package enum SendsRuns: Sendable {
            case whereSupported, never
            /// Without asking the kernel, for tests: a socket that is not UDP's then shows each run as one datagram.
            case always
        }

        package init() {}
    }

    /// The number in `Path.channel`.
    package let channel: UInt32
    /// What the socket is bound to; a port that was 0 is filled in.
    package let address: SocketAddress
    package internal(set) var counters = UDPCounters()
    /// Called for each batch that is read, with what is valid until it returns.
    package var onReadable: ((ReceiveBatch) -> Void)?
    /// Whether datagrams wait until `read()` asks for them, in place of waking the loop.
    package var isPolled = false {
        didSet { if isPolled != oldValue { watch() } }
    }
    /// Whether runs leave as one message; false for good once the system has shown that it will not have them.
    package internal(set) var makesRuns: Bool

    let loop: EventLoop
    let handle: LoopHandle
    let descriptor: Int32
    /// Set on a connected socket: everything goes there and comes from there.
    let peer: SocketAddress?
    let sender: DatagramSender
    var pending: PendingDatagrams
    var awaitsWritable = false
    private let receiver: DatagramReceiver
    /// What the kernel has dropped since the socket was made; wraps.
    private var drops: UInt32 = 0

    /// Datagrams read before the other sockets of the loop have their turn.
    private static let longestTurn = 256

    // MARK: Life

    /// Binds `address`; `0.0.0.0` and `::` take all addresses of that family alone. On the loop's thread, or before it starts.
    package convenience init(
        _ loop: EventLoop, channel: UInt32, address: SocketAddress, options: Options = Options()
    ) throws(SocketError) {
        var bound = apus_address()
        let descriptor = apus_udp_open(apus_address(address), apus_udp_options(options), &bound)
        if descriptor < 0 { throw SocketError(address: address, isTCP: false, code: -descriptor) }
        try self.init(loop, channel: channel, adopting: descriptor, address: SocketAddress(bound), peer: nil, options: options)
    }

    /// Binds a free port of the address that leads to `peer`, for datagrams from and to there alone.
    package convenience init(
        _ loop: EventLoop, channel: UInt32, peer: SocketAddress, options: Options = Options()
    ) throws(SocketError) {
        var bound = apus_address()
        let descriptor = apus_udp_connect(apus_address(peer), apus_udp_options(options), &bound)
        if descriptor < 0 { throw SocketError(address: peer, isTCP: false, code: -descriptor) }
        try self.init(loop, channel: channel, adopting: descriptor, address: SocketAddress(bound), peer: peer, options: options)
    }

    /// Takes over a non-blocking datagram socket, bound to `address`, and connected if `peer` says to whom. The descriptor is closed with it,
    /// also when this fails.
    package init(
        _ loop: EventLoop, channel: UInt32, adopting descriptor: Int32, address: SocketAddress, peer: SocketAddress?,
        options: Options = Options()
    ) throws(SocketError) {
        loop.requireConfined()
        guard let receiver = loop.datagramReceiver, let sender = loop.datagramSender else {
            Glibc.close(descriptor)
            throw SocketError(address: address, isTCP: false, code: ENOMEM)
        }
        do { handle = try loop.poll(descriptor) } catch {
            throw SocketError(address: address, isTCP: false, code: error.code)
        }
        self.loop = loop
        self.channel = channel
        self.address = address
        self.descriptor = descriptor
        self.peer = peer
        self.receiver = receiver
        self.sender = sender
        makesRuns =
            switch options.sendsRuns {
            case .whereSupported: apus_udp_can_segment(descriptor)
            case .never: false
            case .always: true
            }
        if options.receivesRuns { _ = apus_udp_merge(descriptor) }
        pending = PendingDatagrams(capacity: options.maximumPending)
        handle.onEvent = { [weak self] status, events in self?.ready(status, events) }
        watch()
    }

    deinit { handle.close(on: loop) }

    /// Closes the socket and lets go of the callback. What waits to be sent is lost.
    package func close() {
        loop.requireConfined()
        onReadable = nil
        handle.close()
    }

    /// The bytes that the kernel gives to a socket's buffers, for what arrives and for what leaves: less than `options` ask for where its limits are
    /// lower. Nil if it opens none.
    package static func buffers(_ options: Options = Options()) -> (receive: Int, send: Int)? {
        var bound = apus_address()
        let descriptor = apus_udp_open(apus_address(SocketAddress(ipv4: 0x7f00_0001, port: 0)), apus_udp_options(options), &bound)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var (receive, send): (Int32, Int32) = (0, 0)
        apus_udp_buffers(descriptor, &receive, &send)
        return (Int(receive), Int(send))
    }

    /// Datagrams that wait for the socket to become writable.
    package var pendingCount: Int { pending.count }

    private func ready(_ status: Int32, _ events: Int32) {
        if status < 0 {
            // An error was pending on the socket (libuv stops watching then): take it off and go on, it concerns one datagram at most.
            counters.receiveErrors &+= 1
            _ = apus_socket_error(descriptor)
            watch()
            return
        }
        if events & Int32(UV_WRITABLE.rawValue) != 0 { flush() }
        if events & Int32(UV_READABLE.rawValue) != 0 { read() }
    }

    func watch() {
        handle.watch((isPolled ? 0 : Int32(UV_READABLE.rawValue)) | (awaitsWritable ? Int32(UV_WRITABLE.rawValue) : 0))
    }

    // MARK: Receiving

    /// Reads what has arrived and hands it on. The loop does so by itself unless `isPolled`. Not from within `onReadable` of any socket of the loop.
    package func read() {
        loop.requireConfined()
        precondition(!receiver.isLent, "a batch is handed on before the next is read")
        receiver.isLent = true
        defer { receiver.isLent = false }
        let end = counters.received &+ UInt64(UDPSocket.longestTurn)
        while counters.received < end, !handle.isClosed {
            let before = drops
            let n = receiver.receive(from: descriptor, drops: &drops)
            if n <= 0 {
                if n < 0, n != -Int(EAGAIN) { counters.receiveErrors &+= 1 }
                return
            }
            counters.overflowed &+= UInt64(drops &- before)
            handOn(n)
            // Fewer than asked for: the socket is drained, and asking again would only cost a system call.
            if n < DatagramReceiver.slots { return }
        }
    }

    /// Hands on what is in the first `n` slots, in as many batches as it takes.
    private func handOn(_ n: Int) {
        let batch = receiver.batch
        let now = loop.now
        // The kernel stamps with the wall clock; both read side by side give what lies between them.
        let offset = now.nanoseconds &- loop.unixNanoseconds
        batch.removeAll()
        for index in 0..<n {
            let slot = receiver.slot(index)
            var entry = ReceiveBatch.Entry(
                path: Path(
                    kind: .udp, channel: channel,
                    local: slot.has_local ? SocketAddress(slot.local).with(port: address.port) : address,
                    remote: slot.has_remote ? SocketAddress(slot.remote) : (peer ?? address)),
                arrival: UDPSocket.arrival(unixNanoseconds: slot.unix_nanoseconds, offset: offset, read: now),
                offset: index &* DatagramReceiver.stride, length: 0, isOversized: false)
            if slot.segment > 0 { counters.receivedRuns &+= 1 }
            var rest = Int(slot.length)
            repeat {
                if batch.isFull {
                    onReadable?(batch)
                    if handle.isClosed { return }
                    batch.removeAll()
                }
                let length = slot.segment > 0 ? min(Int(slot.segment), rest) : rest
                entry.isOversized = slot.truncated || length > ReceiveBatch.maximumLength
                entry.length = entry.isOversized ? 0 : length
                if entry.isOversized { counters.oversized &+= 1 }
                batch.append(entry)
                counters.received &+= 1
                entry.offset &+= length
                rest &-= length
            } while rest > 0
        }
        onReadable?(batch)
    }

    /// The kernel's time of arrival on the monotonic clock, or the time of reading if it has none, or if the wall clock was set in between
    /// (an arrival in the future, or more than a second ago).
    package static func arrival(unixNanoseconds: Int64, offset: Int64, read: Instant) -> Instant {
        guard unixNanoseconds != 0 else { return read }
        let arrival = Instant(nanoseconds: unixNanoseconds &+ offset)
        return arrival <= read && read - arrival <= .seconds(1) ? arrival : read
    }
}
