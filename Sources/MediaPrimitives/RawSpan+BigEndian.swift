/// Checked big-endian loads: how every parser reads the network's bytes. Out of bounds is nil, never a trap.
extension RawSpan {
    @inlinable package func uint8(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < byteCount else { return nil }
        return unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }

    @inlinable package func uint16(at offset: Int) -> UInt16? {
        guard offset >= 0, offset <= byteCount &- 2 else { return nil }
        return UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inlinable package func uint24(at offset: Int) -> UInt32? {
        guard offset >= 0, offset <= byteCount &- 3 else { return nil }
        let high = UInt32(UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        return high << 8 | UInt32(unsafeLoadUnaligned(fromByteOffset: offset &+ 2, as: UInt8.self))
    }

    @inlinable package func uint32(at offset: Int) -> UInt32? {
        guard offset >= 0, offset <= byteCount &- 4 else { return nil }
        return UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inlinable package func uint64(at offset: Int) -> UInt64? {
        guard offset >= 0, offset <= byteCount &- 8 else { return nil }
        return UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Whether `range` lies inside. `extracting(_:)` traps otherwise, so ask first.
    @inlinable package func contains(_ range: Range<Int>) -> Bool { range.lowerBound >= 0 && range.upperBound <= byteCount }

    /// A copy of `range`, or of everything; for control messages, never on the packet path.
    package func array(_ range: Range<Int>? = nil) -> [UInt8] {
        let range = range ?? 0..<byteCount
        guard contains(range) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            for i in 0..<range.count { buffer[i] = unsafeLoadUnaligned(fromByteOffset: range.lowerBound + i, as: UInt8.self) }
            count = range.count
        }
    }
}
