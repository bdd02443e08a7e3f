import EventLoop
import Glibc
import Synchronization
import Testing

@Suite("A ring of records", .timeLimit(.minutes(1)))
struct RecordRingTests {
    private func push(_ bytes: [UInt8], to ring: RecordRing, keepingFree reserve: Int = 0) -> Bool {
        bytes.withUnsafeBytes { ring.push($0, keepingFree: reserve) }
    }

    private func drain(_ ring: RecordRing) -> [[UInt8]] {
        var records: [[UInt8]] = []
        ring.drain { records.append(Array($0)) }
        return records
    }

    @Test("shows records when they are published, in order, and each once")
    func order() {
        let ring = RecordRing(capacity: 1_024)
        #expect(ring.isEmpty)
        #expect(!ring.publish())
        let records: [[UInt8]] = [[1], [], [2, 3, 4, 5, 6, 7, 8, 9], Array(repeating: 7, count: 100)]
        for record in records { #expect(push(record, to: ring)) }
        #expect(ring.isEmpty && drain(ring).isEmpty)
        #expect(ring.publish())
        #expect(!ring.publish())
        #expect(!ring.isEmpty)
        #expect(drain(ring) == records)
        #expect(ring.isEmpty && drain(ring).isEmpty)
    }

    @Test("records of all lengths stay whole over many rounds of the memory")
    func wrap() {
        let ring = RecordRing(capacity: 1_024)
        for round in 0..<2_000 {
            let record = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: round % 249)
            #expect(push(record, to: ring))
            let other = [UInt8](repeating: UInt8(truncatingIfNeeded: ~round), count: (round &* 7) % 249)
            #expect(push(other, to: ring))
            _ = ring.publish()
            #expect(drain(ring) == [record, other])
        }
    }

    @Test("a full ring refuses and keeps what it has; the reserve is there for those who may use it")
    func overflow() {
        let ring = RecordRing(capacity: 1_024)
        var taken: [[UInt8]] = []
        while push([UInt8](repeating: UInt8(taken.count), count: 56), to: ring, keepingFree: 128) {
            taken.append([UInt8](repeating: UInt8(taken.count), count: 56))
        }
        #expect(taken.count == 14)
        #expect(!push([1], to: ring, keepingFree: 128))
        for _ in 0..<2 {
            taken.append([UInt8](repeating: 99, count: 56))
            #expect(push([UInt8](repeating: 99, count: 56), to: ring))
        }
        #expect(!push([], to: ring))
        _ = ring.publish()
        #expect(drain(ring) == taken)
        #expect(push([1, 2, 3], to: ring, keepingFree: 896))
    }

    private final class Sum: Sendable {
        let value = Atomic<UInt64>(0)
    }

    @Test("two threads: everything that was taken arrives, whole and in order")
    func threads() {
        let ring = RecordRing(capacity: 16 * 1_024)
        let count = 50_000
        let longest = 299
        let refused = Sum()
        let finished = Sum()
        let writer = Thread {
            let record = UnsafeMutableRawPointer.allocate(byteCount: 16 + longest, alignment: 8)
            defer { record.deallocate() }
            var random = UInt64(1)
            for number in 0..<count {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let length = Int(random >> 40) % (longest + 1)
                memset(record, Int32(number & 0xff), 16 + length)
                record.storeBytes(of: number, as: Int.self)
                record.storeBytes(of: 16 + length, toByteOffset: 8, as: Int.self)
                while !ring.push(UnsafeRawBufferPointer(start: record, count: 16 + length)) {
                    refused.value.add(1, ordering: .relaxed)
                    _ = ring.publish()
                    sched_yield()
                }
                if number % 7 == 0 { _ = ring.publish() }
            }
            _ = ring.publish()
            finished.value.add(1, ordering: .relaxed)
        }
        var next = 0
        var damaged = 0
        // Filled and compared by the C library, whose accesses the thread sanitizer sees; and in Swift, byte by byte, it would take a minute.
        let expected = UnsafeMutableRawPointer.allocate(byteCount: longest, alignment: 8)
        defer { expected.deallocate() }
        // The point of the test is a ring that is full: nothing is read before it has been so once.
        while refused.value.load(ordering: .relaxed) == 0, finished.value.load(ordering: .relaxed) == 0 { sched_yield() }
        #expect(finished.value.load(ordering: .relaxed) == 0, "a ring of 16 KiB has taken 8 MB")
        while next < count {
            let read = ring.drain { record in
                memset(expected, Int32(next & 0xff), longest)
                let rest = record.count - 16
                let isWhole =
                    record.load(fromByteOffset: 8, as: Int.self) == record.count && rest <= longest
                    && record.baseAddress.map { memcmp($0 + 16, expected, rest) } == 0
                if record.load(as: Int.self) != next || !isWhole { damaged += 1 }
                next += 1
            }
            if read == 0 { sched_yield() }
        }
        writer.join()
        #expect(damaged == 0 && next == count)
    }

    @Test("a sleeping loop is woken, whoever of the two comes first")
    func doorbell() async throws {
        let loop = try EventLoop(name: "apus-test")
        let bell = Doorbell(loop)
        let ring = RecordRing(capacity: 4_096)
        let count = 20_000
        let (read, report) = AsyncStream<Int>.makeStream()
        let reader = Reader(ring, bell, count: count, report)
        loop.onTurnEnd = { reader.endTurn() }
        try loop.start()
        let writer = Thread {
            for number in 0..<count {
                withUnsafeBytes(of: number) { record in while !ring.push(record) { sched_yield() } }
                if ring.publish() { bell.ring() }
                // Long enough now and then for the reader to fall asleep.
                if number % 64 == 0 { usleep(50) }
            }
        }
        var iterator = read.makeAsyncIterator()
        #expect(await iterator.next() == count)
        writer.join()
        loop.stop()
        await loop.ended()
    }

    /// What a worker's loop does at the end of its turns.
    private final class Reader: @unchecked Sendable {
        // Sendable because only the loop's thread calls it.
        private let ring: RecordRing
        private let bell: Doorbell
        private let count: Int
        private let report: AsyncStream<Int>.Continuation
        private var read = 0

        init(_ ring: RecordRing, _ bell: Doorbell, count: Int, _ report: AsyncStream<Int>.Continuation) {
            self.ring = ring
            self.bell = bell
            self.count = count
            self.report = report
        }

        func endTurn() {
            repeat {
                bell.silence()
                read += ring.drain { _ in }
                bell.listen()
            } while !ring.isEmpty
            if read == count { report.yield(read) }
        }
    }
}

/// A plain thread, for tests of what threads share.
private final class Thread {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body))
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
    }

    func join() { pthread_join(thread, nil) }

    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
