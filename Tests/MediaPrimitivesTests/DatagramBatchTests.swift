import MediaPrimitives
import Testing

@Suite("Datagram batches")
struct DatagramBatchTests {
    private let path = Path(local: SocketAddress(ipv4: 1, port: 1), remote: SocketAddress(ipv4: 2, port: 2))

    @Test("Datagrams are kept in order with their paths, and cleared for the next turn")
    func order() {
        let batch = DatagramBatch(capacity: 4)
        for round in 0..<3 {
            for index in 0..<4 {
                let other = Path(channel: UInt32(index), local: path.local, remote: path.remote)
                let appended = batch.append(to: other) { slot in
                    slot[0] = UInt8(index + round)
                    return index + 1
                }
                #expect(appended)
            }
            #expect(batch.isFull && batch.count == 4)
            for index in 0..<4 {
                #expect(batch[index].path.channel == UInt32(index))
                #expect(batch.bytes(index).count == index + 1)
                #expect(batch.bytes(index).first == UInt8(index + round))
            }
            batch.removeAll()
            #expect(batch.count == 0 && !batch.isFull)
        }
        #expect(batch.refused == 0)
    }

    @Test("Datagrams lie one behind the other, whatever their length, so that a run is one piece")
    func adjacent() throws {
        let batch = DatagramBatch(capacity: 3)
        for length in [7, 1_600, 1] { #expect(batch.append(to: path) { _ in length }) }
        for index in 1..<3 {
            let before = batch.bytes(index - 1)
            #expect(batch.bytes(index).baseAddress == before.baseAddress.map { $0 + before.count })
        }
        let first = try #require(batch.bytes(0).baseAddress)
        batch.removeAll()
        #expect(batch.nextSlot()?.baseAddress.map { UnsafeRawPointer($0) } == first)
    }

    @Test("A full batch refuses, counts, and does not run the writer")
    func full() {
        let batch = DatagramBatch(capacity: 1)
        #expect(batch.append(to: path) { _ in 1 })
        var ran = false
        let appended = batch.append(to: path) { _ in
            ran = true
            return 1
        }
        #expect(!appended && !ran && batch.refused == 1 && batch.count == 1)
    }

    @Test("A slot that was not filled, or overfilled by its own word, is taken back", arguments: [0, -1, .min, 1_601, .max])
    func takenBack(length: Int) {
        let batch = DatagramBatch(capacity: 2)
        #expect(!batch.append(to: path) { _ in length })
        #expect(batch.count == 0)
        #expect(batch.append(to: path) { $0.count })
        #expect(batch.bytes(0).count == DatagramBatch.slotSize)
    }

    @Test("A slot may be written to and left; what is committed is bounded", arguments: [0, -1, .min, 1_601, .max])
    func commits(length: Int) throws {
        let batch = DatagramBatch(capacity: 1)
        let slot = try #require(batch.nextSlot())
        #expect(slot.count == DatagramBatch.slotSize && batch.nextSlot()?.baseAddress == slot.baseAddress)
        #expect(!batch.commit(length, to: path))
        #expect(batch.commit(1_600, to: path))
        #expect(batch.nextSlot() == nil && !batch.commit(1, to: path) && batch.count == 1)
    }

    @Test("Copies longer than a slot are refused", arguments: [0, 1, 1_600, 1_601])
    func copies(count: Int) {
        let batch = DatagramBatch(capacity: 2)
        let bytes = [UInt8](repeating: 7, count: count)
        let appended = bytes.withUnsafeBytes { batch.append(to: path, copying: $0) }
        #expect(appended == (count > 0 && count <= 1_600))
        if appended { #expect(Array(batch.bytes(0)) == bytes) }
    }
}
