import MediaPrimitives
import Testing

@Suite("Counters") struct CountersTests {
    @Test("every reason and every kind is counted by itself")
    func eachByItself() {
        var counters = Counters()
        for (number, reason) in DropReason.allCases.enumerated() { counters.drop(reason, count: UInt64(number + 1)) }
        for (number, reason) in DropReason.allCases.enumerated() { #expect(counters.dropped(reason) == UInt64(number + 1)) }
        for (number, kind) in PacketKind.allCases.enumerated() {
            for _ in 0...number { counters.sent.count(kind, bytes: 10) }
        }
        for (number, kind) in PacketKind.allCases.enumerated() {
            #expect(counters.sent.packets(kind) == UInt64(number + 1) && counters.sent.bytes(kind) == UInt64(10 * (number + 1)))
            #expect(counters.received.packets(kind) == 0)
        }
        #expect(Set(DropReason.allCases.map(\.name)).count == DropReason.allCases.count)
    }
}
