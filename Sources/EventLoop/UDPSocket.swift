import CNetwork
import CUV
import Glibc
import MediaPrimitives

/// A UDP socket's running totals.
package struct UDPCounters: Sendable {
    package var received: UInt64 = 0
    /// Longer than 1500 bytes; counted in `received` too.
    package var oversized: UInt64 = 0
    package var receiveErrors: UInt64 = 0
    /// Datagrams that the kernel dropped because the loop did not read in time; known with the next that arrives.
    package var overflowed: UInt64 = 0
    package var sent: UInt64 = 0
    /// Datagrams that the system refused (no route, refused by a filter, too long); each was skipped alone.
    package var sendErrors: UInt64 = 0
    /// Datagrams that had to wait for the socket to become writable.
    package var delayed: UInt64 = 0
    /// Datagrams that found the ring of those full.
    package var dropped: UInt64 = 0

    package init() {}
}

/// A UDP socket of a loop: reads and writes batches, knows the local address of each datagram, and when the kernel took it in.
///
/// Confined to the loop's thread (before the loop starts, to its maker). It allocates nothing once made.
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

        package init() {}
    }

    /// The number in `Path.channel`.
    package let channel: UInt32
    /// What the socket is bound to; a port that was 0 is filled in.
    package let address: SocketAddress
    package private(set) var counters = UDPCounters()
    /// Called for each batch that is read, with what is valid until it returns.
    package var onReadable: ((ReceiveBatch) -> Void)?

    private let loop: EventLoop
    private let handle: LoopHandle
    private let descriptor: Int32
    /// Set on a connected socket: everything goes there and comes from there.
    private let peer: SocketAddress?
    private let receiver: OpaquePointer
    private let batch: ReceiveBatch
    private let sender: OpaquePointer
    /// Which entry of the batch each message of `sender` is.
    private let indices: UnsafeMutablePointer<Int>
    private var pending: PendingDatagrams
    private var awaitsWritable = false
    private var lastDrops: UInt32 = 0

    /// Datagrams a system call reads or writes.
    private static let batchSize = 64
    private static let slotSize = 2048
    /// Batches read before the other sockets of the loop have their turn.
    private static let roundsPerTurn = 4

    // MARK: Life

    /// Binds `address`; `0.0.0.0` and `::` take all addresses of that family alone. On the loop's thread, or before it starts.
    package convenience init(
        _ loop: EventLoop, channel: UInt32, address: SocketAddress, options: Options = Options()
    ) throws(SocketError) {
        var bound = apus_address()
        let descriptor = apus_udp_open(
            apus_address(address),
            apus_udp_options(
                receive_buffer: options.receiveBuffer, send_buffer: options.sendBuffer, reuse_port: options.reusePort,
                lend_port: options.lendsPort), &bound)
        if descriptor < 0 { throw SocketError(address: address, isTCP: false, code: -descriptor) }
        try self.init(
            loop, channel: channel, adopting: descriptor, address: SocketAddress(bound), peer: nil, maximumPending: options.maximumPending)
    }

    /// Takes over a non-blocking datagram socket, bound to `address`, and connected if `peer` says to whom. The descriptor is closed with it,
    /// also when this fails.
    package init(
        _ loop: EventLoop, channel: UInt32, adopting descriptor: Int32, address: SocketAddress, peer: SocketAddress?,
        maximumPending: Int = Options().maximumPending
    ) throws(SocketError) {
        loop.requireConfined()
        let batch = ReceiveBatch(slabSize: UDPSocket.batchSize * UDPSocket.slotSize, capacity: UDPSocket.batchSize)
        guard let receiver = apus_receiver_create(batch.slab, UInt32(UDPSocket.batchSize), UInt32(UDPSocket.slotSize)) else {
            Glibc.close(descriptor)
            throw SocketError(address: address, isTCP: false, code: ENOMEM)
        }
        guard let sender = apus_sender_create(UInt32(UDPSocket.batchSize)) else {
            apus_receiver_destroy(receiver)
            Glibc.close(descriptor)
            throw SocketError(address: address, isTCP: false, code: ENOMEM)
        }
        do { handle = try loop.poll(descriptor) } catch {
            apus_receiver_destroy(receiver)
            apus_sender_destroy(sender)
            throw SocketError(address: address, isTCP: false, code: error.code)
        }
        self.loop = loop
        self.channel = channel
        self.address = address
        self.descriptor = descriptor
        self.peer = peer
        self.receiver = receiver
        self.batch = batch
        self.sender = sender
        indices = .allocate(capacity: UDPSocket.batchSize)
        pending = PendingDatagrams(capacity: maximumPending)
        handle.onEvent = { [weak self] status, events in self?.ready(status, events) }
        handle.watch(Int32(UV_READABLE.rawValue))
    }

    deinit {
        handle.close(on: loop)
        apus_receiver_destroy(receiver)
        apus_sender_destroy(sender)
        indices.deallocate()
    }

    /// Closes the socket and lets go of the callback. What waits to be sent is lost.
    package func close() {
        loop.requireConfined()
        onReadable = nil
        handle.close()
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

    private func watch() {
        handle.watch(Int32(UV_READABLE.rawValue) | (awaitsWritable ? Int32(UV_WRITABLE.rawValue) : 0))
    }

    // MARK: Receiving

    private func read() {
        for _ in 0..<UDPSocket.roundsPerTurn {
            if handle.isClosed { return }
            let n = Int(apus_receive(receiver, descriptor))
            if n <= 0 {
                if n < 0, n != -Int(EAGAIN) { counters.receiveErrors &+= 1 }
                return
            }
            fill(n)
            onReadable?(batch)
            // Fewer than asked for: the socket is drained, and asking again would only cost a system call.
            if n < UDPSocket.batchSize { return }
        }
    }

    private func fill(_ n: Int) {
        batch.removeAll()
        counters.received &+= UInt64(n)
        let drops = apus_receiver_drops(receiver)
        counters.overflowed &+= UInt64(drops &- lastDrops)
        lastDrops = drops
        let datagrams = apus_received(receiver)
        let now = loop.now
        // The kernel stamps with the wall clock; both read side by side give what lies between them.
        let offset = now.nanoseconds &- loop.unixNanoseconds
        for index in 0..<n {
            let datagram = datagrams[index]
            let length = Int(datagram.length)
            let isOversized = datagram.truncated || length > ReceiveBatch.maximumLength
            if isOversized { counters.oversized &+= 1 }
            let local = datagram.has_local ? SocketAddress(datagram.local).with(port: address.port) : address
            let remote = datagram.has_remote ? SocketAddress(datagram.remote) : (peer ?? address)
            batch.append(
                ReceiveBatch.Entry(
                    path: Path(kind: .udp, channel: channel, local: local, remote: remote),
                    arrival: UDPSocket.arrival(unixNanoseconds: datagram.unix_nanoseconds, offset: offset, read: now),
                    offset: index * UDPSocket.slotSize, length: isOversized ? 0 : length, isOversized: isOversized))
        }
    }

    /// The kernel's time of arrival on the monotonic clock, or the time of reading if it has none, or if the wall clock was set in between
    /// (an arrival in the future, or more than a second ago).
    package static func arrival(unixNanoseconds: Int64, offset: Int64, read: Instant) -> Instant {
        guard unixNanoseconds != 0 else { return read }
        let arrival = Instant(nanoseconds: unixNanoseconds &+ offset)
        return arrival <= read && read - arrival <= .seconds(1) ? arrival : read
    }

    // MARK: Sending

    /// Sends the datagrams of `batch` whose path is this socket's, in order; the others are left to their sockets. What the kernel will not take
    /// now is copied and follows as soon as it does. The batch is not cleared.
    package func send(_ batch: DatagramBatch) { send(batch, 0..<batch.count) }

    /// The same for a part of the batch.
    package func send(_ batch: DatagramBatch, _ range: Range<Int>) {
        loop.requireConfined()
        if handle.isClosed { return }
        var next = max(range.lowerBound, 0)
        let end = min(range.upperBound, batch.count)
        while next < end {
            apus_sender_clear(sender)
            var gathered = 0
            while next < end, gathered < UDPSocket.batchSize {
                let index = next
                next &+= 1
                let path = batch[index].path
                guard path.kind == .udp, path.channel == channel else { continue }
                let bytes = batch.bytes(index)
                if !pending.isEmpty {
                    keep(bytes, path)
                } else if add(bytes, path) {
                    indices[gathered] = index
                    gathered &+= 1
                }
            }
            for message in transmit(gathered)..<gathered { keep(batch.bytes(indices[message]), batch[indices[message]].path) }
        }
        updateWatch()
    }

    private func add(_ bytes: UnsafeRawBufferPointer, _ path: Path) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        var flags: UInt32 = 0
        if peer != nil {
            flags = APUS_SEND_CONNECTED
        } else if address.isUnspecified, !path.local.isUnspecified {
            // Bound to everything: the answer must leave from the address that was asked.
            flags = APUS_SEND_SOURCE
        }
        return apus_sender_add(sender, base, UInt32(bytes.count), apus_address(path.remote), apus_address(path.local), flags)
    }

    /// Sends the gathered messages; returns how many are done with, less than `count` if the socket takes no more now.
    private func transmit(_ count: Int) -> Int {
        var done = 0
        while done < count {
            let n = Int(apus_send(sender, descriptor, UInt32(done)))
            if n > 0 {
                done &+= n
                counters.sent &+= UInt64(n)
            } else if n == 0 || n == -Int(EAGAIN) {
                return done
            } else {
                // The error is about this datagram's destination or size: the next may be well.
                counters.sendErrors &+= 1
                done &+= 1
            }
        }
        return done
    }

    private func keep(_ bytes: UnsafeRawBufferPointer, _ path: Path) {
        if pending.append(bytes, to: path) { counters.delayed &+= 1 } else { counters.dropped &+= 1 }
    }

    private func flush() {
        while !pending.isEmpty {
            apus_sender_clear(sender)
            var gathered = 0
            while gathered < UDPSocket.batchSize, let (bytes, path) = pending.peek(gathered), add(bytes, path) { gathered &+= 1 }
            let done = transmit(gathered)
            pending.removeFirst(done)
            if done < gathered || gathered == 0 { break }
        }
        updateWatch()
    }

    private func updateWatch() {
        guard awaitsWritable == pending.isEmpty else { return }
        awaitsWritable = !pending.isEmpty
        watch()
    }
}
