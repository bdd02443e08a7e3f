import MediaPrimitives
import RTP

/// One media section as a subscriber receives it: its own SSRC, sequence numbers, timestamps and codec numbers, whatever the source does.
///
/// `align` starts a source (or another encoding of it), `forward` rewrites a packet into the departure queue, `resend` answers a NACK.
package final class SendStream {
    package let ssrc: SSRC
    package let rtxSSRC: SSRC?
    package let kind: MediaKind
    package let parameters: RTPParameters
    private let mid: ShortText
    private let payloadTypes: PayloadTypeTable
    private let clockRate: UInt32

    private var mapper: SequenceMapper?
    private var timestampOffset: UInt32 = 0
    private var vp8 = VP8Rewriter()
    private var history: RetransmissionHistory
    /// No two packets sent in a row are further apart. A source may leave out as many numbers as it likes, but ours must not come near half their
    /// space: the cipher would guess a rollover counter that was used before, and under GCM a nonce with it (RFC 7714 §8.2).
    private static let longestGap: Int64 = 512

    private var rtxSequence: UInt16
    private let firstSequence: Int64
    private let firstTimestamp: UInt32

    /// The newest packet sent, which a switch aligns to.
    private var last: (sequence: Int64, sourceTimestamp: UInt32, timestamp: UInt32, arrival: Instant, marker: Bool)?
    private var resendBudget = ResendBudget()

    package private(set) var packetsSent: UInt32 = 0
    package private(set) var octetsSent: UInt32 = 0

    /// `parameters.streams` names our SSRCs. Sequence numbers begin in the lower half of their space: a receiver that loses the first packets
    /// near a wrap would guess the wrong rollover counter for good.
    package init(_ parameters: RTPParameters, entropy: Entropy) {
        self.parameters = parameters
        ssrc = parameters.streams.first?.ssrc ?? entropy.ssrc()
        rtxSSRC = parameters.streams.first?.rtxSSRC
        kind = parameters.kind
        mid = ShortText(parameters.mid) ?? ShortText()
        payloadTypes = PayloadTypeTable(parameters.codecs)
        clockRate = parameters.kind == .audio ? 48_000 : 90_000
        history = RetransmissionHistory(capacity: parameters.kind == .audio ? 64 : 512)
        rtxSequence = UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff
        firstSequence = Int64(entropy.next() & 0x7fff)
        firstTimestamp = UInt32(truncatingIfNeeded: entropy.next())
    }

    /// Whether this subscriber agreed to `codec`.
    package func accepts(_ codec: Codec) -> Bool { payloadTypes.payloadType(codec) != nil }

    /// The packets sent so far come from a source that is gone: they cannot be sent again.
    package func forgetHistory() { history.removeAll() }

    /// Aligns all numbers so that `packet`, the first of a source, follows what was sent. `elapsed` is the source's own time between the last
    /// packet sent and this one, where sender reports tell it; otherwise arrival times stand in.
    package func align(to packet: MediaPacket, elapsed: Interval?) {
        if let last {
            let time = elapsed ?? (packet.arrival - last.arrival)
            // Never back in time and never at a standstill: at least a frame of 10 ms. A pause of hours is capped below the sign bit.
            let bounded = min(max(time, .milliseconds(10)), .seconds(3_600))
            let units = bounded.nanoseconds / 1_000_000 &* Int64(clockRate) / 1_000
            timestampOffset = last.timestamp &+ UInt32(truncatingIfNeeded: units) &- packet.timestamp
        } else {
            timestampOffset = firstTimestamp &- packet.timestamp
        }
        // A frame whose end was never sent must not seem complete: one number is left open, and the decoder discards the frame.
        let gap: Int64 = last?.marker == false && kind == .video ? 2 : 1
        mapper = SequenceMapper(source: packet.sequence, outgoing: highestOutgoing.map { $0 &+ gap } ?? firstSequence)
        if case .vp8(let descriptor) = packet.descriptor { vp8.align(to: descriptor) }
    }

    /// The number that the next one of a new source follows; nil before the first.
    private var highestOutgoing: Int64? {
        guard let last, let mapper else { return mapper?.highestOutgoing }
        return mapper.highestOutgoing &- last.sequence > SendStream.longestGap ? last.sequence : mapper.highestOutgoing
    }

    /// The source's timestamp of the newest packet sent, for `align`'s elapsed time.
    package var lastSourceTimestamp: UInt32? { last?.sourceTimestamp }

    /// This stream's timestamp for a timestamp of the source.
    package func timestamp(ofSource timestamp: UInt32) -> UInt32 { timestamp &+ timestampOffset }

    /// Rewrites `packet` for this subscriber and queues it. Before `align` nothing is sent.
    package func forward(_ packet: MediaPacket, from ring: PayloadRing, transport: Int, into queue: DepartureQueue) {
        guard payloadTypes.payloadType(packet.codec) != nil, var sequence = mapper?.map(packet.sequence) else { return }
        if let last, sequence &- last.sequence > SendStream.longestGap {
            // One number is left open: the receiver shall see that something is missing.
            sequence = last.sequence &+ 2
            mapper = SequenceMapper(source: packet.sequence, outgoing: sequence)
            _ = mapper?.map(packet.sequence)
        }
        let isNewest = last.map { sequence > $0.sequence } ?? true
        var numbers: VP8Numbers?
        if case .vp8(let descriptor) = packet.descriptor { numbers = vp8.rewrite(descriptor, isNewest: isNewest) }
        let entry = RetransmissionHistory.Entry(
            sequence: UInt16(truncatingIfNeeded: sequence), layer: Int32(truncatingIfNeeded: packet.layer), payload: packet.payload,
            timestamp: packet.timestamp &+ timestampOffset, marker: packet.marker, codec: packet.codec, audioLevel: packet.audioLevel,
            voiceActivity: packet.voiceActivity, vp8: numbers)
        guard let length = enqueue(entry, asRetransmission: false, from: ring, transport: transport, into: queue) else { return }
        if rtxSSRC != nil { history.append(entry) }
        packetsSent &+= 1
        octetsSent &+= UInt32(truncatingIfNeeded: length)
        resendBudget.credit(length)
        if isNewest { last = (sequence, packet.timestamp, entry.timestamp, packet.arrival, packet.marker) }
    }

    /// A number of the source that carries nothing: later ones move up, so that the subscriber sees no hole.
    package func leaveOut(_ sequence: Int64) { _ = mapper?.leaveOut(sequence) }

    /// Sends the packet that went out as `sequence` again, on the RTX stream (RFC 4588); false if it is not known any more, came too soon after
    /// the last time, or exceeds the budget. `ring` gives the ring of a layer.
    package func resend(
        _ sequence: UInt16, at now: Instant, ring: (Int) -> PayloadRing?, transport: Int, into queue: DepartureQueue
    ) -> Bool {
        guard rtxSSRC != nil, resendBudget.allows(at: now) else { return false }
        guard let entry = history.take(sequence, at: now, notWithin: .milliseconds(30)), let ring = ring(Int(entry.layer)) else {
            return false
        }
        guard let length = enqueue(entry, asRetransmission: true, from: ring, transport: transport, into: queue) else { return false }
        resendBudget.spend(length)
        return true
    }

    /// Writes one packet's header and prefix, and queues them with the name of the payload. Returns the payload's length.
    private func enqueue(
        _ entry: RetransmissionHistory.Entry, asRetransmission: Bool, from ring: PayloadRing, transport: Int, into queue: DepartureQueue
    ) -> Int? {
        let type = asRetransmission ? payloadTypes.retransmissionPayloadType(entry.codec) : payloadTypes.payloadType(entry.codec)
        guard let type, let payload = ring.payload(entry.payload) else { return nil }
        var length: Int?
        queue.append(from: ring) { slot in
            var writer = ByteWriter(slot)
            var header = OutgoingHeader(
                payloadType: type, marker: entry.marker, sequenceNumber: SequenceNumber(asRetransmission ? rtxSequence : entry.sequence),
                timestamp: entry.timestamp, ssrc: asRetransmission ? rtxSSRC ?? ssrc : ssrc)
            header.mid = mid
            header.audioLevel = entry.audioLevel
            header.voiceActivity = entry.voiceActivity
            header.reservesSendTime = true
            header.reservesTransportSequence = true
            let stamps = header.write(into: &writer, parameters.extensions)
            if asRetransmission { writer.uint16(entry.sequence) }
            var replaced = 0
            if let numbers = entry.vp8, let descriptor = VP8Descriptor.parse(payload.bytes) {
                replaced = descriptor.rewrite(
                    payload.bytes, into: &writer, pictureID: numbers.pictureID, tl0PicIdx: numbers.tl0PicIdx, keyIndex: numbers.keyIndex)
            }
            guard !writer.overflowed else { return nil }
            length = payload.count
            return Departure(
                transport: transport, kind: asRetransmission ? .retransmission : .rtp, headerLength: writer.count, stamps: stamps,
                payload: entry.payload, replaced: replaced)
        }
        if length != nil, asRetransmission { rtxSequence &+= 1 }
        return length
    }
}

/// How much may be sent again: a share of the media sent, and a floor so that repair survives a burst of loss. Bounds what a flood of NACKs costs.
private struct ResendBudget {
    private static let floorPerSecond = 64_000
    private static let ceiling = 256_000

    private var bytes = ResendBudget.ceiling / 2
    private var refilledAt: Instant?

    /// A quarter of what is sent may be sent again.
    mutating func credit(_ sent: Int) { bytes = min(ResendBudget.ceiling, bytes + sent / 4) }

    mutating func allows(at now: Instant) -> Bool {
        if let refilledAt {
            let elapsed = min((now - refilledAt).nanoseconds, 1_000_000_000)
            let refill = Int(elapsed) / 1_000 * ResendBudget.floorPerSecond / 1_000_000
            if refill > 0 {
                bytes = min(ResendBudget.ceiling, bytes + refill)
                self.refilledAt = now
            }
        } else {
            refilledAt = now
        }
        return bytes > 0
    }

    mutating func spend(_ length: Int) { bytes -= length }
}
