import CMemory
import EventLoop
import MediaPrimitives

/// A thousand clients' sockets with a datagram each, as a load test has them: woken for, or read when their loop's timer says so.
actor ManySockets {
    private enum Mode: String, CaseIterable {
        case woken = "woken for"
        case polled = "polled"
        case idle = "polled in vain"
    }

    private static let count = 1_000

    private nonisolated let loop: EventLoop
    private let server: UDPSocket
    private let clients: [UDPSocket]
    private let batch = DatagramBatch(capacity: ManySockets.count)
    private var unread = 0
    /// The thread's CPU time when the last of the clients had been woken.
    private nonisolated let ends: AsyncStream<Int64>
    private nonisolated let reportEnd: AsyncStream<Int64>.Continuation
    /// What a client's socket holds besides the kernel's.
    let bytesEach: Int64

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init() throws {
        let loop = try EventLoop(name: "bench")
        let server = try UDPSocket(loop, channel: 0, address: .loopback)
        // What all of a loop's sockets share is not one client's.
        let before = memory_live()
        let clients = try (0..<ManySockets.count).map { try UDPSocket(loop, channel: UInt32($0 + 1), peer: server.address) }
        bytesEach = (memory_live() - before) / Int64(ManySockets.count)
        for client in clients { batch.append(to: Path(local: server.address, remote: client.address)) { _ in SocketPath.payload } }
        (self.loop, self.server, self.clients) = (loop, server, clients)
        (ends, reportEnd) = AsyncStream.makeStream()
        try loop.start()
    }

    static func measure(_ rounds: Int) async throws {
        let many = try ManySockets()
        print("many: \(count) connected sockets of \(many.bytesEach) bytes besides the kernel's; ns for each that is read")
        var results: [Mode: [Double]] = [:]
        for _ in 0..<rounds { for mode in Mode.allCases { results[mode, default: []].append(await many.turn(mode)) } }
        for mode in Mode.allCases {
            print(SocketPath.column(mode.rawValue, 14), SocketPath.column((results[mode] ?? []).sorted()[rounds / 2], 6))
        }
        many.loop.stop()
    }

    private nonisolated func turn(_ mode: Mode) async -> Double {
        let begun = await begin(mode)
        var ends = ends.makeAsyncIterator()
        let end = mode == .woken ? await ends.next() ?? begun : await read()
        return Double(end - begun) / Double(ManySockets.count)
    }

    /// The loop's own thread sends, so that it is not woken for each, but finds all of them at once.
    private func begin(_ mode: Mode) -> Int64 {
        unread = ManySockets.count
        for client in clients {
            client.isPolled = mode != .woken
            client.onReadable = { [unowned self] _ in
                assumeIsolated { many in
                    many.unread -= 1
                    if many.unread == 0, mode == .woken { many.reportEnd.yield(memory_cpu_nanoseconds()) }
                }
            }
        }
        if mode != .idle { server.send(batch) }
        return memory_cpu_nanoseconds()
    }

    private func read() -> Int64 {
        for client in clients { client.read() }
        return memory_cpu_nanoseconds()
    }
}
