import MediaPrimitives
import RTP

/// What transport-wide feedback tells, written by our own writer in as many messages as it takes, is told again.
enum FeedbackCheck {
    static func run(_ feedback: TransportFeedback, _ datagram: RawSpan) throws(Finding) {
        var iterator = feedback.makeIterator()
        var arrivals: [PacketArrival] = []
        var count = 0
        // Far enough from 0 that the numbers stay positive.
        let base = Int64(0x1_0000) + Int64(feedback.baseSequence.rawValue)
        while let status = iterator.next(in: datagram) {
            try expect(status.sequence == feedback.baseSequence + count, "a status is out of order")
            if let ticks = status.arrivalTicks {
                arrivals.append(
                    PacketArrival(sequence: base + Int64(count), arrival: Instant(nanoseconds: ticks * TransportFeedback.tick)))
            }
            count += 1
        }
        try expect(count == feedback.statusCount, "\(feedback.statusCount) packets are announced, \(count) are told about")

        var next = base
        var rest = arrivals[...]
        while !rest.isEmpty {
            let part = Array(rest)
            var taken = 0
            try RTCPHarness.again({
                taken = TransportFeedback.write(
                    into: &$0, sender: feedback.sender, media: feedback.media, feedbackCount: feedback.feedbackCount, base: next,
                    arrivals: part.span)
            }) { bytes, packet throws(Finding) in
                try expect(bytes.byteCount <= 1_200 && taken > 0 && taken <= part.count, "\(taken) arrivals in \(bytes.byteCount) bytes")
                try compare(Array(part[..<taken]), from: next, with: bytes, packet)
            }
            next = part[taken - 1].sequence + 1
            rest = rest.dropFirst(taken)
        }
    }

    private static func compare(_ arrivals: [PacketArrival], from base: Int64, with bytes: RawSpan, _ packet: RTCPPacket) throws(Finding) {
        guard let copy = TransportFeedback.parse(bytes, packet) else { throw Finding("feedback of our own does not parse") }
        var iterator = copy.makeIterator()
        var sequence = Int64(truncatingIfNeeded: base)
        var told = 0
        try expect(copy.baseSequence.rawValue == UInt16(truncatingIfNeeded: base), "feedback starts at another packet")
        while let status = iterator.next(in: bytes) {
            try expect(status.sequence.rawValue == UInt16(truncatingIfNeeded: sequence), "a packet is skipped")
            if let ticks = status.arrivalTicks {
                try expect(told < arrivals.count && arrivals[told].sequence == sequence, "a lost packet has arrived")
                let expected = arrivals[told].arrival.nanoseconds / TransportFeedback.tick
                // The reference time has 24 bits of 256 ticks each.
                try expect((ticks &- expected) & 0xffff_ffff == 0, "a packet arrived at another time")
                told += 1
            }
            sequence += 1
        }
        try expect(told == arrivals.count, "\(arrivals.count) packets arrived, \(told) are told")
    }
}
