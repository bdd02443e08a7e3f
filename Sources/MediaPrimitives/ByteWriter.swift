/// Writes big-endian fields into memory that somebody else owns and has sized. Never traps and never writes past the end:
/// what does not fit sets `overflowed`, and the caller then drops the message.
@frozen @usableFromInline
package struct ByteWriter {
    @usableFromInline let base: UnsafeMutableRawPointer
    @usableFromInline package let capacity: Int
    @usableFromInline package var count = 0
    @usableFromInline package var overflowed = false

    /// `memory` must outlive the writer.
    @inlinable package init(_ memory: UnsafeMutableRawBufferPointer) {
        // An empty buffer has no base; capacity 0 then keeps every store away from the stand-in.
        base = memory.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped
        capacity = memory.count
    }

    @inlinable mutating func claim(_ size: Int) -> Int? {
        guard !overflowed, size <= capacity &- count else {
            overflowed = true
            return nil
        }
        defer { count &+= size }
        return count
    }

    @inlinable package mutating func uint8(_ value: UInt8) {
        if let at = claim(1) { base.storeBytes(of: value, toByteOffset: at, as: UInt8.self) }
    }
    @inlinable package mutating func uint16(_ value: UInt16) {
        if let at = claim(2) { base.storeBytes(of: value.bigEndian, toByteOffset: at, as: UInt16.self) }
    }
    @inlinable package mutating func uint24(_ value: UInt32) {
        uint8(UInt8(truncatingIfNeeded: value >> 16))
        uint16(UInt16(truncatingIfNeeded: value))
    }
    @inlinable package mutating func uint32(_ value: UInt32) {
        if let at = claim(4) { base.storeBytes(of: value.bigEndian, toByteOffset: at, as: UInt32.self) }
    }
    @inlinable package mutating func uint64(_ value: UInt64) {
        if let at = claim(8) { base.storeBytes(of: value.bigEndian, toByteOffset: at, as: UInt64.self) }
    }
    @inlinable package mutating func zeros(_ n: Int) {
        if n > 0, let at = claim(n) { (base + at).initializeMemory(as: UInt8.self, repeating: 0, count: n) }
    }
    @inlinable package mutating func bytes(_ source: UnsafeRawBufferPointer) {
        guard let from = source.baseAddress, let at = claim(source.count) else { return }
        (base + at).copyMemory(from: from, byteCount: source.count)
    }
    @inlinable package mutating func bytes(_ source: RawSpan) { source.withUnsafeBytes { bytes($0) } }
    @inlinable package mutating func bytes(_ source: [UInt8]) { source.withUnsafeBytes { bytes($0) } }
    @inlinable package mutating func bytes(_ text: String) {
        var text = text
        text.withUTF8 { bytes(UnsafeRawBufferPointer($0)) }
    }

    /// Overwrites two bytes that were written before (a length known only afterwards).
    @inlinable package mutating func patch(uint16 value: UInt16, at offset: Int) {
        guard offset >= 0, offset <= count &- 2 else {
            overflowed = true
            return
        }
        base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    /// Overwrites a byte that was written before.
    @inlinable package mutating func patch(uint8 value: UInt8, at offset: Int) {
        guard offset >= 0, offset < count else {
            overflowed = true
            return
        }
        base.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }

    /// What has been written so far.
    @inlinable package var written: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: count) }

    /// Runs `body` over fresh memory of at most `capacity` bytes and returns what it wrote, or nil if it did not fit. For control messages and tests.
    package static func array(capacity: Int = 1500, _ body: (inout ByteWriter) -> Void) -> [UInt8]? {
        var fits = true
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
            body(&writer)
            fits = !writer.overflowed
            count = fits ? writer.count : 0
        }
        return fits ? bytes : nil
    }
}
