import MediaPrimitives
import RTP

/// One media section as a subscriber receives it: its own SSRC, sequence numbers, timestamps and codec numbers, whatever the source does.
///
/// `align` starts a source (or another encoding of it), `forward` rewrites a packet into the departure queue, `resend` answers a NACK.
package final class SendStream {
    package let ssrc: SSRC
    package let rtxSSRC: SSRC?
    package let kind: MediaKind
    package let mid: String
    // Changed only when something was negotiated; nothing is called meanwhile.
    /// Headers without and with an audio level.
    @exclusivity(unchecked) private var plainHeader: HeaderTemplate
    @exclusivity(unchecked) private var levelHeader: HeaderTemplate
    @exclusivity(unchecked) private var payloadTypes: PayloadTypeTable
    /// What those three were made of.
    private var negotiated: (codecs: [CodecParameters], extensions: HeaderExtensionMap)
    private let clockRate: UInt32
    private let firstSequence: Int64
    private let firstTimestamp: UInt32
    /// No two packets sent in a row are further apart. A source may leave out as many numbers as it likes, but ours must not come near half their
    /// space: the cipher would guess a rollover counter that was used before, and under GCM a nonce with it (RFC 7714 §8.2).
    private static let longestGap: Int64 = 512

    /// Everything that changes with a packet, in one place: it is entered once for each.
    private struct State {
        var mapper: SequenceMapper?
        var timestampOffset: UInt32 = 0
        var vp8 = VP8Rewriter()
        var history: RetransmissionHistory
        var rtxSequence: UInt16
        /// The newest packet sent, which a switch aligns to.
        var last: (sequence: Int64, sourceTimestamp: UInt32, timestamp: UInt32, arrival: Instant, marker: Bool)?
        var resendBudget = ResendBudget()
        var packetsSent: UInt32 = 0
        var octetsSent: UInt32 = 0
    }
    @exclusivity(unchecked)  // Lent only to functions of this file, which call nothing that comes back.
    private var state: State

    /// Packets and bytes of payload sent, without those sent again; both wrap.
    package var packetsSent: UInt32 { state.packetsSent }
    package var octetsSent: UInt32 { state.octetsSent }

    /// `parameters.streams` names our SSRCs. Sequence numbers begin in the lower half of their space: a receiver that loses the first packets
    /// near a wrap would guess the wrong rollover counter for good.
    package init(_ parameters: RTPParameters, entropy: Entropy) {
        mid = parameters.mid
        ssrc = parameters.streams.first?.ssrc ?? entropy.ssrc()
        rtxSSRC = parameters.streams.first?.rtxSSRC
        kind = parameters.kind
        let mid = ShortText(parameters.mid) ?? ShortText()
        plainHeader = HeaderTemplate(mid: mid, hasLevel: false, parameters.extensions)
        levelHeader = HeaderTemplate(mid: mid, hasLevel: true, parameters.extensions)
        payloadTypes = PayloadTypeTable(parameters.codecs)
        negotiated = (parameters.codecs, parameters.extensions)
        clockRate = parameters.kind == .audio ? 48_000 : 90_000
        state = State(
            history: RetransmissionHistory(capacity: parameters.kind == .audio ? 64 : 512),
            rtxSequence: UInt16(truncatingIfNeeded: entropy.next()) & 0x7fff)
        firstSequence = Int64(entropy.next() & 0x7fff)
        firstTimestamp = UInt32(truncatingIfNeeded: entropy.next())
    }

    /// Takes the payload types and extension ids of a later negotiation. SSRCs and numbers stay as they are, whatever it says of them.
    package func update(_ parameters: RTPParameters) {
        guard negotiated != (parameters.codecs, parameters.extensions) else { return }
        negotiated = (parameters.codecs, parameters.extensions)
        let mid = ShortText(parameters.mid) ?? ShortText()
        plainHeader = HeaderTemplate(mid: mid, hasLevel: false, parameters.extensions)
        levelHeader = HeaderTemplate(mid: mid, hasLevel: true, parameters.extensions)
        payloadTypes = PayloadTypeTable(parameters.codecs)
    }

    /// Whether this subscriber agreed to `codec`.
    package func accepts(_ codec: Codec) -> Bool { payloadTypes.payloadType(codec) != nil }

    /// The packets sent so far come from a source that is gone: they cannot be sent again.
    package func forgetHistory() { state.history.removeAll() }

    /// Its section is gone, and may come back: numbers are kept, as none may be given out twice, and nothing that takes much room.
    package func rest() { state.history.release() }

    /// Aligns all numbers so that `packet`, the first of a source, follows what was sent. `elapsed` is the source's own time between the last
    /// packet sent and this one, where sender reports tell it; otherwise arrival times stand in.
    package func align(to packet: MediaPacket, elapsed: Interval?) {
        if let last = state.last {
            let time = elapsed ?? (packet.arrival - last.arrival)
            // Never back in time and never at a standstill: at least a frame of 10 ms. A pause of hours is capped below the sign bit.
            let bounded = min(max(time, .milliseconds(10)), .seconds(3_600))
            let units = bounded.nanoseconds &* Int64(clockRate) / 1_000_000_000
            state.timestampOffset = last.timestamp &+ UInt32(truncatingIfNeeded: units) &- packet.timestamp
        } else {
            state.timestampOffset = firstTimestamp &- packet.timestamp
        }
        // A frame whose end was never sent must not seem complete: one number is left open, and the decoder discards the frame.
        let gap: Int64 = state.last?.marker == false && kind == .video ? 2 : 1
        state.mapper = SequenceMapper(source: packet.sequence, outgoing: highestOutgoing.map { $0 &+ gap } ?? firstSequence)
        if case .vp8(let descriptor) = packet.descriptor { state.vp8.align(to: descriptor) }
    }

    /// The number that the next one of a new source follows; nil before the first.
    private var highestOutgoing: Int64? {
        guard let last = state.last, let mapper = state.mapper else { return state.mapper?.highestOutgoing }
        return mapper.highestOutgoing &- last.sequence > SendStream.longestGap ? last.sequence : mapper.highestOutgoing
    }

    /// The source's timestamp of the newest packet sent, for `align`'s elapsed time.
    package var lastSourceTimestamp: UInt32? { state.last?.sourceTimestamp }

    /// This stream's timestamp for a timestamp of the source.
    package func timestamp(ofSource timestamp: UInt32) -> UInt32 { timestamp &+ state.timestampOffset }

    /// Rewrites `packet` for this subscriber and queues it. Before `align` nothing is sent.
    package func forward(_ packet: MediaPacket, from ring: PayloadRing, transport: Int, into queue: inout DepartureQueue) {
        guard let payloadType = payloadTypes.payloadType(packet.codec) else { return }
        forward(packet, payloadType, from: ring, transport: transport, into: &queue, &state)
    }

    private func forward(
        _ packet: MediaPacket, _ payloadType: UInt8, from ring: PayloadRing, transport: Int, into queue: inout DepartureQueue,
        _ state: inout State
    ) {
        guard var sequence = state.mapper?.map(packet.sequence) else { return }
        var isNewest = true
        if let last = state.last {
            if sequence &- last.sequence > SendStream.longestGap {
                // One number is left open: the receiver shall see that something is missing.
                sequence = last.sequence &+ 2
                state.mapper = SequenceMapper(source: packet.sequence, outgoing: sequence)
                _ = state.mapper?.map(packet.sequence)
            }
            isNewest = sequence > last.sequence
        }
        var descriptor: VP8Descriptor?
        var numbers: VP8Numbers?
        if case .vp8(let vp8) = packet.descriptor {
            descriptor = vp8
            numbers = state.vp8.rewrite(vp8, isNewest: isNewest)
        }
        let entry = RetransmissionHistory.Entry(
            sequence: UInt16(truncatingIfNeeded: sequence), layer: Int32(truncatingIfNeeded: packet.layer), payload: packet.payload,
            timestamp: packet.timestamp &+ state.timestampOffset, marker: packet.marker, codec: packet.codec, audioLevel: packet.audioLevel,
            voiceActivity: packet.voiceActivity, vp8: numbers)
        guard
            let length = enqueue(
                entry, descriptor, payloadType: payloadType, sequence: entry.sequence, ssrc: ssrc, isRetransmission: false, from: ring,
                transport: transport, into: &queue)
        else { return }
        if rtxSSRC != nil { state.history.append(entry) }
        state.packetsSent &+= 1
        state.octetsSent &+= UInt32(truncatingIfNeeded: length)
        state.resendBudget.credit(length)
        if isNewest { state.last = (sequence, packet.timestamp, entry.timestamp, packet.arrival, packet.marker) }
    }

    /// A number of the source that carries nothing: later ones move up, so that the subscriber sees no hole.
    package func leaveOut(_ sequence: Int64) { _ = state.mapper?.leaveOut(sequence) }

    /// Sends the packet that went out as `sequence` again, on the RTX stream (RFC 4588); false if it is not known any more, came too soon after
    /// the last time, or exceeds the budget. `ring` gives the ring of a layer.
    package func resend(
        _ sequence: UInt16, at now: Instant, ring: (Int) -> PayloadRing?, transport: Int, into queue: inout DepartureQueue
    ) -> Bool {
        guard let rtxSSRC, state.resendBudget.allows(at: now) else { return false }
        guard let entry = state.history.take(sequence, at: now, notWithin: .milliseconds(30)), let ring = ring(Int(entry.layer)),
            let payloadType = payloadTypes.retransmissionPayloadType(entry.codec), let payload = ring.payload(entry.payload)
        else { return false }
        let descriptor = entry.vp8 == nil ? nil : VP8Descriptor.parse(payload.bytes)
        guard
            let length = enqueue(
                entry, descriptor, payloadType: payloadType, sequence: state.rtxSequence, ssrc: rtxSSRC, isRetransmission: true, from: ring,
                transport: transport, into: &queue)
        else { return false }
        state.rtxSequence &+= 1
        state.resendBudget.spend(length)
        return true
    }

    /// Writes one packet's header and prefix, and queues them with the name of the payload. Returns the payload's length; nil if there was no room
    /// or the payload is gone.
    @inline(__always)
    private func enqueue(
        _ entry: RetransmissionHistory.Entry, _ descriptor: VP8Descriptor?, payloadType: UInt8, sequence: UInt16, ssrc: SSRC,
        isRetransmission: Bool, from ring: PayloadRing, transport: Int, into queue: inout DepartureQueue
    ) -> Int? {
        guard let payload = ring.payload(entry.payload), let slot = queue.nextHeader() else { return nil }
        let level = (entry.audioLevel ?? 0) & 0x7f | (entry.voiceActivity ? 0x80 : 0)
        let length: Int
        let stamps: StampOffsets
        if entry.audioLevel == nil {
            plainHeader.write(
                into: slot, payloadType: payloadType, marker: entry.marker, sequence: sequence, timestamp: entry.timestamp, ssrc: ssrc,
                level: level)
            (length, stamps) = (plainHeader.length, plainHeader.stamps)
        } else {
            levelHeader.write(
                into: slot, payloadType: payloadType, marker: entry.marker, sequence: sequence, timestamp: entry.timestamp, ssrc: ssrc,
                level: level)
            (length, stamps) = (levelHeader.length, levelHeader.stamps)
        }
        guard length > 0 else { return nil }
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: slot[length...]))
        if isRetransmission { writer.uint16(entry.sequence) }
        var replaced = 0
        if let numbers = entry.vp8, let descriptor {
            replaced = descriptor.rewrite(
                payload.bytes, into: &writer, pictureID: numbers.pictureID, tl0PicIdx: numbers.tl0PicIdx, keyIndex: numbers.keyIndex)
        }
        guard !writer.overflowed else { return nil }
        queue.append(
            Departure(
                transport: transport, kind: isRetransmission ? .retransmission : .rtp, headerLength: length &+ writer.count, stamps: stamps,
                payload: entry.payload, replaced: replaced), from: ring)
        return payload.count
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
            let elapsed = min(max(0, (now - refilledAt).nanoseconds), 1_000_000_000)
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
