import MediaPrimitives

/// REMB (draft-alvestrand-rmcat-remb-03 §2.2): the most that these streams together may send, as their receiver sees it.
@frozen @usableFromInline
package struct ReceiverEstimatedMaximumBitrate: Hashable, Sendable {
    /// Who estimates.
    @usableFromInline package var sender: SSRC
    /// Bits per second; 18 significant bits are kept when it is written.
    @usableFromInline package var bitsPerSecond: UInt64
    @usableFromInline let ssrcsOffset: Int
    /// 0 to 255.
    @usableFromInline package let ssrcCount: Int

    private static let identifier: UInt32 = 0x5245_4d42

    /// Reads the message; nil when it is another application layer message, is cut short, or the bitrate exceeds 64 bits.
    package static func parse(_ datagram: RawSpan, _ packet: RTCPPacket) -> ReceiverEstimatedMaximumBitrate? {
        let at = packet.bodyOffset
        guard packet.kind == .applicationLayerFeedback, packet.length >= 20, packet.end <= datagram.byteCount,
            let sender = datagram.uint32(at: at), datagram.uint32(at: at &+ 8) == identifier, let word = datagram.uint32(at: at &+ 12)
        else { return nil }
        let count = Int(word >> 24)
        let exponent = UInt64(word >> 18 & 0x3f)
        let mantissa = UInt64(word & 0x3_ffff)
        let bitrate = mantissa << exponent
        guard packet.length >= 20 &+ 4 &* count, bitrate >> exponent == mantissa else { return nil }
        return ReceiverEstimatedMaximumBitrate(sender: SSRC(sender), bitsPerSecond: bitrate, ssrcsOffset: at &+ 16, ssrcCount: count)
    }

    /// Stream `index` of `datagram`, the one that was parsed; nil from `ssrcCount` on.
    package func ssrc(_ index: Int, in datagram: RawSpan) -> SSRC? {
        guard index >= 0, index < ssrcCount else { return nil }
        return datagram.uint32(at: ssrcsOffset &+ 4 &* index).map { SSRC($0) }
    }

    /// Appends a message for the first 255 of `ssrcs`. The bitrate is rounded down to 18 significant bits.
    package static func write(into writer: inout ByteWriter, sender: SSRC, bitsPerSecond: UInt64, ssrcs: Span<SSRC>) {
        let count = min(ssrcs.count, 255)
        let exponent = UInt64(max(0, 46 &- bitsPerSecond.leadingZeroBitCount))
        let start = writer.beginRTCP(type: 206, count: 15)
        writer.uint32(sender.rawValue)
        writer.uint32(0)
        writer.uint32(identifier)
        writer.uint32(UInt32(count) << 24 | UInt32(truncatingIfNeeded: exponent << 18 | bitsPerSecond >> exponent))
        for i in 0..<count { writer.uint32(ssrcs[i].rawValue) }
        writer.endRTCP(start)
    }
}
