import MediaPrimitives
import RTP

/// One RTP stream that a client sends, with its retransmissions: numbers, extensions, history, reports.
package final class PublishedStream {
    package private(set) var ssrc: SSRC
    private var rtxSSRC: SSRC?
    private let codec: CodecParameters
    private let mid: ShortText
    private let rid: ShortText
    /// The sequence number of the next packet.
    package var sequence: UInt16
    private var rtxSequence: UInt16
    private var timestampBase: UInt32
    private let origin: Instant
    /// Where the client's time of day lies from the world's.
    private let clockSkew: Interval
    private let wallClock: WallClock
    /// Sent for the first time each.
    package private(set) var packets: UInt32 = 0
    /// Bytes of payload, sent for the first time each.
    package private(set) var octets = 0
    /// Browsers name a stream only until a receiver report shows that it is known.
    private var isAcknowledged = false
    private var history: [UInt16: (timestamp: UInt32, marker: Bool, descriptor: [UInt8], payload: [UInt8])] = [:]
    private var order: [UInt16] = []
    /// How many packets were sent again.
    package private(set) var resent = 0

    /// `firstTimestamp` belongs to `origin`.
    package init(
        codec: CodecParameters, mid: String, rid: String?, firstSequence: UInt16?, firstTimestamp: UInt32?, clockSkew: Interval,
        wallClock: WallClock, origin: Instant, entropy: Entropy
    ) {
        self.codec = codec
        self.mid = ShortText(mid) ?? ShortText()
        self.rid = rid.flatMap { ShortText($0) } ?? ShortText()
        ssrc = entropy.ssrc()
        rtxSSRC = codec.rtxPayloadType == nil ? nil : entropy.ssrc()
        sequence = firstSequence ?? UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        rtxSequence = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        timestampBase = firstTimestamp ?? UInt32(truncatingIfNeeded: entropy.next())
        self.clockSkew = clockSkew
        self.wallClock = wallClock
        self.origin = origin
    }

    /// The capture time of `instant` on the stream's clock.
    func timestamp(at instant: Instant) -> UInt32 {
        let elapsed = (instant - origin).nanoseconds / 1_000
        return timestampBase &+ UInt32(truncatingIfNeeded: elapsed &* Int64(codec.codec.clockRate) / 1_000_000)
    }

    /// Goes on under new SSRCs and with other numbers, as a client does that makes its sender anew.
    package func changeSSRC(_ entropy: Entropy) {
        ssrc = entropy.ssrc()
        rtxSSRC = rtxSSRC == nil ? nil : entropy.ssrc()
        sequence = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        timestampBase = UInt32(truncatingIfNeeded: entropy.next())
        isAcknowledged = false
        history.removeAll()
        order.removeAll()
    }

    func send(
        _ payload: [UInt8], descriptor: [UInt8] = [], marker: Bool, audioLevel: UInt8? = nil, captured: Instant, at now: Instant,
        over transport: ClientTransport, into batch: DatagramBatch
    ) {
        let timestamp = timestamp(at: captured)
        var header = OutgoingHeader(
            payloadType: codec.payloadType, marker: marker, sequenceNumber: SequenceNumber(sequence), timestamp: timestamp, ssrc: ssrc)
        if !isAcknowledged {
            header.mid = mid
            header.rid = rid
        }
        header.audioLevel = audioLevel
        transport.sendRTP(header, payload: payload, descriptor: descriptor, at: now, into: batch)
        if rtxSSRC != nil {
            history[sequence] = (timestamp, marker, descriptor, payload)
            order.append(sequence)
            if order.count > 1_000 { history[order.removeFirst()] = nil }
        }
        sequence &+= 1
        packets &+= 1
        octets += payload.count
    }

    /// Answers a NACK with what is remembered (RFC 4588).
    package func resend(_ sequence: UInt16, at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        guard let rtxSSRC, let type = codec.rtxPayloadType, let packet = history[sequence] else { return }
        var header = OutgoingHeader(
            payloadType: type, marker: packet.marker, sequenceNumber: SequenceNumber(rtxSequence), timestamp: packet.timestamp,
            ssrc: rtxSSRC)
        header.mid = mid
        header.repairedRid = rid
        rtxSequence &+= 1
        resent += 1
        transport.sendRTP(
            header, payload: [UInt8(sequence >> 8), UInt8(truncatingIfNeeded: sequence)] + packet.payload, descriptor: packet.descriptor,
            at: now, into: batch)
    }

    /// Sends the newest packets once more, to probe with.
    func repeatNewest(_ count: Int, at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        for sequence in order.suffix(count) { resend(sequence, at: now, over: transport, into: batch) }
    }

    package func noteReport(about ssrc: SSRC) { if ssrc == self.ssrc { isAcknowledged = true } }

    package func writeReport(at now: Instant, into writer: inout ByteWriter) {
        guard packets > 0 else { return }
        SenderReport(
            ssrc: ssrc, ntpTime: wallClock.ntp(at: now).advanced(by: clockSkew), rtpTimestamp: timestamp(at: now),
            packetCount: packets, octetCount: UInt32(truncatingIfNeeded: octets)
        ).write(into: &writer)
    }
}
