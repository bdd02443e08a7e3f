import Forwarding
import MediaPrimitives
import Testing

@Suite("The payload ring")
struct PayloadRingTests {
    private func store(_ bytes: [UInt8], in ring: PayloadRing) -> PayloadReference? { bytes.withUnsafeBytes { ring.store($0) } }

    @Test("A payload can be read until its slot is used again, and never another in its place")
    func generations() throws {
        let ring = PayloadRing(capacity: 8)
        var references: [PayloadReference] = []
        for value: UInt8 in 0..<100 {
            references.append(try #require(store([UInt8](repeating: value, count: Int(value)), in: ring)))
            for (index, reference) in references.enumerated() {
                let payload = ring.payload(reference).map { Array($0) }
                #expect(payload == (index + 8 > Int(value) ? [UInt8](repeating: UInt8(index), count: index) : nil))
            }
        }
    }

    @Test(
        "A reference from the future, or of another ring, reads nothing that was not stored",
        arguments: [0, 1, 7, 8, .max - 1, .max] as [UInt64])
    func foreign(position: UInt64) {
        let ring = PayloadRing(capacity: 4)
        #expect(ring.payload(PayloadReference(position: position)) == nil)
        _ = store([1], in: ring)
        let payload = ring.payload(PayloadReference(position: position))
        #expect((payload != nil) == (position == 0))
    }

    @Test("The longest payload fits, a longer one is refused and uses no slot", arguments: [0, 1, 1_487, 1_488, 1_489, 70_000])
    func sizes(count: Int) {
        let ring = PayloadRing(capacity: 2)
        let reference = store([UInt8](repeating: 3, count: count), in: ring)
        #expect((reference != nil) == (count <= PayloadRing.slotSize))
        if let reference { #expect(ring.payload(reference).map { $0.count } == count) }
    }
}
