import MediaPrimitives
import Rooms
import Testing

@Suite("The table of paths")
struct PathTableTests {
    private static func path(_ number: Int) -> Path {
        // Addresses of both families, ports, connections and our own addresses: each path differs from the others in one of them.
        let family: UInt64 = number & 1 == 0 ? 0xffff_0a00_0000 : 0x1_0000_0000_0000
        return Path(
            kind: number & 2 == 0 ? .udp : .tcp, channel: UInt32(number >> 2 & 3),
            local: SocketAddress(high: 0, low: 0xffff_7f00_0001 + UInt64(number >> 4 & 1), port: 7_882),
            remote: SocketAddress(high: 0, low: family + UInt64(number >> 8), port: UInt16(5_000 + number >> 5 & 7)))
    }

    @Test("has what was put there and was not taken away, however it grows and shrinks", arguments: 0..<6)
    func likeADictionary(seed: UInt64) {
        var random = Entropy.seeded(seed)
        let table = PathTable()
        var model: [Path: Int] = [:]
        for round in 0..<20_000 {
            // Up to some thousand, and down to none again.
            let path = PathTableTests.path(Int.random(in: 0..<4_096, using: &random))
            let grows = round / 4_000 % 2 == 0
            switch Int.random(in: 0..<10, using: &random) {
            case ..<(grows ? 7 : 2):
                table[path] = round
                model[path] = round
            case ..<9:
                let removed = table.removeValue(forKey: path)
                #expect(removed == model.removeValue(forKey: path))
            default:
                table[path] = nil
                model[path] = nil
            }
            let found = table[path]
            #expect(found == model[path] && table.count == model.count)
        }
        for number in 0..<4_096 {
            let found = table[PathTableTests.path(number)]
            #expect(found == model[PathTableTests.path(number)])
        }
        #expect(!model.isEmpty)
    }
}
