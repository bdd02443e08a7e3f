import MediaPrimitives
import Rooms
import Testing

@Suite("Numbers of streams")
struct StreamNumberTableTests {
    /// The testing macros copy what they look at.
    private final class Table {
        private var table = StreamNumberTable()

        /// A packet of a stream leaves.
        func note(_ ssrc: UInt32, sequence: UInt16, as number: UInt16) {
            var header: [UInt8] = [0x80, 96] + [UInt8(sequence >> 8), UInt8(sequence & 0xff)] + [0, 0, 0, 0]
            for shift in [24, 16, 8, 0] as [UInt32] { header.append(UInt8(truncatingIfNeeded: ssrc >> shift)) }
            header.withUnsafeMutableBytes { table.note($0, as: number) }
        }

        func number(of sequence: UInt16, in ssrc: UInt32) -> UInt16? { table.known.number(of: SequenceNumber(sequence), in: SSRC(ssrc)) }
    }

    @Test("are known for as many streams as came last: a further one takes the place of the one that is silent for longest")
    func further() {
        let table = Table()
        let most = UInt32(StreamNumberTable.mostStreams)
        for ssrc in 1...most { table.note(ssrc, sequence: 5, as: UInt16(ssrc)) }
        table.note(1, sequence: 6, as: 500)
        for ssrc in 1...most { #expect(table.number(of: 5, in: ssrc) == UInt16(ssrc)) }
        table.note(most + 1, sequence: 7, as: 501)
        #expect(table.number(of: 7, in: most + 1) == 501 && table.number(of: 6, in: 1) == 500)
        #expect(table.number(of: 5, in: 2) == nil && table.number(of: 5, in: 3) == 3)
        // Nothing of the former one is known by the new one's name.
        #expect(table.number(of: 5, in: most + 1) == nil)
    }
}
