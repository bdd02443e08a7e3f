import MediaPrimitives
import RTP

/// How what is asked for again is answered, because the answer was lost: what is lost twice is late already, and the third time it is seen to be.
package struct Insistence: Sendable {
    /// How often it is sent, all at once.
    package var copies: Int
    /// Who asks again sooner than this may not have got the answer yet, and gets one copy.
    package var answered: Interval

    package init(copies: Int = 1, answered: Interval = .zero) {
        self.copies = copies
        self.answered = answered
    }
}

extension Leg {
    /// Sends the packet that went out as `sequence` again, on the RTX stream (RFC 4588), with the numbers that it had then; false if it is not known
    /// any more, came too soon after the last time, or exceeds the budget. `ring` gives the ring of a layer.
    mutating func resend(
        _ sequence: UInt16, insisting: Insistence = Insistence(), at now: Instant, ring: (Int) -> PayloadRing?, transport: Int,
        into queue: inout DepartureQueue
    ) -> Bool {
        guard budget.allows(at: now), let (entry, since) = history.take(sequence, at: now, notWithin: .milliseconds(30)) else {
            return false
        }
        let isRepeated = since.map { $0 >= insisting.answered } ?? false
        let copies = isRepeated && budget.isAmple ? insisting.copies : 1
        for _ in 0..<copies where !resend(entry, as: sequence, ring: ring, transport: transport, into: &queue) { return false }
        return true
    }

    /// Sends one copy of what went out as `sequence`.
    private mutating func resend(
        _ entry: RetransmissionHistory.Entry, as sequence: UInt16, ring: (Int) -> PayloadRing?, transport: Int,
        into queue: inout DepartureQueue
    ) -> Bool {
        guard let rtxSSRC,
            alignment &- entry.alignment < Leg.alignmentsRemembered, let ring = ring(Int(entry.layer & 0x7f)),
            let reference = ring.reference(lower: entry.payload), let slot = ring.slot(reference),
            let payloadType = payloadTypes.retransmissionPayloadType(slot.pointee.facts.codec)
        else { return false }
        let facts = slot.pointee.facts
        let then = alignments[Int(entry.alignment % Leg.alignmentsRemembered)]
        let second = entry.layer & 0x80 | payloadType
        let timestamp = facts.timestamp &+ then.timestampOffset
        let written =
            descriptorID != 0 && facts.descriptorLength != 0
            ? write(
                descriptor: PayloadRing.descriptor(in: slot), facts.layout, then.descriptor, second: second, sequence: rtxSequence,
                timestamp: timestamp, ssrc: rtxSSRC, into: &queue)
            : write(
                second: second, sequence: rtxSequence, timestamp: timestamp, ssrc: rtxSSRC, hasLevel: facts.audioLevel != nil,
                level: rfc6464(facts.audioLevel, facts.voiceActivity), into: &queue)
        guard let header = written else { return false }
        header.slot.storeBytes(of: sequence.bigEndian, toByteOffset: header.length, as: UInt16.self)
        var length = header.length + 2
        let payload = PayloadRing.payload(in: slot)
        let prefix = PayloadPrefix(facts.codec, of: payload)
        if prefix.length > 0 {
            var offsets = then.pictures
            offsets.pictureID = entry.pictureOffset
            header.slot.storeBytes(of: prefix.word(prefix.numbers.moved(by: offsets)).littleEndian, toByteOffset: length, as: UInt64.self)
            length += Int(prefix.length)
        }
        queue.keep(ring)
        queue.append(
            Departure(
                transport: Int32(truncatingIfNeeded: transport), slot: slot, payload: reference,
                headerLength: UInt8(truncatingIfNeeded: length), replaced: UInt16(prefix.length), kind: .retransmission,
                isAudio: !isVideo, stamps: header.stamps))
        rtxSequence &+= 1
        budget.spend(payload.count)
        return true
    }
}
