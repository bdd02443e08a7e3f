import MediaPrimitives

/// One packet that arrived with a transport-wide sequence number.
@frozen @usableFromInline
package struct PacketArrival: Hashable, Sendable {
    /// Unwrapped, so that it only grows.
    @usableFromInline package var sequence: Int64
    @usableFromInline package var arrival: Instant

    @inlinable package init(sequence: Int64, arrival: Instant) {
        self.sequence = sequence
        self.arrival = arrival
    }
}

extension TransportFeedback {
    /// Appends a feedback message on `arrivals`, which ascend strictly by sequence number; those that do not are skipped.
    ///
    /// - Parameters:
    ///   - base: The first number to tell about, so that losses before the first arrival are told of too; nil to start with that arrival.
    ///   - maximumLength: Bytes of the message, at most; no more is written than there is room for either way.
    /// - Returns: How many of `arrivals` are dealt with. The rest is for the next message, with `base` one past the last: a delta that
    ///   16 bits do not hold (8.19 s), a gap of `maximumStatusCount`, or the size ends a message. 0, and nothing written, when nothing fits.
    package static func write(
        into writer: inout ByteWriter, sender: SSRC, media: SSRC, feedbackCount: UInt8, base: Int64? = nil,
        arrivals: Span<PacketArrival>, maximumLength: Int = 1_200
    ) -> Int {
        let start = writer.count
        // Padding to a word may take three bytes at the end.
        let limit = min(min(writer.room, maximumLength), 0xffff)
        guard arrivals.count > 0, limit >= headerLength &+ 8 else { return 0 }
        let first = arrivals[0]
        var baseSequence = first.sequence
        if let base, isWithinMessage(first.sequence, from: base) { baseSequence = base }
        var ticks = ticks(of: first.arrival)
        let reference = ticks >> 8
        ticks = reference << 8

        _ = writer.beginRTCP(type: 205, count: 15)
        writer.uint32(sender.rawValue)
        writer.uint32(media.rawValue)
        writer.uint16(UInt16(truncatingIfNeeded: baseSequence))
        let countOffset = writer.count
        writer.uint16(0)
        writer.uint24(UInt32(truncatingIfNeeded: reference) & 0xff_ffff)
        writer.uint8(feedbackCount)

        // Chunks come before all deltas. The first walk writes chunks and finds out how far the message reaches, the second writes deltas.
        var encoder = ChunkEncoder()
        var next = baseSequence
        var deltaBytes = 0
        var taken = 0
        while taken < arrivals.count {
            let arrival = arrivals[taken]
            guard arrival.sequence >= next else {
                taken = taken &+ 1
                continue
            }
            let delta = self.ticks(of: arrival.arrival) &- ticks
            guard delta >= Int64(Int16.min), delta <= Int64(Int16.max), isWithinMessage(arrival.sequence, from: baseSequence) else {
                break
            }
            let isSmall = delta >= 0 && delta <= 255
            let before = (encoder: encoder, count: writer.count)
            while next < arrival.sequence {
                encoder.add(0, &writer)
                next = next &+ 1
            }
            encoder.add(isSmall ? 1 : 2, &writer)
            let newDeltaBytes = deltaBytes &+ (isSmall ? 1 : 2)
            let length = writer.count &- start &+ 2 &+ newDeltaBytes
            guard !writer.overflowed, length &+ (-length & 3) <= limit else {
                writer.count = before.count
                writer.overflowed = false
                encoder = before.encoder
                break
            }
            next = arrival.sequence &+ 1
            ticks = ticks &+ delta
            deltaBytes = newDeltaBytes
            taken = taken &+ 1
        }
        guard encoder.total > 0 else {
            writer.count = start
            return 0
        }
        encoder.finish(&writer)
        writer.patch(uint16: UInt16(truncatingIfNeeded: encoder.total), at: countOffset)

        next = baseSequence
        ticks = reference << 8
        for i in 0..<taken where arrivals[i].sequence >= next {
            let delta = self.ticks(of: arrivals[i].arrival) &- ticks
            if delta >= 0 && delta <= 255 {
                writer.uint8(UInt8(truncatingIfNeeded: delta))
            } else {
                writer.uint16(UInt16(truncatingIfNeeded: delta))
            }
            ticks = ticks &+ delta
            next = arrivals[i].sequence &+ 1
        }
        let padding = -(writer.count &- start) & 3
        if padding > 0 {
            writer.zeros(padding &- 1)
            writer.uint8(UInt8(truncatingIfNeeded: padding))
            writer.patch(uint16: 0xaf00 | 205, at: start)
        }
        writer.endRTCP(start)
        return taken
    }

