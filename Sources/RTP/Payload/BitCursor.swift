import MediaPrimitives

/// A place among bits, the highest of each byte first. The bytes are an argument of each read, since spans are not stored.
///
/// What lies behind the end reads as 0 and is noted in `isWhole`, so that a parser asks once.
struct BitCursor {
    /// Everything that was read was there.
    private(set) var isWhole = true
    private var at: Int
    private let end: Int
    private let hasEmulationPrevention: Bool
    private var current: UInt8 = 0
    private var left = 0
    private var zeros = 0

    /// Bits of `range`. With emulation prevention a 3 behind two zeros is no part of them (H.264 §7.4.1.1).
    init(_ range: Range<Int>, emulationPrevention: Bool = false) {
        at = range.lowerBound
        end = range.upperBound
        hasEmulationPrevention = emulationPrevention
    }

    mutating func bit(of bytes: RawSpan) -> Bool { bits(1, of: bytes) != 0 }

    /// At most 32 bits.
    mutating func bits(_ count: Int, of bytes: RawSpan) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            if left == 0 { load(bytes) }
            guard isWhole else { return 0 }
            left = left &- 1
            value = value << 1 | UInt32(current >> UInt8(truncatingIfNeeded: left) & 1)
        }
        return value
    }

    /// An unsigned Exp-Golomb code (H.264 §9.1); a signed one has the same length.
    @discardableResult mutating func golomb(of bytes: RawSpan) -> UInt32 {
        var length = 0
        while !bit(of: bytes) {
            guard isWhole, length < 31 else {
                isWhole = false
                return 0
            }
            length = length &+ 1
        }
        return (1 << UInt32(length)) &- 1 &+ bits(length, of: bytes)
    }

    private mutating func load(_ bytes: RawSpan) {
        guard var byte = next(bytes) else { return }
        if hasEmulationPrevention, zeros >= 2, byte == 3 {
            zeros = 0
            guard let behind = next(bytes) else { return }
            byte = behind
        }
        zeros = byte == 0 ? zeros &+ 1 : 0
        current = byte
        left = 8
    }

    private mutating func next(_ bytes: RawSpan) -> UInt8? {
        guard at < end, let byte = bytes.uint8(at: at) else {
            isWhole = false
            return nil
        }
        at = at &+ 1
        return byte
    }
}
