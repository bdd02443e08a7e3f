import MediaPrimitives
import RTP
import Testing

private func arrival(_ sequence: Int64, ticks: Int64) -> PacketArrival {
    PacketArrival(sequence: sequence, arrival: Instant(nanoseconds: ticks * TransportFeedback.tick))
}

/// Writes `arrivals` in as many messages as it takes, and reads them back: each number told about, with its ticks where it was received.
private func roundTrip(_ arrivals: [PacketArrival], base: Int64? = nil, maximumLength: Int = 1_200) throws -> [TransportFeedback.Status] {
    var rest = arrivals
    var base = base
    var count: UInt8 = 254
    var statuses: [TransportFeedback.Status] = []
    while !rest.isEmpty {
        var taken = 0
        let bytes = try #require(
            ByteWriter.array {
                taken = TransportFeedback.write(
                    into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: count, base: base, arrivals: rest.span,
                    maximumLength: maximumLength)
            })
        try #require(taken > 0)
        #expect(bytes.count <= maximumLength && bytes.count % 4 == 0)
        let (found, isMalformed) = packets(bytes)
        #expect(found.count == 1 && !isMalformed)
        let feedback = try #require(TransportFeedback.parse(bytes))
        #expect(feedback.sender == SSRC(1) && feedback.media == SSRC(2) && feedback.feedbackCount == count)
        let told = feedback.statuses(in: bytes)
        #expect(told.count == feedback.statusCount)
        statuses += told
        base = rest[taken - 1].sequence + 1
        rest.removeFirst(taken)
        count &+= 1
    }
    return statuses
}

/// What the messages should tell: every number from `base` to the last arrival.
private func expected(_ arrivals: [PacketArrival], base: Int64? = nil) -> [TransportFeedback.Status] {
    guard let first = arrivals.first, let last = arrivals.last else { return [] }
    let ticks = Dictionary(arrivals.map { ($0.sequence, $0.arrival.nanoseconds / TransportFeedback.tick) }, uniquingKeysWith: { a, _ in a })
    return ((base ?? first.sequence)...last.sequence).map {
        TransportFeedback.Status(sequence: SequenceNumber(UInt16(truncatingIfNeeded: $0)), arrivalTicks: ticks[$0])
    }
}

@Suite("Transport-wide feedback")
struct TransportFeedbackTests {
    @Test("a message as the draft lays it out is read")
    func layout() throws {
        // Base 0xfffe, seven packets: a run of two small deltas, then a two-bit vector: lost, large, lost, small, lost.
        let bytes: [UInt8] =
            [0xaf, 205, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0, 7, 0xff, 0xff, 0xff, 9]
            + [0x20, 2, 0xc0 | 0x08, 0x40] + [4, 0xff, 0xff, 0xff, 0, 0, 0, 0]
        var message = bytes
        message[message.count - 1] = 3
        let feedback = try #require(TransportFeedback.parse(message))
        #expect(feedback.baseSequence == SequenceNumber(0xfffe) && feedback.statusCount == 7)
        #expect(feedback.referenceTime == -1 && feedback.feedbackCount == 9)
        let ticks = feedback.statuses(in: message).map(\.arrivalTicks)
        #expect(ticks == [-252, 3, nil, 2, nil, 2, nil])
        #expect(feedback.statuses(in: message).map(\.sequence.rawValue) == [0xfffe, 0xffff, 0, 1, 2, 3, 4])
    }

    @Test("one-bit vectors are read from the highest bit on")
    func oneBitVector() throws {
        let bytes: [UInt8] = [
            0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 14, 0, 0, 1, 0, 0xa0, 0x01, 10, 20,
        ]
        let statuses = try #require(TransportFeedback.parse(bytes)).statuses(in: bytes)
        #expect(statuses.map(\.arrivalTicks) == [266] + Array(repeating: nil, count: 12) + [286])
    }

    @Test(
        "misshapen messages are refused",
        arguments: [
            [0, 0, 0, 0, 0, 0, 1, 0, 0x20, 1, 1, 0],  // no packets
            [0, 0, 0, 2, 0, 0, 1, 0, 0x20, 1, 1, 0],  // fewer chunks than packets
            [0, 0, 0, 3, 0, 0, 1, 0, 0x20, 3, 1, 1],  // deltas past the end
            [0, 0, 0, 1, 0, 0, 1, 0, 0x60, 1, 1, 1],  // a run of the reserved symbol
            [0, 0, 0, 1, 0, 0, 1, 0, 0xf0, 0, 1, 1],  // the reserved symbol in a vector
            [0, 0, 0x40, 1, 0, 0, 1, 0, 0x1f, 0xff, 0x1f, 0xff, 0, 3, 0, 0],  // too many packets
        ] as [[UInt8]])
    func refused(body: [UInt8]) {
        #expect(TransportFeedback.parse([0x8f, 205, 0, UInt8(2 + body.count / 4), 0, 0, 0, 1, 0, 0, 0, 2] + body) == nil)
    }

    @Test("a run of length zero is passed over")
    func emptyRun() throws {
        let bytes: [UInt8] = [0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 0, 0x20, 0, 0x20, 1, 7, 0, 0, 0]
        let statuses = try #require(TransportFeedback.parse(bytes)).statuses(in: bytes)
        #expect(statuses.map(\.arrivalTicks) == [263])
    }

