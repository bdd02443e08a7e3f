import Congestion
import Forwarding
import MediaPrimitives
import Testing

@Suite("Allocation")
struct AllocationTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func claim(_ kilobits: [Int], priority: Int = 0, current: Int? = nil, ceiling: Int = .max) -> Allocation.Claim {
        let rungs = kilobits.enumerated().map { Allocation.Rung(target: LayerTarget(encoding: Int8($0)), rate: .kilobits($1)) }
        return Allocation.Claim(priority: priority, rungs: rungs, current: current, ceiling: ceiling)
    }

    private func share(_ kilobits: Int, _ claims: [Allocation.Claim]) -> [Int?] {
        var allocation = Allocation()
        return allocation.share(.kilobits(kilobits), among: claims, at: start)
    }

    @Test("Everybody is seen before anybody is seen better, and the more important first")
    func breadth() {
        let camera = claim([150, 500, 1_500])
        #expect(share(500, [camera, camera, camera]) == [0, 0, 0])
        #expect(share(900, [camera, camera, camera]) == [1, 0, 0])
        #expect(share(900, [camera, camera, claim([150, 500, 1_500], priority: 1)]) == [0, 0, 1])
        #expect(share(10_000, [camera, camera, camera]) == [2, 2, 2])
        // The screen first, and then who came first.
        #expect(share(1_200, [camera, claim([1_000], priority: 1), camera]) == [0, 0, nil])
    }

    @Test("The first in rank is shown even where there is no room, and nobody else is")
    func least() {
        let camera = claim([150, 500])
        #expect(share(0, [camera, camera]) == [0, nil])
        #expect(share(0, [camera, claim([150], priority: 1)]) == [nil, 0])
        #expect(share(100, [claim([]), camera]) == [nil, 0])
        #expect(share(0, []) == [])
    }

    @Test("A step up needs room to spare, and what is there already does not")
    func headroom() {
        #expect(share(505, [claim([150, 500], current: 0)]) == [0])
        #expect(share(505, [claim([150, 500], current: 1)]) == [1])
        #expect(share(530, [claim([150, 500], current: 0)]) == [1])
        #expect(share(530, [claim([150, 500], current: 0, ceiling: 0)]) == [0])
    }

    @Test("An estimate that dips a little is left to the pacer for a while, one that falls is acted upon at once")
    func dips() {
        var allocation = Allocation()
        let claims = [claim([150, 500, 1_500], current: 2), claim([150, 500], current: 0)]
        #expect(allocation.share(.kilobits(1_520), among: claims, at: start) == [2, 0])
        #expect(allocation.share(.kilobits(1_520), among: claims, at: start + .milliseconds(1_900)) == [2, 0])
        #expect(allocation.share(.kilobits(1_520), among: claims, at: start + .milliseconds(2_100)) == [1, 1])
        #expect(allocation.share(.kilobits(1_390), among: claims, at: start + .milliseconds(2_200)) == [1, 1])
    }

    @Test("Who fell waits before rising again, twice as long after a vain trial, and not where there is much more room")
    func history() {
        var history = AllocationHistory()
        let room = Bitrate.kilobits(1_000)
        func after(_ milliseconds: Int64) -> Instant { start + .milliseconds(milliseconds) }
        #expect(history.ceiling(with: room, at: start) == .max)
        history.note(from: 2, to: 1, with: room, at: start)
        #expect(history.ceiling(with: room, at: after(1_900)) == 1)
        #expect(history.ceiling(with: room * 1.6, at: after(1_900)) == .max)
        #expect(history.ceiling(with: room, at: after(2_000)) == .max)
        history.note(from: 1, to: 2, with: room, at: after(2_000))
        history.note(from: 2, to: 0, with: room, at: after(3_000))
        #expect(history.ceiling(with: room, at: after(4_900)) == 0)
        // What lies between was not tried.
        #expect(history.ceiling(with: room, at: after(5_000)) == 1)
        #expect(history.ceiling(with: room, at: after(6_900)) == 1)
        #expect(history.ceiling(with: room, at: after(7_000)) == .max)
        // One rise is one trial, however far the fall goes.
        history.note(from: 0, to: 2, with: room, at: after(10_000))
        history.note(from: 2, to: 1, with: room, at: after(11_000))
        history.note(from: 1, to: 0, with: room, at: after(11_100))
        #expect(history.ceiling(with: room, at: after(13_000)) == 0)
        #expect(history.ceiling(with: room, at: after(13_100)) == .max)
        // A pause is a fall, too.
        history.note(from: 0, to: nil, with: room, at: after(60_000))
        #expect(history.ceiling(with: room, at: after(61_000)) == -1)
    }
}
