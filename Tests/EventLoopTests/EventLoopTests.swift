import EventLoop
import Glibc
import MediaPrimitives
import TestSockets
import Testing

@Suite("Event loop", .timeLimit(.minutes(1)))
struct EventLoopTests {
    actor Counter {
        nonisolated let loop: EventLoop
        private(set) var count = 0
        private(set) var strays = 0
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(_ loop: EventLoop) { self.loop = loop }

        func increment() {
            count += 1
            if !loop.isCurrent { strays += 1 }
        }

        nonisolated func incrementFromInside() { assumeIsolated { $0.increment() } }
    }

    /// A job that enqueues itself again, on the loop, until `end()`.
    final class JobChain: @unchecked Sendable {
        // Sendable because everything after the making happens on the loop.
        private let loop: EventLoop
        private var hasEnded = false

        init(_ loop: EventLoop) { self.loop = loop }

        func post() { loop.post { if !self.hasEnded { self.post() } } }
        func end() { hasEnded = true }
    }

    /// Open descriptors of this process.
    static func descriptors() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }

    @Test("calls from many tasks run one after the other, on the loop's thread")
    func roundTrips() async throws {
        let counter = Counter(try EventLoop(name: "apus-worker-0"))
        try counter.loop.start()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 { group.addTask { for _ in 0..<100 { await counter.increment() } } }
        }
        #expect(await counter.count == 6400)
        #expect(await counter.strays == 0)
        #expect(!counter.loop.isCurrent)
        counter.loop.stop()
        await counter.loop.ended()
    }

    @Test("a callback of the loop is inside the actor")
    func assumeIsolated() async throws {
        let counter = Counter(try EventLoop(name: "apus-test"))
        try counter.loop.start { counter.assumeIsolated { $0.increment() } }
        await withCheckedContinuation { continuation in
            counter.loop.post {
                counter.assumeIsolated { $0.increment() }
                continuation.resume()
            }
        }
        #expect(await counter.count == 2)
        counter.loop.stop()
    }

    @Test("outside of the loop, assuming to be inside ends the process with a sentence")
    func watchdog() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let counter = Counter(try EventLoop(name: "apus-worker-7"))
            try counter.loop.start()
            await counter.increment()
            counter.incrementFromInside()
        }
        let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(said.contains("apus-worker-7"))
    }

    @Test("a socket used outside of the loop ends the process with a sentence")
    func socketWatchdog() async {
        await #expect(processExitsWith: .failure) {
            let loop = try EventLoop(name: "apus-test")
            let socket = try UDPSocket(loop, channel: 0, address: .v4())
            try loop.start()
            socket.close()
        }
    }

    @Test("jobs that beget jobs for ever leave timers and other callers their turn")
    func boundedDrain() async throws {
        let host = try LoopHost()
        var events = host.events.makeAsyncIterator()
        let chain = JobChain(host.loop)
        await host.run { host in
            chain.post()
            host.arm("timer", at: host.loop.now + .milliseconds(5))
        }
        #expect(await events.fired()?.name == "timer")
        let address = try await host.open(.v4())
        let client = try BlockingSocket(udp: .v4())
        client.send([1], to: address)
        #expect(await events.received()?.bytes == [1])
        await host.run { _ in chain.end() }
        await host.stop()
        await host.loop.ended()
    }

    @Test("what waits when the loop is stopped still runs, and so does what comes later")
    func stopRunsJobs() async throws {
        let counter = Counter(try EventLoop(name: "apus-test"))
        let loop = counter.loop
        try loop.start()
        loop.post {
            for _ in 0..<1000 { loop.post { counter.assumeIsolated { $0.increment() } } }
            loop.stop()
        }
        await loop.ended()
        #expect(await counter.count == 1000)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { await counter.increment() } }
        }
        #expect(await counter.count == 1100)
        #expect(await counter.strays == 0)
        loop.stop()
        await loop.ended()
    }

    @Test("a socket of a loop that has ended is refused, a timer silent")
    func afterTheEnd() async throws {
        let host = try LoopHost()
        host.loop.stop()
        await host.loop.ended()
        let error = await #expect(throws: SocketError.self) { try await host.open(.v4()) }
        #expect(error?.code == ESHUTDOWN)
        await host.arm("never", at: Instant(nanoseconds: 0))
        await host.stop()
    }

    @Test("fifty loops with sockets leave no descriptor behind, however they end")
    func noLeaks() async {
        await #expect(processExitsWith: .success) {
            var baseline = 0
            for round in 0..<60 {
                let host = try LoopHost()
                try await host.open(.v4())
                let address = try await host.listen()
                let client = try BlockingSocket(tcp: address)
                client.write([0, 1, 9])
                var events = host.events.makeAsyncIterator()
                _ = await events.received()
                switch round % 3 {
                case 0: await host.stop()
                case 1: host.loop.stop()  // sockets still open: the loop closes them
                default:
                    // Forgotten sockets close with their last reference.
                    await host.run { host in
                        host.sockets = []
                        host.listener = nil
                    }
                    host.loop.stop()
                }
                await host.loop.ended()
                // The first few open what stays (the task pool's, for one).
                if round == 9 { baseline = EventLoopTests.descriptors() }
            }
            // A loop's eventfd goes with its last reference, which a thread on its way out may hold a moment longer.
            var left = EventLoopTests.descriptors()
            for _ in 0..<1000 where left > baseline {
                await Task.yield()
                left = EventLoopTests.descriptors()
            }
            #expect(left <= baseline)
        }
    }

    @Test("a loop that never started ends without a thread, and runs what waited")
    func neverStarted() async throws {
        let counter = Counter(try EventLoop(name: "apus-test"))
        _ = try UDPSocket(counter.loop, channel: 0, address: .v4())
        let waiting = Task { await counter.increment() }
        counter.loop.stop()
        await waiting.value
        #expect(await counter.count == 1)
        #expect(await counter.strays == 0)
        _ = try EventLoop(name: "dropped")
    }

    @Test("a task that prefers the loop runs on its thread")
    func taskExecutor() async throws {
        let counter = Counter(try EventLoop(name: "apus-test"))
        let loop = counter.loop
        try loop.start()
        let strays = await Task(executorPreference: loop.taskExecutor) {
            var strays = 0
            for _ in 0..<10 {
                await counter.increment()
                await Task.yield()
                if !loop.isCurrent { strays += 1 }
            }
            return strays
        }.value
        #expect(strays == 0)
        #expect(await counter.count == 10)
        loop.stop()
    }

    @Test("wakes from many threads reach the loop, merged or not")
    func wakes() async throws {
        let loop = try EventLoop(name: "apus-test")
        let (stream, report) = AsyncStream<Void>.makeStream()
        loop.onWake = { report.yield() }
        try loop.start()
        var wakes = stream.makeAsyncIterator()
        for _ in 0..<100 {
            loop.wake()
            #expect(await wakes.next() != nil)
        }
        loop.stop()
        await loop.ended()
    }

    @Test("the thread carries the loop's name")
    func threadName() async throws {
        let host = try LoopHost(name: "apus-worker-3")
        let name = await host.run { _ in
            guard let file = fopen("/proc/thread-self/comm", "r") else { return "" }
            defer { fclose(file) }
            var name = [UInt8](repeating: 0, count: 32)
            return String(decoding: name[..<fread(&name, 1, 32, file)], as: UTF8.self)
        }
        #expect(name == "apus-worker-3\n")
        await host.stop()
    }

    actor Mortal {
        nonisolated let loop: EventLoop
        private let onDeath: @Sendable (Bool) -> Void
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

        init(_ loop: EventLoop, onDeath: @escaping @Sendable (Bool) -> Void) {
            self.loop = loop
            self.onDeath = onDeath
        }

        isolated deinit { onDeath(loop.isCurrent) }
    }

    @Test("an isolated deinit runs on the loop, before it ends and after")
    func isolatedDeinit() async throws {
        let loop = try EventLoop(name: "apus-test")
        try loop.start()
        for _ in 0..<2 {
            let onLoop = await withCheckedContinuation { continuation in
                _ = Mortal(loop) { continuation.resume(returning: $0) }
            }
            #expect(onLoop)
            loop.stop()
            await loop.ended()
        }
    }

    @Test("the clocks run forward and tell the time")
    func clocks() throws {
        let loop = try EventLoop(name: "apus-test")
        let first = loop.now
        #expect(loop.now >= first)
        #expect(abs(loop.unixNanoseconds / 1_000_000_000 - Int64(time(nil))) <= 1)
    }
}