    @Test("a hundred packets in a row cost one chunk and a byte each")
    func runLength() throws {
        let arrivals = (0..<100).map { arrival($0, ticks: 1_000 + $0) }
        let bytes = try #require(
            ByteWriter.array {
                _ = TransportFeedback.write(into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, arrivals: arrivals.span)
            })
        #expect(bytes.count == 20 + 2 + 100 + 2)
        #expect(Array(bytes[20..<22]) == [0x20, 100])
        #expect(bytes[0] == 0xaf && bytes[bytes.count - 1] == 2, "padding says how long it is")
    }

    @Test(
        "what is written is read back",
        arguments: [
            [arrival(0xffff, ticks: 0)],
            [arrival(0xfffe, ticks: 5), arrival(0xffff, ticks: 260), arrival(0x10000, ticks: 516), arrival(0x10003, ticks: 500)],
            [arrival(0, ticks: -1), arrival(1, ticks: -70_000 / 4), arrival(2, ticks: 0)],  // before the clock's zero, and reordered
            [arrival(0, ticks: 0), arrival(1, ticks: 32_767), arrival(2, ticks: -1), arrival(3, ticks: 254)],  // the largest deltas
            [arrival(0, ticks: 0), arrival(1, ticks: 32_768), arrival(2, ticks: 70_000)],  // deltas that need new messages
            [arrival(0, ticks: 0), arrival(9_000, ticks: 1), arrival(16_383, ticks: 2)],  // long gaps within a message
            (0..<14).map { arrival($0 * 2, ticks: $0) }, (0..<15).map { arrival($0 * 2, ticks: $0) },
            (0..<40).map { arrival($0, ticks: $0 % 5 == 4 ? $0 * 300 : $0) },
        ] as [[PacketArrival]])
    func survives(arrivals: [PacketArrival]) throws {
        #expect(try roundTrip(arrivals) == expected(arrivals))
    }

    @Test("losses before the first arrival are told of, back to the given base")
    func base() throws {
        let arrivals = [arrival(0x1_0005, ticks: 7), arrival(0x1_0006, ticks: 8)]
        #expect(try roundTrip(arrivals, base: 0xfffa) == expected(arrivals, base: 0xfffa))
        #expect(try roundTrip(arrivals, base: 0x1_0005) == expected(arrivals))
        // A base above the first arrival, or too far below, is passed over.
        #expect(try roundTrip(arrivals, base: 0x1_0006) == expected(arrivals))
        #expect(try roundTrip(arrivals, base: 0x1_0005 - 16_384) == expected(arrivals))
        #expect(try roundTrip(arrivals, base: .min) == expected(arrivals))
    }

    @Test("repeats and steps backwards are passed over")
    func disorder() throws {
        let arrivals = [arrival(5, ticks: 1), arrival(5, ticks: 2), arrival(4, ticks: 3), arrival(6, ticks: 4)]
        #expect(try roundTrip(arrivals) == expected([arrivals[0], arrivals[3]]))
    }

    @Test("the reference time wraps at 24 bits, and its sign is kept")
    func referenceWraps() throws {
        let unit = TransportFeedback.ticksPerReference
        for (reference, read) in [(0x7f_ffff, 0x7f_ffff), (0x80_0000, -0x80_0000), (0x100_0000, 0), (-1, -1)] as [(Int64, Int32)] {
            let arrivals = [arrival(1, ticks: reference * unit + 3)]
            let bytes = try #require(
                ByteWriter.array {
                    _ = TransportFeedback.write(into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, arrivals: arrivals.span)
                })
            let feedback = try #require(TransportFeedback.parse(bytes))
            #expect(feedback.referenceTime == read)
            #expect(feedback.statuses(in: bytes).map(\.arrivalTicks) == [Int64(read) * unit + 3])
        }
    }

    @Test("too little room writes nothing")
    func noRoom() {
        let arrivals = [arrival(5, ticks: 1)]
        for capacity in 0..<24 {
            var taken = -1
            let bytes = ByteWriter.array(capacity: capacity) {
                taken = TransportFeedback.write(into: &$0, sender: SSRC(1), media: SSRC(2), feedbackCount: 0, arrivals: arrivals.span)
            }
            #expect(bytes == [] && taken == 0)
        }
    }

    @Test("random arrivals with loss, reordering and pauses survive at every size of message", arguments: 0..<200 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var entropy = Entropy.seeded(seed)
        var sequence = Int64.random(in: 0...0x2_0000, using: &entropy)
        var ticks = Int64.random(in: -100_000...100_000, using: &entropy)
        let loss = Int.random(in: 0...90, using: &entropy)
        let pause = Int.random(in: 0...30, using: &entropy)
        var arrivals: [PacketArrival] = []
        for _ in 0..<Int.random(in: 1...600, using: &entropy) {
            while Int.random(in: 0..<100, using: &entropy) < loss { sequence += 1 }
            if Int.random(in: 0..<1_000, using: &entropy) < 5 { sequence += Int64.random(in: 0...3_000, using: &entropy) }
            let isPause = Int.random(in: 0..<100, using: &entropy) < pause
            ticks += isPause ? Int64.random(in: -500...40_000, using: &entropy) : Int64.random(in: 0...20, using: &entropy)
            arrivals.append(arrival(sequence, ticks: ticks))
            sequence += 1
        }
        let maximumLength = Int.random(in: 32...1_400, using: &entropy)
        #expect(try roundTrip(arrivals, maximumLength: maximumLength) == expected(arrivals))
    }
}
