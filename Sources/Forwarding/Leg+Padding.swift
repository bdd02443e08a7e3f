import MediaPrimitives
import RTP

/// Packets of nothing but padding (RFC 3550 §5.1), for probes that find too little media.
extension Leg {
    /// The most that the last byte of a packet can tell of.
    private static let longestPadding = 255

    /// Writes a packet of padding of the RTX stream to the start of `packet`, of about `bytes`, at most 255 and a header; nil where there is no
    /// such stream. It repeats nothing, so a receiver takes no notice but for feedback.
    package mutating func padRetransmissions(_ bytes: Int, into packet: UnsafeMutableRawBufferPointer) -> ReadyPacket? {
        guard let rtxSSRC, let payloadType = payloadTypes.anyRetransmission,
            let ready = writePadding(bytes, second: payloadType, sequence: rtxSequence, ssrc: rtxSSRC, into: packet)
        else { return nil }
        rtxSequence &+= 1
        return ready
    }

    /// The same, of the media stream itself, where there is no other: it takes the numbers behind a frame's last packet, with its timestamp, and later
    /// media move on. Nil inside a frame, which a decoder would not find whole then (libwebrtc's rule), and where enough was put in there.
    ///
    /// To be asked only when all that was numbered has left. Padding is not part of a sender report's octets (RFC 3550 §6.4.1), and is not kept:
    /// whoever asks for it once more gets nothing.
    package mutating func padMedia(_ bytes: Int, into packet: UnsafeMutableRawBufferPointer) -> ReadyPacket? {
        guard isVideo, isReady, rtxSSRC == nil, endsFrame, lastSecond & 0x7f != 0, plainHeader.length > 0, packet.count >= Leg.paddingRoom,
            let sequence = mapper.putIn(&leftOut)
        else { return nil }
        notePadding(sequence)
        return writePadding(
            bytes, second: lastSecond & 0x7f, sequence: UInt16(truncatingIfNeeded: sequence), ssrc: ssrc, into: packet)
    }

    private static var paddingRoom: Int { HeaderTemplate.room + longestPadding }

    private mutating func writePadding(
        _ bytes: Int, second: UInt8, sequence: UInt16, ssrc: UInt32, into packet: UnsafeMutableRawBufferPointer
    ) -> ReadyPacket? {
        guard let base = packet.baseAddress, plainHeader.length > 0, packet.count >= Leg.paddingRoom else { return nil }
        plainHeader.write(into: base, second: second, sequence: sequence, timestamp: lastTimestamp, ssrc: ssrc, level: 0)
        packet[0] |= 0x20
        let padding = min(max(bytes, 1), Leg.longestPadding)
        let header = Int(plainHeader.length)
        (base + header).initializeMemory(as: UInt8.self, repeating: 0, count: padding - 1)
        packet[header + padding - 1] = UInt8(padding)
        return ReadyPacket(kind: .padding, length: header + padding, isUrgent: false, isAudio: false, stamps: plainHeader.stamps)
    }
}
