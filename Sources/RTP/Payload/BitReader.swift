import MediaPrimitives

/// Takes numbers of any width off the network's bytes, high bits first. Past the end everything is 0 and `hasOverrun` tells, so that a parser
/// whose loops end by themselves asks only once.
struct BitReader {
    private var position = 0
    private(set) var hasOverrun = false

    /// f(n): the next `count` bits, at most 32.
    mutating func bits(_ count: Int, of bytes: RawSpan) -> UInt32 {
        guard !hasOverrun, (0...32).contains(count), count <= 8 &* bytes.byteCount &- position else {
            hasOverrun = true
            return 0
        }
        var value: UInt64 = 0
        var left = count
        while left > 0 {
            let available = 8 &- position & 7
            let taken = min(left, available)
            let byte = UInt64(bytes.uint8(at: position >> 3) ?? 0)
            value = value << UInt64(taken) | (byte >> UInt64(available &- taken) & ((1 << UInt64(taken)) &- 1))
            position = position &+ taken
            left = left &- taken
        }
        return UInt32(truncatingIfNeeded: value)
    }

    mutating func flag(of bytes: RawSpan) -> Bool { bits(1, of: bytes) == 1 }

    /// ns(n): a number below `limit`, in one bit less where it is small ("RTP Payload Format For AV1", A.8.2). `limit` is 1 to 33.
    mutating func bits(below limit: Int, of bytes: RawSpan) -> UInt32 {
        let width = Int.bitWidth &- limit.leadingZeroBitCount
        let short = UInt32(truncatingIfNeeded: (1 << width) &- limit)
        let value = bits(width &- 1, of: bytes)
        return value < short ? value : (value << 1) &- short &+ bits(1, of: bytes)
    }
}