    private static func isWithinMessage(_ sequence: Int64, from base: Int64) -> Bool {
        sequence >= base && UInt64(bitPattern: sequence &- base) < UInt64(maximumStatusCount)
    }

    /// Whole ticks since the clock's zero, rounded down.
    private static func ticks(of instant: Instant) -> Int64 {
        let (quotient, remainder) = instant.nanoseconds.quotientAndRemainder(dividingBy: tick)
        return remainder < 0 ? quotient &- 1 : quotient
    }

    /// Packs status symbols into chunks: a run while all are equal, 14 one-bit symbols where no delta is large, else 7 of two bits.
    private struct ChunkEncoder {
        /// The last symbols, up to 14, two bits each, the newest lowest.
        private var pending: UInt32 = 0
        /// How many wait for a chunk: up to 14, or up to 8191 where all are equal.
        private var count = 0
        private var allEqual = true
        private var hasLarge = false
        private(set) var total = 0

        private static let maximumRun = 0x1fff

        mutating func add(_ symbol: UInt32, _ writer: inout ByteWriter) {
            if !fits(symbol) { emit(&writer) }
            // What is left after a vector of 7 always takes one more.
            if count > 0, symbol != pending & 3 { allEqual = false }
            if symbol == 2 { hasLarge = true }
            pending = pending << 2 | symbol
            count = count &+ 1
            total = total &+ 1
        }

        private func fits(_ symbol: UInt32) -> Bool {
            if count < 7 { return true }
            if allEqual, symbol == pending & 3 { return count < ChunkEncoder.maximumRun }
            return count < 14 && !hasLarge && symbol != 2
        }

        /// Writes one chunk, of all that waits or of the oldest 7.
        private mutating func emit(_ writer: inout ByteWriter) {
            if allEqual {
                writer.uint16(UInt16(truncatingIfNeeded: pending & 3) << 13 | UInt16(truncatingIfNeeded: count))
                self = ChunkEncoder(total: total)
            } else if count >= 14 {
                writer.uint16(oneBitVector)
                self = ChunkEncoder(total: total)
            } else {
                let rest = max(count &- 7, 0)
                writer.uint16(0xc000 | UInt16(truncatingIfNeeded: pending >> UInt32(truncatingIfNeeded: 2 &* rest)) & 0x3fff)
                keep(rest)
            }
        }

        /// Writes what still waits; symbols that are missing from the last vector are zeros, and the status count leaves them out.
        mutating func finish(_ writer: inout ByteWriter) {
            guard count > 0 else { return }
            if allEqual || count >= 14 {
                emit(&writer)
            } else if count > 7 {
                pending <<= UInt32(truncatingIfNeeded: 2 &* (14 &- count))
                writer.uint16(oneBitVector)
            } else {
                pending <<= UInt32(truncatingIfNeeded: 2 &* (7 &- count))
                writer.uint16(0xc000 | UInt16(truncatingIfNeeded: pending & 0x3fff))
            }
            count = 0
        }

        init() {}
        private init(total: Int) { self.total = total }

        private mutating func keep(_ rest: Int) {
            pending &= (1 << UInt32(truncatingIfNeeded: 2 &* rest)) &- 1
            count = rest
            allEqual = true
            hasLarge = false
            for i in 0..<rest {
                let symbol = pending >> UInt32(truncatingIfNeeded: 2 &* i) & 3
                if symbol != pending & 3 { allEqual = false }
                if symbol == 2 { hasLarge = true }
            }
        }

        private var oneBitVector: UInt16 {
            var word: UInt16 = 0x8000
            for i in 0..<14 { word |= UInt16(truncatingIfNeeded: pending >> UInt32(truncatingIfNeeded: 2 &* i) & 1) << UInt16(i) }
            return word
        }
    }
}
