import Forwarding
import MediaPrimitives
import RTP
import Testing

@Suite("Held packets")
struct HeldPacketsTests {
    private func ready(_ length: Int) -> ReadyPacket {
        ReadyPacket(kind: .rtp, length: length, isUrgent: false, isAudio: false, stamps: StampOffsets())
    }

    /// Holds a packet that is told by its first byte.
    private func hold(_ mark: UInt8, length: Int = 100, _ held: inout HeldPackets, _ queue: inout HeldPackets.Queue) -> Bool {
        var bytes = [UInt8](repeating: mark, count: 1_600)
        return bytes.withUnsafeMutableBytes { held.append(ready(length), in: $0, to: &queue) }
    }

    private func take(_ held: inout HeldPackets, _ queue: inout HeldPackets.Queue) -> (mark: UInt8, length: Int)? {
        var bytes = [UInt8](repeating: 0, count: 1_600)
        return bytes.withUnsafeMutableBytes { room in held.takeFirst(of: &queue, into: room).map { (room[$0.length - 1], $0.length) } }
    }

    @Test("Leave in their order, each transport's by themselves, and their places are used again")
    func order() throws {
        var held = HeldPackets(capacity: 4)
        var (one, other) = (HeldPackets.Queue(), HeldPackets.Queue())
        for round in 0..<5 as Range<UInt8> {
            #expect(
                hold(round, length: 10, &held, &one) && hold(round + 100, length: 20, &held, &other)
                    && hold(round + 1, length: 30, &held, &one))
            #expect(one.count == 2 && one.bytes == 40 && other.bytes == 20 && held.count == 3)
            #expect(try #require(take(&held, &one)) == (round, 10))
            #expect(try #require(take(&held, &other)) == (round + 100, 20))
            #expect(try #require(take(&held, &one)) == (round + 1, 30))
            #expect(take(&held, &one) == nil && one.isEmpty && other.isEmpty && held.count == 0)
        }
    }

    @Test("What finds no room is refused; what is forgotten makes room")
    func bounds() {
        var held = HeldPackets(capacity: 3)
        var (one, other) = (HeldPackets.Queue(), HeldPackets.Queue())
        #expect(!hold(0, length: 1_501, &held, &one))
        #expect(hold(1, length: 1_500, &held, &one) && hold(2, &held, &one) && hold(3, &held, &other))
        #expect(!hold(4, &held, &one) && one.count == 2)
        held.removeAll(of: &one)
        #expect(one.isEmpty && one.bytes == 0 && held.count == 1)
        #expect(hold(5, &held, &other) && hold(6, &held, &other) && !hold(7, &held, &one))
        #expect([take(&held, &other)?.mark, take(&held, &other)?.mark, take(&held, &other)?.mark] == [3, 5, 6])
    }

    @Test("What a crowd has needed is given back when little has waited for a while; what is needed each time stays")
    func memory() {
        var held = HeldPackets(capacity: 1_024)
        var (one, other) = (HeldPackets.Queue(), HeldPackets.Queue())
        var now = Instant(nanoseconds: 1_000_000_000)
        func pass() {
            now = now + .seconds(1)
            held.handleTimeout(at: now)
        }
        for _ in 0..<3 {
            for mark in 0..<200 { #expect(hold(UInt8(mark), &held, &one)) }
            held.removeAll(of: &one)
            pass()
            #expect(held.committed == 200)
        }
        // What waits is not moved for that.
        #expect(hold(1, &held, &other))
        pass()
        #expect(held.committed == 200 && take(&held, &other)?.mark == 1)
        held.handleTimeout(at: now + .milliseconds(900))
        #expect(held.committed == 200 && held.nextDeadline == now + .seconds(1))
        pass()
        #expect(held.committed == 0 && held.nextDeadline == .distantFuture)
        #expect(hold(2, &held, &one) && hold(3, &held, &other) && held.committed == 2)
        pass()
        #expect(take(&held, &other)?.mark == 3 && take(&held, &one)?.mark == 2 && held.committed == 2)
    }

    @Test("One transport holds no more than its share")
    func share() {
        var held = HeldPackets(capacity: 3 * HeldPackets.perQueue)
        var (one, other) = (HeldPackets.Queue(), HeldPackets.Queue())
        for _ in 0..<HeldPackets.perQueue { #expect(hold(1, &held, &one)) }
        #expect(!hold(2, &held, &one) && hold(3, &held, &other))
    }
}
