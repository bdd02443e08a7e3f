import EventLoop
import Glibc
import MediaPrimitives
import TestSockets
import Testing

@Suite("UDP socket", .timeLimit(.minutes(1)))
struct UDPSocketTests {
    static let addresses: [(bind: SocketAddress, ask: SocketAddress, from: SocketAddress)] = [
        (.v4(), .v4(), .v4()), (.anyV4, .v4(), .v4()), (.anyV4, .v4(77), .v4()), (.v4(9), .v4(9), .v4(8)),
        (.v6(), .v6(), .v6()), (.anyV6, .v6(), .v6()),
    ]

    @Test("a datagram says which of our addresses it was sent to, and the answer leaves from there", arguments: addresses)
    func localAddress(bind: SocketAddress, ask: SocketAddress, from: SocketAddress) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(bind)
        #expect(bound.hasSameHost(as: bind) && bound.port != 0)
        let client = try BlockingSocket(udp: from)
        client.send([42], to: ask.with(port: bound.port))
        let received = try #require(await events.received())
        #expect(received.path == Path(kind: .udp, channel: 0, local: ask.with(port: bound.port), remote: client.address))
        await host.send([([43], received.path)])
        let answer = try #require(client.receive())
        #expect(answer.bytes == [43])
        #expect(answer.from == ask.with(port: bound.port))
        await host.stop()
    }

    @Test("two hundred datagrams arrive in order, with the times at which the kernel took them")
    func order() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(.anyV4)
        let client = try BlockingSocket(udp: .v4())
        let before = host.loop.now
        // The loop is kept busy meanwhile, so that all of them wait in the socket and are read in batches.
        await host.run { host in for n in 0..<200 { client.send([UInt8(n), 7], to: .v4(port: bound.port)) } }
        let after = host.loop.now
        let received = await events.received(200)
        #expect(received.map(\.bytes) == (0..<200).map { [UInt8($0), 7] })
        // The two clocks are read one after the other: allow for what lies between.
        let slack = Interval.milliseconds(1)
        #expect(received.allSatisfy { $0.arrival > before - slack && $0.arrival < after + slack })
        #expect(zip(received, received.dropFirst()).allSatisfy { $0.arrival <= $1.arrival + slack })
        #expect(await host.counters().received == 200)
        await host.stop()
    }

    @Test("what the kernel had to drop is known with the next datagram")
    func overflow() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        var options = UDPSocket.Options()
        options.receiveBuffer = 16 << 10
        let bound = try await host.open(.v4(), options)
        let client = try BlockingSocket(udp: .v4())
        await host.run { _ in for _ in 0..<200 { client.send([UInt8](repeating: 1, count: 1000), to: bound) } }
        // After a turn of the loop the buffer is empty again.
        _ = await events.received()
        await host.run { _ in }
        client.send([2], to: bound)
        while let received = await events.received(), received.bytes != [2] {}
        let counters = await host.counters()
        #expect(counters.overflowed > 0)
        #expect(counters.received + counters.overflowed == 201)
        await host.stop()
    }

    @Test("two hundred datagrams leave in order, those of another socket by that one")
    func sendOrder() async throws {
        let host = try LoopHost()
        let first = try await host.open(.anyV4)
        let second = try await host.open(.v4(3))
        let client = try BlockingSocket(udp: .v4())
        await host.send(
            (0..<200).map { n in
                let isSecond = n % 5 == 4
                let local = isSecond ? second : SocketAddress.v4(6, port: first.port)
                return ([UInt8(n)], Path(kind: .udp, channel: isSecond ? 1 : 0, local: local, remote: client.address))
            } + [([1], Path(kind: .tcp, channel: 0, local: first, remote: client.address))])
        var all: [SocketAddress: [UInt8]] = [:]
        for _ in 0..<200 {
            let received = try #require(client.receive())
            all[received.from, default: []] += received.bytes
        }
        let numbers: Range<UInt8> = 0..<200
        #expect(all[SocketAddress.v4(6, port: first.port)] == numbers.filter { $0 % 5 != 4 })
        #expect(all[second] == numbers.filter { $0 % 5 == 4 })
        #expect(await host.counters(0).sent == 160)
        #expect(await host.counters(1).sent == 40)
        await host.stop()
    }

    @Test("a datagram above 1500 bytes is marked, and nothing of it handed on", arguments: [0, 1, 1500, 1501, 2048, 2049, 9000])
    func oversized(length: Int) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(.v4())
        let client = try BlockingSocket(udp: .v4())
        client.send([UInt8](repeating: 5, count: length), to: bound)
        client.send([6], to: bound)
        let received = try #require(await events.received())
        #expect(received.isOversized == (length > 1500))
        #expect(received.bytes.count == (length > 1500 ? 0 : length))
        #expect(received.path.remote == client.address)
        #expect(await events.received()?.bytes == [6])
        #expect(await host.counters().oversized == (length > 1500 ? 1 : 0))
        await host.stop()
    }

    @Test("an error for one destination skips that datagram alone")
    func sendErrors() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.anyV4)
        let client = try BlockingSocket(udp: .v4())
        let good = Path(kind: .udp, channel: 0, local: .v4(port: bound.port), remote: client.address)
        var broadcast = good
        broadcast.remote = SocketAddress(ipv4: 0xffff_ffff, port: 9)  // EACCES without SO_BROADCAST
        var otherFamily = good
        otherFamily.remote = .v6(port: 9)  // EAFNOSUPPORT
        var notOurs = good
        notOurs.local = SocketAddress(ipv4: 0xc000_0201, port: bound.port)  // 192.0.2.1: EINVAL
        await host.send([([1], broadcast), ([2], good), ([3], otherFamily), ([4], notOurs), ([5], good), ([6], broadcast)])
        #expect(client.receive()?.bytes == [2])
        #expect(client.receive()?.bytes == [5])
        let counters = await host.counters()
        #expect(counters.sent == 2 && counters.sendErrors == 4 && counters.dropped == 0)
        await host.stop()
    }

    @Test("a connected socket outlives its peer's refusals")
    func refused() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let gone = try BlockingSocket(udp: .v4()).address
        _ = BlockingSocket.withSockaddr(gone) { connect(descriptor, $0, $1) }
        try await host.adopt(descriptor, peer: gone)
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: gone)
        for _ in 0..<10 { await host.send([([1], path), ([2], path)]) }
        let counters = await host.counters()
        #expect(counters.sendErrors + counters.receiveErrors > 0)
        // Somebody listens there again.
        let back = try BlockingSocket(udp: gone)
        var heard: (bytes: [UInt8], from: SocketAddress)?
        for _ in 0..<5 { await host.send([([3], path)]) }
        heard = back.receive()
        #expect(heard?.bytes == [3])
        back.send([4], to: try #require(heard?.from))
        let received = try #require(await events.received())
        #expect(received.bytes == [4])
        #expect(received.path.remote == gone)
        await host.stop()
    }

    @Test("what the kernel will not take now follows in order when it does")
    func waitsForWritable() async throws {
        // A pair of local sockets fills up after a few datagrams and says EAGAIN, which UDP over loopback never does.
        let host = try LoopHost()
        let (descriptor, reader) = localPair()
        defer { close(reader) }
        try await host.adopt(descriptor, peer: .v4())
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: .v4())
        let datagrams = (0..<1200).map { n in ([UInt8(n >> 8), UInt8(n & 255)], path) }
        await host.send(Array(datagrams[..<500]))
        await host.send(Array(datagrams[500..<501]))
        let (waiting, counters) = await host.run { ($0.sockets[0].pendingCount, $0.sockets[0].counters) }
        #expect(waiting > 0)
        #expect(counters.sent + UInt64(waiting) == 501 && counters.delayed == UInt64(waiting) && counters.dropped == 0)
        // Reading makes room; later datagrams queue behind the earlier ones.
        var read: [Int] = []
        for n in 0..<1000 {
            if n == 100 { await host.send(Array(datagrams[501..<1000])) }
            read.append(try #require(readNumber(reader)))
        }
        #expect(read == Array(0..<1000))
        #expect(await host.run { $0.sockets[0].pendingCount } == 0)
        // Nothing is left waiting for writability: sends go straight through again.
        await host.send([datagrams[1000]])
        #expect(readNumber(reader) == 1000)
        await host.stop()
    }

    @Test("a full ring drops the newest and counts them")
    func ringOverflow() async throws {
        let host = try LoopHost()
        let (descriptor, reader) = localPair()
        defer { close(reader) }
        var options = UDPSocket.Options()
        options.maximumPending = 10
        try await host.adopt(descriptor, peer: .v4(), options)
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: .v4())
        await host.send((0..<1000).map { n in ([UInt8(n >> 8), UInt8(n & 255)], path) })
        let counters = await host.counters()
        #expect(counters.delayed == 10)
        #expect(counters.sent + counters.delayed + counters.dropped == 1000)
        let kept = Int(counters.sent) + 10
        #expect((0..<kept).map { _ in readNumber(reader) } == Array(0..<kept))
        await host.stop()
    }

    @Test("a port in use is an error that says so; sharing has to be asked for")
    func portInUse() async throws {
        let host = try LoopHost()
        var options = UDPSocket.Options()
        let bound = try await host.open(.v4())
        let error = await #expect(throws: SocketError.self) { try await host.open(bound) }
        #expect(error == SocketError(address: bound, isTCP: false, code: EADDRINUSE))
        options.reusePort = true
        let shared = try await host.open(.v4(), options)
        try await host.open(shared, options)
        let foreign = SocketAddress(ipv4: 0xc000_0201, port: 0)
        #expect(await #expect(throws: SocketError.self) { try await host.open(foreign) }?.code == EADDRNOTAVAIL)
        await host.stop()
    }

    @Test("the first of those that share a port binds it alone; datagrams then reach all of them, each sender one")
    func lentPort() async throws {
        let host = try LoopHost()
        var options = UDPSocket.Options()
        options.lendsPort = true
        let bound = try await host.open(.v4(), options)
        let error = await #expect(throws: SocketError.self) { try await host.open(bound, options) }
        #expect(error?.code == EADDRINUSE)
        options.lendsPort = false
        options.reusePort = true
        try await host.open(bound, options)
        let clients = try (0..<32).map { _ in try BlockingSocket(udp: .v4()) }
        for client in clients { for _ in 0..<2 { client.send([128], to: bound) } }
        var received = host.events.makeAsyncIterator()
        var channels: [SocketAddress: Set<UInt32>] = [:]
        for datagram in await received.received(64) { channels[datagram.path.remote, default: []].insert(datagram.path.channel) }
        #expect(channels.count == 32 && channels.values.allSatisfy { $0.count == 1 })
        // One in 2^31 that all of them hash to the same.
        #expect(Set(channels.values) == [[0], [1]])
        await host.stop()
    }

    @Test("both families share a port number, each with its own socket")
    func bothFamilies() async throws {
        let host = try LoopHost()
        // A test beside this one may have the port in the other family.
        var isShared = false
        for _ in 0..<10 where !isShared {
            let bound = try await host.open(.anyV6)
            do {
                try await host.open(SocketAddress.anyV4.with(port: bound.port))
                isShared = true
            } catch let error as SocketError where error.code == EADDRINUSE {}
        }
        #expect(isShared)
        await host.stop()
    }

    @Test("kernel times become monotonic ones, and nonsense the time of reading")
    func arrivals() {
        let read = Instant(nanoseconds: 5_000_000_000)
        let offset: Int64 = 5_000_000_000 - 1_700_000_000_000_000_000
        let cases: [(kernel: Int64, expected: Int64)] = [
            (1_700_000_000_000_000_000, 5_000_000_000), (1_699_999_999_999_000_000, 4_999_000_000),
            (1_699_999_999_000_000_000, 4_000_000_000),
            (1_699_999_998_999_999_999, 5_000_000_000), (1_700_000_000_000_000_001, 5_000_000_000),
            (0, 5_000_000_000), (.min, 5_000_000_000), (.max, 5_000_000_000),
        ]
        for (kernel, expected) in cases {
            #expect(
                UDPSocket.arrival(unixNanoseconds: kernel, offset: offset, read: read) == Instant(nanoseconds: expected), "\(kernel)")
        }
    }

    @Test("a callback may close its socket, and nothing follows")
    func closeInCallback() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.v4())
        let (stream, report) = AsyncStream<Int>.makeStream()
        let client = try BlockingSocket(udp: .v4())
        await host.run { host in
            for n in 0..<200 { client.send([UInt8(n)], to: bound) }
            let socket = host.sockets[0]
            socket.onReadable = { [unowned socket] batch in
                report.yield(batch.count)
                socket.close()
            }
        }
        var counts = stream.makeAsyncIterator()
        #expect(await counts.next() == 64)
        // The port is free.
        try await host.open(bound)
        await host.stop()
    }

    @Test("a connected socket speaks with its peer alone, from a port of its own", arguments: [SocketAddress.v4(), .v6()])
    func connected(peer: SocketAddress) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let client = try BlockingSocket(udp: peer)
        let stranger = try BlockingSocket(udp: peer)
        let bound = try await host.connect(client.address)
        #expect(bound.hasSameHost(as: peer) && bound.port != 0)
        await host.send([([1], Path(kind: .udp, channel: 0, local: bound, remote: client.address))])
        let asked = try #require(client.receive())
        #expect(asked.bytes == [1] && asked.from == bound)
        stranger.send([2], to: bound)
        client.send([3], to: bound)
        let received = try #require(await events.received())
        #expect(received.bytes == [3])
        #expect(received.path == Path(kind: .udp, channel: 0, local: bound, remote: client.address))
        await host.stop()
    }

    @Test("a polled socket is read when it is asked, and sends as ever")
    func polled() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(.v4())
        let client = try BlockingSocket(udp: .v4())
        await host.run { $0.sockets[0].isPolled = true }
        for n in 0..<100 { client.send([UInt8(n)], to: bound) }
        // Turns of the loop in which a watched socket would have been read.
        for _ in 0..<3 { await host.run { _ in } }
        #expect(await host.counters().received == 0)
        await host.run { $0.sockets[0].read() }
        #expect(await events.received(100).map(\.bytes) == (0..<100).map { [UInt8($0)] })
        await host.send([([7], Path(kind: .udp, channel: 0, local: bound, remote: client.address))])
        #expect(client.receive()?.bytes == [7])
        await host.run { $0.sockets[0].isPolled = false }
        client.send([8], to: bound)
        #expect(await events.received()?.bytes == [8])
        await host.stop()
    }

    @Test("the sizes of the buffers are what the kernel gives")
    func buffers() throws {
        var options = UDPSocket.Options()
        (options.receiveBuffer, options.sendBuffer) = (20_000, 30_000)
        #expect(try #require(UDPSocket.buffers(options)) == (20_000, 30_000))
        // As much as any kernel's limit allows, and never more than was asked for.
        (options.receiveBuffer, options.sendBuffer) = (1 << 29, 1 << 29)
        let most = try #require(UDPSocket.buffers(options))
        #expect((20_000...1 << 29).contains(most.receive) && (30_000...1 << 29).contains(most.send))
    }
}
