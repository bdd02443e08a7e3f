import MediaPrimitives
import Testing

@Suite("Bytes")
struct BytesTests {
    @Test("Checked loads are big-endian, and nil wherever a byte of them lies outside")
    func loads() {
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        let span = bytes.span.bytes
        for offset in [Int.min, -9, -1, 0, 1, 2, 5, 6, 7, 8, 9, 10, Int.max - 8, Int.max] {
            let loaded: [(Int, UInt64?)] = [
                (1, span.uint8(at: offset).map { UInt64($0) }), (2, span.uint16(at: offset).map { UInt64($0) }),
                (3, span.uint24(at: offset).map { UInt64($0) }), (4, span.uint32(at: offset).map { UInt64($0) }),
                (8, span.uint64(at: offset)),
            ]
            for (size, value) in loaded {
                var expected: UInt64?
                if offset >= 0, offset <= 9 - size { expected = bytes[offset..<(offset + size)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
                #expect(value == expected)
            }
        }
    }

    @Test("Loads from nothing are nil")
    func empty() {
        let bytes: [UInt8] = []
        let span = bytes.span.bytes
        let all = [span.uint8(at: 0) == nil, span.uint16(at: 0) == nil, span.uint32(at: -1) == nil, span.uint64(at: 0) == nil]
        #expect(all.allSatisfy { $0 })
        let copy = span.array()
        #expect(copy == [])
    }

    @Test("Copies of a range outside are empty")
    func ranges() {
        let bytes: [UInt8] = [1, 2, 3]
        let span = bytes.span.bytes
        let copies = [span.array(), span.array(1..<3), span.array(1..<4), span.array(-1..<2), span.array(3..<3)]
        #expect(copies == [[1, 2, 3], [2, 3], [], [], []])
        let contains = [span.contains(0..<3), span.contains(0..<4), span.contains(-1..<0)]
        #expect(contains == [true, false, false])
    }

    @Test("What is written reads back in network order")
    func writes() {
        let bytes = ByteWriter.array { writer in
            writer.uint8(0x01)
            writer.uint16(0x0203)
            writer.uint24(0xff04_0506)
            writer.uint32(0x0708_090a)
            writer.uint64(0x0b0c_0d0e_0f10_1112)
            writer.zeros(2)
            writer.bytes([0x13])
            writer.bytes("é")
            writer.zeros(0)
            writer.zeros(-4)
        }
        #expect(bytes == Array(1...18) + [0, 0, 0x13, 0xc3, 0xa9])
    }

    @Test("Whatever does not fit sets the overflow, writes nothing past the end, and nothing after it", arguments: 0..<24)
    func overflows(capacity: Int) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0xee)
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: memory[..<capacity]))
        writer.uint64(0)
        writer.uint24(0)
        writer.bytes([0, 0, 0])
        writer.uint16(0)
        writer.zeros(7)
        writer.uint8(0)
        #expect(writer.overflowed)
        #expect(writer.count <= capacity)
        writer.patch(uint16: 0, at: 63)
        writer.bytes([0])
        #expect(memory[capacity...].allSatisfy { $0 == 0xee })
        #expect(writer.written.count == writer.count)
    }

    @Test("A writer over no memory takes nothing, and does not trap")
    func noMemory() {
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: nil, count: 0))
        writer.bytes([UInt8]())
        writer.bytes("")
        #expect(!writer.overflowed)
        writer.uint8(1)
        #expect(writer.overflowed && writer.count == 0)
    }

    @Test(
        "Patching reaches only what was written", arguments: [(-1, false), (0, true), (2, true), (3, false), (.max, false), (.min, false)])
    func patches(offset: Int, fits: Bool) {
        let bytes = ByteWriter.array { writer in
            writer.uint32(0)
            writer.patch(uint16: 0xabcd, at: offset)
        }
        #expect((bytes != nil) == fits)
        if fits { #expect(bytes?[offset] == 0xab && bytes?[offset + 1] == 0xcd) }
    }

    @Test("An array that would be too long is nil")
    func arrays() {
        #expect(ByteWriter.array(capacity: 2) { $0.uint16(1) } == [0, 1])
        #expect(ByteWriter.array(capacity: 2) { $0.uint24(1) } == nil)
        #expect(ByteWriter.array(capacity: 0) { _ in } == [])
    }
}
