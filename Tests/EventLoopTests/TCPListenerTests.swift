import EventLoop
import Glibc
import MediaPrimitives
import TestSockets
import Testing

@Suite("TCP listener", .timeLimit(.minutes(1)))
struct TCPListenerTests {
    static func frame(_ payload: [UInt8]) -> [UInt8] { [UInt8(payload.count >> 8), UInt8(payload.count & 255)] + payload }

    @Test("frames are the same whether they come byte by byte, in halves or all at once", arguments: [1, 2, 3, 7, 100, 1_000_000])
    func framing(chunk: Int) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let address = try await host.listen()
        let client = try BlockingSocket(tcp: address)
        // More than one batch of them, and both extremes of length.
        var payloads = (0..<150).map { [UInt8](repeating: UInt8($0), count: $0 % 9 + 1) }
        payloads.append([UInt8](repeating: 255, count: 1500))
        payloads.append([1])
        let stream = payloads.flatMap(Self.frame)
        var at = 0
        while at < stream.count {
            client.write(Array(stream[at..<min(at + chunk, stream.count)]))
            at += chunk
        }
        let received = await events.received(payloads.count)
        #expect(received.map(\.bytes) == payloads)
        #expect(received.allSatisfy { $0.path == Path(kind: .tcp, channel: 1, local: address, remote: client.address) })
        #expect(await host.tcpCounters().framesReceived == UInt64(payloads.count))
        await host.stop()
    }

    @Test("a length of zero or above 1500 ends the connection, after what was valid", arguments: [0, 1501, 0x1603, 65535])
    func invalidLength(length: Int) async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let client = try BlockingSocket(tcp: try await host.listen())
        client.write([0, 2, 8, 9, UInt8(length >> 8), UInt8(length & 255), 1, 2, 3])
        #expect(await events.received()?.bytes == [8, 9])
        let closed = try #require(await events.closed())
        #expect(closed.channel == 1 && closed.reason == .invalidFrame)
        #expect(client.waitForEnd())
        #expect(await host.tcpCounters().closed(.invalidFrame) == 1)
        #expect(await host.run { $0.listener?.connectionCount } == 0)
        await host.stop()
    }

    @Test("random bytes in random pieces give exactly the frames they hold", arguments: 0..<40)
    func random(seed: UInt64) async throws {
        var random = Entropy.seeded(seed)
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let client = try BlockingSocket(tcp: try await host.listen())
        // Mostly valid, else hardly any seed would get past its first length.
        var stream: [UInt8] = []
        for _ in 0..<Int.random(in: 0...30, using: &random) {
            stream += Self.frame(random.bytes(Int.random(in: 1...1500, using: &random)))
        }
        stream += [255, 255] + random.bytes(50)
        var expected: [[UInt8]] = []
        var at = 0
        while at + 2 <= stream.count, case let length = Int(stream[at]) << 8 | Int(stream[at + 1]), (1...1500).contains(length) {
            expected.append(Array(stream[at + 2..<at + 2 + length]))
            at += 2 + length
        }
        at = 0
        while at < stream.count {
            let size = Int.random(in: 1...4000, using: &random)
            client.write(Array(stream[at..<min(at + size, stream.count)]))
            at += size
        }
        #expect(await events.received(expected.count).map(\.bytes) == expected)
        #expect(await events.closed()?.reason == .invalidFrame)
        await host.stop()
    }

    @Test("frames sent arrive whole and in order, each on its connection")
    func sending() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let address = try await host.listen()
        var clients: [(socket: BlockingSocket, path: Path)] = []
        for _ in 0..<3 {
            let client = try BlockingSocket(tcp: address)
            client.write([0, 1, 1])
            let path = try #require(await events.received()).path
            clients.append((client, path))
        }
        #expect(clients.map(\.path.channel) == [1, 2, 3])
        await host.send((0..<300).map { n in ([UInt8](repeating: UInt8(n & 255), count: n % 100 + 1), clients[n % 3].path) })
        for (index, client) in clients.enumerated() {
            let expected = stride(from: index, to: 300, by: 3).flatMap {
                Self.frame([UInt8](repeating: UInt8($0 & 255), count: $0 % 100 + 1))
            }
            #expect(client.socket.read(expected.count) == expected)
        }
        #expect(await host.tcpCounters().framesSent == 300)
        await host.stop()
    }

    @Test("a connection that we make carries frames both ways, from before it stands")
    func connecting() async throws {
        let (server, client) = (try LoopHost(), try LoopHost())
        var (atServer, atClient) = (server.events.makeAsyncIterator(), client.events.makeAsyncIterator())
        let address = try await server.listen()
        // In one turn: nothing has been answered when the first frames are sent.
        let paths = try await client.run { client in
            let paths = [try client.connect(tcp: address), try client.connect(tcp: address)]
            client.send(paths.enumerated().map { ([UInt8($0), 1, 2, 3], $1) })
            return paths
        }
        #expect(paths.map(\.channel) == [1, 2] && paths.allSatisfy { $0.kind == .tcp && $0.remote == address })
        let received = await atServer.received(2).sorted { $0.bytes[0] < $1.bytes[0] }
        #expect(received.map(\.bytes) == [[0, 1, 2, 3], [1, 1, 2, 3]])
        #expect(received.map(\.path.remote) == paths.map(\.local))
        await server.send(received.map { ($0.bytes + [9], $0.path) })
        let answers = await atClient.received(2).sorted { $0.bytes[0] < $1.bytes[0] }
        #expect(answers.map(\.bytes) == [[0, 1, 2, 3, 9], [1, 1, 2, 3, 9]])
        #expect(answers.map(\.path) == paths)
        #expect(await client.tcpCounters().framesDropped == 0)
        await client.run { $0.listener?.close(1) }
        #expect(await atServer.closed()?.reason == .peer)
        await server.stop()
        #expect(await atClient.closed()?.channel == 2)
        await client.stop()
    }

    @Test("a connection that nobody takes ends, after it was asked for")
    func refusedConnection() async throws {
        let (server, client) = (try LoopHost(), try LoopHost())
        let address = try await server.listen()
        await server.stop()
        await server.loop.ended()
        var events = client.events.makeAsyncIterator()
        let path = try await client.run { client in
            let path = try client.connect(tcp: address)
            client.send([([1, 2, 3], path)])
            return path
        }
        let closed = try #require(await events.closed())
        #expect(closed.channel == path.channel && closed.reason == .peer)
        #expect(await client.run { $0.listener?.connectionCount } == 0)
        await client.stop()
    }

    @Test("a peer that does not read gets whole frames up to the bound, and the rest is dropped")
    func slowReader() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        var options = TCPListener.Options()
        options.maximumPendingBytes = 64 << 10
        let client = try BlockingSocket(tcp: try await host.listen(.v4(), options))
        client.write([0, 1, 1])
        let path = try #require(await events.received()).path
        var sent = 0
        var dropped = 0
        while dropped == 0 {
            await host.send(
                (sent..<sent + 100).map { n in
                    let number: [UInt8] = [UInt8(n >> 16), UInt8(n >> 8 & 255), UInt8(n & 255)]
                    return (number + [UInt8](repeating: 0, count: 1197), path)
                })
            sent += 100
            dropped = Int(await host.tcpCounters().framesDropped)
        }
        let kept = Int(await host.tcpCounters().framesSent)
        #expect(kept + dropped == sent)
        for n in 0..<kept {
            let frame = try #require(client.read(1202))
            #expect(Array(frame[..<5]) == [4, 176, UInt8(n >> 16), UInt8(n >> 8 & 255), UInt8(n & 255)])
            if Array(frame[..<2]) != [4, 176] { break }
        }
        // It is current again.
        await host.send([([9], path)])
        #expect(client.read(3) == [0, 1, 9])
        await host.stop()
    }

    @Test("frames for a connection that is gone, or of a bad length, are counted and dropped")
    func noConnection() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let address = try await host.listen()
        let client = try BlockingSocket(tcp: address)
        client.write([0, 1, 1])
        let path = try #require(await events.received()).path
        var gone = path
        gone.channel = 99
        await host.send([([1], gone), ([UInt8](repeating: 1, count: 1501), path), ([2], path)])
        #expect(client.read(3) == [0, 1, 2])
        #expect(await host.tcpCounters().framesDropped == 2)
        await host.stop()
    }

    @Test("a connection nobody confirms ends at its limit, frames or not; a confirmed one when it falls silent")
    func timeLimits() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        var options = TCPListener.Options()
        options.confirmationLimit = .milliseconds(200)
        options.idleLimit = .milliseconds(400)
        let address = try await host.listen(.v4(), options)
        let (confirmed, report) = AsyncStream<UInt32>.makeStream()
        await host.run { host in
            let listener = host.listener
            listener?.onFrames = { [unowned listener] batch in
                if batch.bytes(0)[0] != 3 { return }
                listener?.confirm(batch.path(0).channel)
                report.yield(batch.path(0).channel)
            }
        }
        let started = host.loop.now
        // The first is silent, the second only talks, the third is found valid.
        let clients = try (0..<3).map { _ in try BlockingSocket(tcp: address) }
        clients[2].write([0, 1, 3])
        clients[1].write([0, 1, 1])
        var confirmations = confirmed.makeAsyncIterator()
        let third = try #require(await confirmations.next())
        var ended: [TCPCloseReason] = []
        for _ in 0..<3 {
            let closed = try #require(await events.closed())
            ended.append(closed.reason)
            let age = host.loop.now - started
            #expect(age >= (closed.reason == .idle ? .milliseconds(400) : .milliseconds(200)))
            #expect((closed.reason == .idle) == (closed.channel == third))
        }
        #expect(ended == [.unconfirmed, .unconfirmed, .idle])
        for client in clients { #expect(client.waitForEnd()) }
        await host.stop()
    }

    @Test("too many connections, in all or from one address, are closed at once")
    func limits() async throws {
        for (total, perAddress) in [(2, 100), (100, 2)] {
            let host = try LoopHost()
            var events = host.events.makeAsyncIterator()
            var options = TCPListener.Options()
            options.maximumConnections = total
            options.maximumPerAddress = perAddress
            let address = try await host.listen(.v4(), options)
            var first: BlockingSocket? = try BlockingSocket(tcp: address)
            let second = try BlockingSocket(tcp: address)
            let third = try BlockingSocket(tcp: address)
            #expect(third.waitForEnd())
            second.write([0, 1, 2])
            #expect(await events.received()?.bytes == [2])
            #expect(await host.tcpCounters().refused == 1)
            // A place is free again when one has left.
            first?.write([0, 1, 1])
            #expect(await events.received()?.bytes == [1])
            first = nil
            #expect(await events.closed()?.reason == .peer)
            let fourth = try BlockingSocket(tcp: address)
            fourth.write([0, 1, 4])
            #expect(await events.received()?.path.channel == 3)
            await host.stop()
        }
    }

    @Test("the owner may close a connection from within its callback, and hears nothing more of it")
    func closeInCallback() async throws {
        let host = try LoopHost()
        let address = try await host.listen()
        let (stream, report) = AsyncStream<String>.makeStream()
        await host.run { host in
            let listener = host.listener
            listener?.onFrames = { [unowned listener] batch in
                report.yield("\(batch.count) frames")
                listener?.close(batch.path(0).channel)
            }
            listener?.onClose = { _, reason in report.yield("closed: \(reason)") }
        }
        let client = try BlockingSocket(tcp: address)
        client.write((0..<200).flatMap { _ in [0, 1, 1] })
        #expect(client.waitForEnd())
        let next = try BlockingSocket(tcp: address)
        next.write([0, 1, 1])
        #expect(next.waitForEnd())
        report.finish()
        var said: [String] = []
        for await line in stream { said.append(line) }
        #expect(said.count == 2)
        #expect(said.last == "1 frames")
        #expect(!said.contains { $0.hasPrefix("closed") })
        await host.stop()
    }

    @Test("a port in use is an error that says so; both families are served by one listener")
    func portInUse() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let bound = try await host.listen()
        let error = await #expect(throws: SocketError.self) { try await host.listen(bound) }
        #expect(error == SocketError(address: bound, isTCP: true, code: EADDRINUSE))
        let v6 = try await host.listen(SocketAddress.v6(port: bound.port))
        let client = try BlockingSocket(tcp: v6)
        client.write([0, 1, 6])
        #expect(await events.received()?.path.local == v6)
        await host.stop()
    }

    @Test("without descriptors left, waiting connections are refused and the loop goes on")
    func outOfDescriptors() async {
        await #expect(processExitsWith: .success) {
            let host = try LoopHost()
            var events = host.events.makeAsyncIterator()
            let address = try await host.listen()
            let early = try BlockingSocket(tcp: address)
            early.write([0, 1, 1])
            let path = try #require(await events.received()).path
            // The late client has its descriptor before they run out.
            let late = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var limit = rlimit(rlim_cur: 64, rlim_max: 64)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            while dup(late) >= 0 {}
            let code = BlockingSocket.withSockaddr(address) { connect(late, $0, $1) }
            #expect(code == 0)
            var byte: UInt8 = 0
            #expect(recv(late, &byte, 1, 0) <= 0)
            await host.send([([5], path)])
            #expect(early.read(3) == [0, 1, 5])
            #expect(await host.tcpCounters().refused == 1)
            await host.stop()
        }
    }
}
