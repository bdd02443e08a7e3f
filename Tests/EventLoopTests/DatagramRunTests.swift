import EventLoop
import Glibc
import MediaPrimitives
import TestSockets
import Testing

/// Runs of datagrams that leave as one message (UDP_SEGMENT), or arrive as one (UDP_GRO).
@Suite("Runs of datagrams", .timeLimit(.minutes(1)))
struct DatagramRunTests {
    // MARK: Which datagrams make a run

    static let runs: [(lengths: [Int], messages: [Int])] = [
        ([100], [100]),
        ([100, 100, 100], [300]),
        ([100, 100, 40], [240]),
        ([100, 40, 40], [140, 40]),
        ([40, 100], [40, 100]),
        ([100, 100, 40, 100, 100], [240, 200]),
        // A frame as Chromium splits it, about equally, the longer parts last; sound before and after it.
        ([98, 1071, 1071, 1072, 1072, 1072, 97], [98, 2142, 3313]),
        (Array(repeating: 10, count: 200), [640, 640, 640, 80]),
        // 65,000 bytes at most.
        (Array(repeating: 1200, count: 60), [64_800, 7_200]),
        (Array(repeating: 1300, count: 51), [65_000, 1_300]),
    ]

    @Test("a run is of one length, but that the last may be shorter, of 64 datagrams and 65,000 bytes at most", arguments: runs)
    func lengths(lengths: [Int], messages: [Int]) async throws {
        let host = try LoopHost()
        let (descriptor, reader) = localPair()
        defer { close(reader) }
        try await host.adopt(descriptor, peer: .v4(), .runs(.always))
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: .v4())
        await host.send(lengths.enumerated().map { ([UInt8](repeating: UInt8(truncatingIfNeeded: $0.offset), count: $0.element), path) })
        let read = messages.map { _ in readDatagram(reader) ?? [] }
        #expect(read.map(\.count) == messages)
        #expect(
            read.flatMap { $0 }
                == lengths.enumerated().flatMap { [UInt8](repeating: UInt8(truncatingIfNeeded: $0.offset), count: $0.element) })
        let counters = await host.counters()
        #expect(counters.sent == lengths.count && counters.sentMessages == messages.count && counters.refusedRuns == 0)
        await host.stop()
    }

    @Test("another path ends a run, and nothing is moved to make a longer one")
    func paths() async throws {
        let host = try LoopHost()
        let (descriptor, reader) = localPair()
        defer { close(reader) }
        try await host.adopt(descriptor, peer: .v4(), .runs(.always))
        let paths = [1, 2].map { Path(kind: .udp, channel: 0, local: .v4(), remote: .v4($0, port: 9)) }
        let others = Path(kind: .udp, channel: 7, local: .v4(), remote: .v4(1, port: 9))
        await host.send([([0], paths[0]), ([1], paths[0]), ([2], paths[1]), ([3], paths[1]), ([4], paths[0])])
        // What is another socket's is not in between.
        await host.send([([5], paths[0]), ([99], others), ([6], paths[0])])
        #expect((0..<4).map { _ in readDatagram(reader) } == [[0, 1], [2, 3], [4], [5, 6]])
        await host.stop()
    }

    @Test("what a full socket will not take follows in order, in runs again, and nothing is lost")
    func waitsInRuns() async throws {
        let host = try LoopHost()
        let (descriptor, reader) = localPair()
        defer { close(reader) }
        var size: Int32 = 4_096
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, 4)
        try await host.adopt(descriptor, peer: .v4(), .runs(.always))
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: .v4())
        // Runs of five: a shorter one ends each.
        let datagrams: [(bytes: [UInt8], path: Path)] = (0..<1000).map { n in
            let number = [UInt8(n >> 8), UInt8(n & 255)]
            return (n % 5 == 4 ? number : number + [0, 0], path)
        }
        await host.send(Array(datagrams[..<250]))
        await host.send(Array(datagrams[250..<1000]))
        let (waiting, counters) = await host.run { ($0.sockets[0].pendingCount, $0.sockets[0].counters) }
        #expect(waiting > 500 && counters.sent + UInt64(waiting) == 1000)
        #expect(counters.delayed == UInt64(waiting) && counters.dropped == 0)
        var read: [[UInt8]] = []
        while read.reduce(0, { $0 + $1.count }) < 3600 { read.append(try #require(readDatagram(reader))) }
        #expect(read.flatMap { $0 } == datagrams.flatMap(\.bytes))
        // Runs are cut where what goes into one system call ends, and nowhere else.
        #expect(read.count <= 200 + 1000 / 250)
        await host.run { #expect($0.sockets[0].pendingCount == 0) }
        #expect(await host.counters().sent == 1000)
        #expect(await host.counters().sentMessages == UInt64(read.count))
        await host.stop()
    }

    // MARK: Sending, on UDP

    static let ways: [(bind: SocketAddress, local: SocketAddress, remote: SocketAddress)] = [
        (.v4(), .v4(), .v4()), (.anyV4, .v4(77), .v4()), (.v6(), .v6(), .v6()), (.anyV6, .v6(), .v6()),
    ]

    @Test("two hundred datagrams for one path leave in four messages and arrive as they are", arguments: ways)
    func sends(bind: SocketAddress, local: SocketAddress, remote: SocketAddress) async throws {
        let host = try LoopHost()
        let bound = try await host.open(bind)
        let client = try BlockingSocket(udp: remote)
        let path = Path(kind: .udp, channel: 0, local: local.with(port: bound.port), remote: client.address)
        await host.send((0..<200).map { ([UInt8](repeating: UInt8($0), count: 500), path) })
        for n in 0..<200 {
            let received = try #require(client.receive())
            #expect(received.bytes == [UInt8](repeating: UInt8(n), count: 500))
            #expect(received.from == path.local)
        }
        let counters = await host.counters()
        #expect(counters.sent == 200 && counters.sentMessages == 4 && counters.refusedRuns == 0)
        await host.stop()
    }

    @Test("runs for several viewers reach each in order, whatever their lengths")
    func viewers() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.anyV4)
        let clients = try (0..<5).map { _ in try BlockingSocket(udp: .v4()) }
        let lengths = [1100, 1100, 1100, 100, 1071, 1072, 1072, 1072]
        await host.send(
            clients.flatMap { client in
                lengths.enumerated().map { index, length in
                    (
                        [UInt8](repeating: UInt8(index), count: length),
                        Path(kind: .udp, channel: 0, local: .v4(port: bound.port), remote: client.address)
                    )
                }
            })
        for client in clients {
            for (index, length) in lengths.enumerated() {
                #expect(client.receive()?.bytes == [UInt8](repeating: UInt8(index), count: length))
            }
        }
        let counters = await host.counters()
        #expect(counters.sent == 40 && counters.sentMessages == 15)
        await host.stop()
    }

    @Test("without runs each datagram is a message")
    func never() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.v4(), .runs(.never))
        let client = try BlockingSocket(udp: .v4())
        let path = Path(kind: .udp, channel: 0, local: bound, remote: client.address)
        await host.send((0..<50).map { ([UInt8($0), 1], path) })
        for n in 0..<50 { #expect(client.receive()?.bytes == [UInt8(n), 1]) }
        let counters = await host.counters()
        #expect(counters.sent == 50 && counters.sentMessages == 50)
        await host.stop()
    }

    @Test("a socket that refuses to segment sends singly, and does not try again")
    func refusal() async throws {
        let host = try LoopHost()
        // Without checksums the kernel will not cut anything: EINVAL.
        let bound = try BlockingSocket(udp: .v4())
        let descriptor = fcntl(bound.descriptor, F_DUPFD_CLOEXEC, 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NO_CHECK, &one, 4)
        let client = try BlockingSocket(udp: .v4())
        _ = BlockingSocket.withSockaddr(client.address) { connect(descriptor, $0, $1) }
        try await host.adopt(descriptor, peer: client.address)
        #expect(await host.run { $0.sockets[0].makesRuns })
        let path = Path(kind: .udp, channel: 0, local: .v4(), remote: client.address)
        await host.send((0..<8).map { ([UInt8($0), 7], path) })
        #expect(await host.run { !$0.sockets[0].makesRuns })
        await host.send((8..<16).map { ([UInt8($0), 7], path) })
        for n in 0..<16 { #expect(client.receive()?.bytes == [UInt8(n), 7]) }
        let counters = await host.counters()
        #expect(counters.sent == 16 && counters.sentMessages == 16 && counters.refusedRuns == 1 && counters.sendErrors == 0)
        await host.stop()
    }

    @Test("a run that its path refuses is no reason to send others singly")
    func refusedPath() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.anyV4)
        let client = try BlockingSocket(udp: .v4())
        let good = Path(kind: .udp, channel: 0, local: .v4(port: bound.port), remote: client.address)
        var broadcast = good
        broadcast.remote = SocketAddress(ipv4: 0xffff_ffff, port: 9)  // EACCES without SO_BROADCAST
        var notOurs = good
        notOurs.local = SocketAddress(ipv4: 0xc000_0201, port: bound.port)  // 192.0.2.1: EINVAL
        await host.send(
            [([1], broadcast), ([2], broadcast), ([3], good), ([4], good), ([5], notOurs), ([6], notOurs), ([7], notOurs), ([8], good)])
        for n: UInt8 in [3, 4, 8] { #expect(client.receive()?.bytes == [n]) }
        #expect(await host.run { $0.sockets[0].makesRuns })
        let counters = await host.counters()
        #expect(counters.sent == 3 && counters.sentMessages == 2 && counters.sendErrors == 5 && counters.refusedRuns == 2)
        await host.stop()
    }

    // MARK: Receiving

    @Test("a run that arrives as one is handed on datagram by datagram", arguments: ways)
    func receives(bind: SocketAddress, local: SocketAddress, remote: SocketAddress) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(bind, .runs(.whereSupported, receives: true))
        let sender = try await host.open(remote)
        let path = Path(kind: .udp, channel: 1, local: sender, remote: local.with(port: bound.port))
        // More than a batch in one turn, the last of each run shorter.
        let datagrams = (0..<200).map { [UInt8](repeating: UInt8($0), count: $0 % 50 == 49 ? 100 : 700) }
        await host.send(datagrams.map { ($0, path) })
        let received = await events.received(200)
        #expect(received.map(\.bytes) == datagrams)
        #expect(received.allSatisfy { $0.path == Path(kind: .udp, channel: 0, local: path.remote, remote: sender) && !$0.isOversized })
        let counters = await host.counters()
        #expect(counters.received == 200 && counters.receivedRuns == 4 && counters.oversized == 0)
        await host.stop()
    }

    @Test("of a run of datagrams above 1500 bytes nothing is handed on but that they came")
    func oversizedRun() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.open(.v4(), .runs(.whereSupported, receives: true))
        let sender = try await host.open(.v4())
        let path = Path(kind: .udp, channel: 1, local: sender, remote: bound)
        await host.send([1510, 1510, 1500, 3, 3].map { ([UInt8](repeating: 9, count: $0), path) })
        let received = await events.received(5)
        #expect(received.map(\.isOversized) == [true, true, false, false, false])
        #expect(received.map(\.bytes.count) == [0, 0, 1500, 3, 3])
        #expect(await host.counters().oversized == 2)
        await host.stop()
    }

    @Test("a callback that closes its socket within a run hears no more")
    func closesWithinRun() async throws {
        let host = try LoopHost()
        let bound = try await host.open(.v4(), .runs(.whereSupported, receives: true))
        let sender = try await host.open(.v4())
        let (stream, report) = AsyncStream<Int>.makeStream()
        let path = Path(kind: .udp, channel: 1, local: sender, remote: bound)
        await host.run { host in
            let socket = host.sockets[0]
            socket.onReadable = { [unowned socket] batch in
                report.yield(batch.count)
                socket.close()
            }
        }
        await host.send((0..<130).map { ([UInt8($0), 1], path) })
        var counts = stream.makeAsyncIterator()
        #expect(await counts.next() == 64)
        // The port is free.
        try await host.open(bound)
        #expect(await host.counters().received == 64)
        await host.stop()
    }
}

extension UDPSocket.Options {
    static func runs(_ sends: SendsRuns, receives: Bool = false) -> UDPSocket.Options {
        var options = UDPSocket.Options()
        options.sendsRuns = sends
        options.receivesRuns = receives
        return options
    }
}
