/// The input of a harness that is a list of steps, taken from front to back. At its end everything is 0 and empty.
struct ByteInput: ~Copyable {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// `bytes` must outlive this.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at >= bytes.count }

    mutating func uint8() -> UInt8 {
        guard at < bytes.count else { return 0 }
        defer { at += 1 }
        return bytes[at]
    }

    mutating func uint16() -> UInt16 { UInt16(uint8()) << 8 | UInt16(uint8()) }
    mutating func uint32() -> UInt32 { UInt32(uint16()) << 16 | UInt32(uint16()) }

    /// The next `count` bytes, or as many as are left.
    mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        let end = min(bytes.count, at + max(0, count))
        defer { at = end }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<end])
    }

    /// A block that states its own length in two bytes, of which 11 bits count.
    mutating func block() -> UnsafeRawBufferPointer { take(Int(uint16() & 0x7ff)) }

    mutating func rest() -> UnsafeRawBufferPointer { take(bytes.count) }
}

/// Runs `body` on a copy of `bytes` that ends where its memory ends, with `spare` bytes behind: AddressSanitizer then sees every step beyond.
func withCopy<Value>(
    of bytes: some Collection<UInt8>, spare: Int = 0, _ body: (UnsafeMutableRawBufferPointer) throws(Finding) -> Value
) throws(Finding) -> Value {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + spare, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(copy)
}
