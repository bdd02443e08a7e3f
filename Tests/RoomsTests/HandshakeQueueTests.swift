import MediaPrimitives
import Rooms
import Testing

@Suite("Queue of handshakes") struct HandshakeQueueTests {
    private let path = Path(local: SocketAddress(ipv4: 0x7f00_0001, port: 1), remote: SocketAddress(ipv4: 0x7f00_0001, port: 2))

    private func append(_ number: Int, to queue: inout HandshakeQueue) -> Bool {
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1 + number % 1_500)
        return bytes.withUnsafeBytes {
            queue.append(
                $0, of: ParticipantID(worker: 0, number: UInt64(number)), slot: number, from: path, at: Instant(nanoseconds: Int64(number)))
        }
    }

    @Test("a turn takes a few at once, and none while others wait")
    func admission() {
        var queue = HandshakeQueue()
        var admitted = 0
        while queue.admits() { admitted += 1 }
        #expect(admitted == HandshakeQueue.perTurn)
        queue.endTurn()
        let isAdmittedNext = queue.admits()
        let isKept = append(7, to: &queue)
        queue.endTurn()
        let isAdmittedBeforeIt = queue.admits()
        #expect(isAdmittedNext && isKept && !isAdmittedBeforeIt)
        let due = queue.nextDeadline
        #expect(due == Instant(nanoseconds: 7))
        _ = queue.popFirst()
        let isAdmittedAfterIt = queue.admits()
        let none = queue.nextDeadline
        #expect(isAdmittedAfterIt && none == .distantFuture)
    }

    @Test("what waits comes out as it came in, also when its ring has come round, and is bounded")
    func order() {
        var queue = HandshakeQueue()
        var next = 0
        var oldest = 0
        for _ in 0..<3 {
            while append(next, to: &queue) { next += 1 }
            let count = queue.count
            #expect(count == HandshakeQueue.capacity)
            while queue.count > 300, let (entry, datagram) = queue.popFirst() {
                #expect(entry.slot == oldest && entry.participant == ParticipantID(worker: 0, number: UInt64(oldest)))
                #expect(datagram.count == 1 + oldest % 1_500 && datagram.allSatisfy { $0 == UInt8(truncatingIfNeeded: oldest) })
                oldest += 1
            }
        }
        #expect(next == HandshakeQueue.capacity + 2 * (HandshakeQueue.capacity - 300))
        // What could not be a datagram is not kept.
        let isTooLongKept = [UInt8](repeating: 0, count: 1_501).withUnsafeBytes {
            queue.append($0, of: ParticipantID(worker: 0, number: 1), slot: 1, from: path, at: Instant(nanoseconds: 0))
        }
        #expect(!isTooLongKept)
    }
}
