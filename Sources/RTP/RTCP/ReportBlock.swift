import MediaPrimitives

/// A reception report block (RFC 3550 §6.4.1), 24 bytes.
@frozen @usableFromInline
package struct ReportBlock: Hashable, Sendable {
    /// Whose packets it tells about.
    @usableFromInline package var ssrc: SSRC
    /// Since the last report, in 256ths.
    @usableFromInline package var fractionLost: UInt8
    /// Since the start; 24 bits, signed, negative with duplicates. Clamped when written.
    @usableFromInline package var cumulativeLost: Int32
    /// The highest sequence number received, the count of its cycles in the upper 16 bits.
    @usableFromInline package var highestSequence: UInt32
    /// In timestamp units.
    @usableFromInline package var jitter: UInt32
    /// LSR: the middle 32 bits of the last sender report's NTP time; 0 before the first.
    @usableFromInline package var lastSenderReport: UInt32
    /// DLSR: since then, in 65536ths of a second.
    @usableFromInline package var delaySinceLastSenderReport: UInt32

    @inlinable package init(
        ssrc: SSRC, fractionLost: UInt8 = 0, cumulativeLost: Int32 = 0, highestSequence: UInt32 = 0, jitter: UInt32 = 0,
        lastSenderReport: UInt32 = 0, delaySinceLastSenderReport: UInt32 = 0
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = cumulativeLost
        self.highestSequence = highestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceLastSenderReport = delaySinceLastSenderReport
    }

    /// The time to its sender and back, for a report that came at `now` (RFC 3550 §6.4.1); nil before the first sender report has been answered, and
    /// where it would be negative or more than a minute.
    package func roundTrip(at now: NTPTime) -> Interval? {
        guard lastSenderReport != 0 else { return nil }
        let units = Int32(bitPattern: now.middle &- lastSenderReport &- delaySinceLastSenderReport)
        guard units >= 0, units < 60 << 16 else { return nil }
        return Interval(nanoseconds: (Int64(units) &* 1_000_000_000) >> 16)
    }

    /// Bytes on the wire.
    package static let length = 24
    /// What the five bits of RC can count.
    package static let maximumCount = 31

    static func parse(_ datagram: RawSpan, at offset: Int) -> ReportBlock? {
        guard let ssrc = datagram.uint32(at: offset), let lost = datagram.uint32(at: offset &+ 4),
            let highest = datagram.uint32(at: offset &+ 8), let jitter = datagram.uint32(at: offset &+ 12),
            let lsr = datagram.uint32(at: offset &+ 16), let dlsr = datagram.uint32(at: offset &+ 20)
        else { return nil }
        return ReportBlock(
            ssrc: SSRC(ssrc), fractionLost: UInt8(truncatingIfNeeded: lost >> 24),
            cumulativeLost: Int32(bitPattern: lost << 8) >> 8, highestSequence: highest, jitter: jitter, lastSenderReport: lsr,
            delaySinceLastSenderReport: dlsr)
    }

    func write(into writer: inout ByteWriter) {
        writer.uint32(ssrc.rawValue)
        writer.uint8(fractionLost)
        writer.uint24(UInt32(bitPattern: min(max(cumulativeLost, -0x80_0000), 0x7f_ffff)))
        writer.uint32(highestSequence)
        writer.uint32(jitter)
        writer.uint32(lastSenderReport)
        writer.uint32(delaySinceLastSenderReport)
    }
}

/// The report blocks of a received SR or RR, as their place in the datagram.
@frozen @usableFromInline
package struct ReportBlocks: Hashable, Sendable {
    @usableFromInline let offset: Int
    /// 0 to 31.
    @usableFromInline package let count: Int

    @inlinable init(offset: Int, count: Int) {
        self.offset = offset
        self.count = count
    }

    /// Block `index` of `datagram`, the one that was parsed; nil from `count` on.
    package func block(_ index: Int, in datagram: RawSpan) -> ReportBlock? {
        guard index >= 0, index < count else { return nil }
        return ReportBlock.parse(datagram, at: offset &+ ReportBlock.length &* index)
    }
}
