import MediaPrimitives

/// Takes numbers of any width off the network's bytes, high bits first. The bytes are an argument of each read, since spans are not stored.
///
/// Past the end everything is 0 and `hasOverrun` tells, so that a parser whose loops end by themselves asks only once.
struct BitReader {
    /// Something was read that was not there.
    private(set) var hasOverrun = false
    private var at: Int
    private let end: Int
    private let hasEmulationPrevention: Bool
    private var current: UInt8 = 0
    /// Bits of `current` that have not been taken.
    private var left = 0
    private var zeros = 0

    /// The bits of `range`. With emulation prevention a 3 behind two zeros is no part of them (H.264 §7.4.1.1).
    init(_ range: Range<Int>, emulationPrevention: Bool = false) {
        at = range.lowerBound
        end = range.upperBound
        hasEmulationPrevention = emulationPrevention
    }

    /// Bits before the next one, from the first byte of all; without emulation prevention.
    var position: Int { at &* 8 &- left }

    /// f(n), u(n): the next `count` bits, at most 32.
    mutating func bits(_ count: Int, of bytes: RawSpan) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<max(0, count) {
            if left == 0 { load(bytes) }
            guard !hasOverrun else { return 0 }
            left = left &- 1
            value = value << 1 | UInt32(current >> UInt8(truncatingIfNeeded: left) & 1)
        }
        return value
    }

    mutating func flag(of bytes: RawSpan) -> Bool { bits(1, of: bytes) == 1 }

    /// ns(n): a number below `limit`, in one bit less where it is small ("RTP Payload Format For AV1", A.8.2). `limit` is 1 to 33.
    mutating func bits(below limit: Int, of bytes: RawSpan) -> UInt32 {
        let width = Int.bitWidth &- limit.leadingZeroBitCount
        let short = UInt32(truncatingIfNeeded: (1 << width) &- limit)
        let value = bits(width &- 1, of: bytes)
        return value < short ? value : (value << 1) &- short &+ bits(1, of: bytes)
    }

    /// ue(v): an unsigned Exp-Golomb code (H.264 §9.1); a signed one has the same length.
    @discardableResult mutating func golomb(of bytes: RawSpan) -> UInt32 {
        var length = 0
        while !flag(of: bytes) {
            guard !hasOverrun, length < 31 else {
                hasOverrun = true
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
            hasOverrun = true
            return nil
        }
        at = at &+ 1
        return byte
    }
}
