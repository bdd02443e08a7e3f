import MediaPrimitives
import Rooms
import Testing

@Suite("Which layers a publisher is told to send") struct LayerDemandTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 1_000_000_000) + .milliseconds(milliseconds) }

    @Test("what nobody wants goes off after four seconds, and comes back at once")
    func patience() {
        var demand = LayerDemand(layers: 3)
        #expect(demand.update(wanted: 1, served: 0, at: at(0)) == nil)
        #expect(demand.nextDeadline == at(4_000))
        #expect(demand.update(wanted: 1, served: 0, at: at(3_999)) == nil)
        #expect(demand.update(wanted: 1, served: 0, at: at(4_000)) == 1)
        #expect(demand.nextDeadline == .distantFuture)
        #expect(demand.update(wanted: 3, served: 0, at: at(4_010)) == 3)
        #expect(demand.update(wanted: 0, served: 0, at: at(5_000)) == nil)
        #expect(demand.update(wanted: 0, served: 0, at: at(9_000)) == 0)
    }

    @Test("each layer has its own four seconds")
    func separately() {
        var demand = LayerDemand(layers: 3)
        #expect(demand.update(wanted: 2, served: 0, at: at(0)) == nil)
        #expect(demand.update(wanted: 1, served: 0, at: at(3_000)) == nil)
        #expect(demand.update(wanted: 1, served: 0, at: at(4_000)) == 2)
        #expect(demand.nextDeadline == at(7_000))
        #expect(demand.update(wanted: 1, served: 0, at: at(7_000)) == 1)
    }

    @Test("what somebody is sent stays until he has switched")
    func served() {
        var demand = LayerDemand(layers: 3)
        #expect(demand.update(wanted: 1, served: 3, at: at(0)) == nil)
        #expect(demand.update(wanted: 1, served: 3, at: at(4_000)) == nil)
        #expect(demand.nextDeadline == at(4_250))
        #expect(demand.update(wanted: 1, served: 1, at: at(4_250)) == 1)
        // It does not come back for being sent.
        #expect(demand.update(wanted: 1, served: 3, at: at(4_500)) == nil)
    }

    @Test("who wavers has little told", arguments: [100, 700, 3_900, 4_100, 5_000] as [Int64])
    func wavering(_ period: Int64) {
        var demand = LayerDemand(layers: 3)
        var told = 0
        for turn in 0..<(60_000 / period) {
            // Every few milliseconds, as an eager timer would.
            for moment in stride(from: turn * period, to: (turn + 1) * period, by: 50) {
                if demand.update(wanted: turn % 2 == 0 ? 0 : Int(turn % 3) + 1, served: 0, at: at(moment)) != nil { told += 1 }
            }
        }
        #expect(told <= 2 * 3 * (60 / 4 + 1))
        if period * 2 < 4_000 { #expect(told <= 20) }
    }

    @Test("more than there is can be asked for, and a track of one encoding is sent or not")
    func bounds() {
        var demand = LayerDemand(layers: 1)
        #expect(demand.update(wanted: 7, served: 9, at: at(0)) == nil)
        #expect(demand.nextDeadline == .distantFuture)
        #expect(demand.update(wanted: 0, served: 0, at: at(100)) == nil)
        #expect(demand.update(wanted: 0, served: 0, at: at(4_100)) == 0)
        #expect(demand.update(wanted: 7, served: 0, at: at(4_200)) == 1)
    }
}
