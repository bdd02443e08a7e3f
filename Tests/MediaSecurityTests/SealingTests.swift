import MediaPrimitives
import MediaSecurity
import ReferenceSRTP
import Testing

@Suite("Sealing")
struct SealingTests {
    @Test("uses a number once: neither at once nor in a queue does it seal again under one that it has used", arguments: SRTPCase.all)
    func onceOnly(what: SRTPCase) throws {
        let session = try SRTPSession(keys: .random(what.profile, .seeded(1)), cipher: what.cipher)
        let queue = SealingQueue()
        let seal = { (sequence: UInt16, isDeferred: Bool) in
            let slots = PacketSlots(count: 1)
            slots.put(rtpPacket(sequence, payload: [UInt8](repeating: 0, count: 32)), in: 0) {
                isDeferred ? session.protectRTP($0, length: $1, deferring: queue) : session.protectRTP($0, length: $1)
            }
            queue.flush()
            return slots[0]
        }
        var random = Entropy.seeded(2)
        var streams: Set<[UInt8]> = []
        var sent: Set<UInt16> = []
        var newest: UInt16 = 500
        for step in 0..<3_000 {
            newest &+= UInt16.random(in: 0...2, using: &random)
            let sequence = newest &- UInt16.random(in: 0...20, using: &random)
            if step % 1_000 == 0 { sent = [] }
            // A text of zeros shows the key stream.
            guard let packet = seal(sequence, random.next() % 2 == 0) else { continue }
            #expect(sent.insert(sequence).inserted && streams.insert(Array(packet[12..<44])).inserted, "at step \(step)")
        }
        #expect(streams.count > 1_000)
        for isDeferred in [true, false] {
            #expect(seal(newest &+ 1, isDeferred) != nil || !isDeferred)
            #expect(seal(newest &+ 1, false) == nil && seal(newest &+ 1, true) == nil)
        }
    }

    @Test("refuses a number too far behind, from before the first, or a step too long to be guessed", arguments: SRTPCase.all)
    func outOfReach(what: SRTPCase) throws {
        let session = try SRTPSession(keys: .random(what.profile, .seeded(1)), cipher: what.cipher)
        let send = { (sequence: UInt16, ssrc: UInt32) in session.sealed(rtpPacket(sequence, ssrc: ssrc)) != nil }
        #expect(send(500, 1) && send(5_000, 1))
        #expect(send(5_000 - 1_023, 1) && !send(5_000 - 1_024, 1))
        #expect(send(10, 2) && !send(65_530, 2) && send(11, 2))
        #expect(send(0, 3) && !send(0x8001, 3) && send(0x8000, 3))
        #expect(send(0x9000, 4) && send(0x9001, 4))
    }

    @Test("writes nothing behind the packet that it gives back", arguments: SRTPCase.all)
    func noByteMore(what: SRTPCase) throws {
        let session = try SRTPSession(keys: .random(what.profile, .seeded(1)), cipher: what.cipher)
        for size in 0..<70 {
            let queue = SealingQueue()
            let slots = PacketSlots(count: 2)
            var lengths: [Int] = []
            for slot in 0..<2 {
                slots.put(rtpPacket(UInt16(2 * size + slot), payload: [UInt8](repeating: 1, count: size)), in: slot) { room, length in
                    UnsafeMutableRawBufferPointer(rebasing: room[length...]).initializeMemory(as: UInt8.self, repeating: 0xee)
                    let sealed = session.protectRTP(room, length: length, deferring: queue)
                    lengths.append(sealed ?? 0)
                    return room.count
                }
            }
            queue.flush()
            for slot in 0..<2 {
                let bytes = try #require(slots[slot])
                #expect(bytes[lengths[slot]...].allSatisfy { $0 == 0xee })
                #expect(lengths[slot] == 12 + size + what.profile.tagLength)
            }
        }
    }
}

@Suite("A queue of packets to be sealed")
struct SealingQueueTests {
    @Test(
        "gives each the bytes that it gets alone, whatever their number", arguments: SRTPCase.all, [1, 2, 3, 15, 16, 17, 63, 64, 65, 200])
    func anyNumber(what: SRTPCase, number: Int) throws {
        var chance = Entropy.seeded(UInt64(number))
        let sessions = try (0..<5).map { _ in
            let keys = SRTPKeys.random(what.profile, chance)
            return (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        }
        let slots = PacketSlots(count: number)
        let queue = SealingQueue()
        var expected: [[UInt8]?] = []
        for slot in 0..<number {
            let plain = rtpPacket(UInt16(slot), ssrc: 9, chance: &chance)
            let (ours, oracle) = sessions[slot % 5]
            expected.append(oracle.sealed(plain))
            slots.put(plain, in: slot) { ours.protectRTP($0, length: $1, deferring: queue) }
        }
        #expect(queue.count <= 64)
        queue.flush()
        #expect(queue.count == 0)
        for slot in 0..<number { #expect(slots[slot] == expected[slot], "packet \(slot)") }
    }

    @Test("leaves alone what lies right behind a packet, as in a batch", arguments: SRTPCase.all)
    func adjacent(what: SRTPCase) throws {
        var chance = Entropy.seeded(5)
        let keys = SRTPKeys.random(what.profile, chance)
        let (ours, oracle) = (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        let path = Path(local: SocketAddress(ipv4: 1, port: 1), remote: SocketAddress(ipv4: 2, port: 2))
        let batch = DatagramBatch(capacity: 100)
        let queue = SealingQueue()
        var expected: [[UInt8]?] = []
        for number in 0..<100 {
            let plain = rtpPacket(UInt16(number), ssrc: 9, chance: &chance)
            expected.append(oracle.sealed(plain))
            let slot = try #require(batch.nextSlot())
            slot.copyBytes(from: plain)
            guard let length = ours.protectRTP(slot, length: plain.count, deferring: queue) else { break }
            #expect(batch.commit(length, to: path))
        }
        queue.flush()
        try #require(batch.count == 100)
        for number in 0..<100 { #expect(Array(batch.bytes(number)) == expected[number], "packet \(number)") }
    }

    @Test("finishes packets whose session has ended meanwhile", arguments: SRTPCase.all)
    func sessionEnds(what: SRTPCase) throws {
        let keys = SRTPKeys.random(what.profile, .seeded(3))
        let slots = PacketSlots(count: 8)
        let queue = SealingQueue()
        do {
            let session = try SRTPSession(keys: keys, cipher: what.cipher)
            for slot in 0..<8 {
                slots.put(rtpPacket(UInt16(slot)), in: slot) { session.protectRTP($0, length: $1, deferring: queue) }
            }
        }
        // Memory that was freed is taken again at once.
        let others = try (0..<8).map { try SRTPSession(keys: .random(what.profile, .seeded(10 + $0)), cipher: what.cipher) }
        queue.flush()
        let oracle = try ReferenceSession(keys: keys)
        for slot in 0..<8 { #expect(slots[slot] == oracle.sealed(rtpPacket(UInt16(slot)))) }
        withExtendedLifetime(others) {}
    }

    @Test("finishes its packets when it ends itself")
    func queueEnds() throws {
        let keys = SRTPKeys.random(.aes128CMSHA1Tag80, .seeded(4))
        let session = try SRTPSession(keys: keys)
        let slots = PacketSlots(count: 2)
        do {
            let queue = SealingQueue()
            for slot in 0..<2 { slots.put(rtpPacket(UInt16(slot)), in: slot) { session.protectRTP($0, length: $1, deferring: queue) } }
        }
        let oracle = try ReferenceSession(keys: keys)
        for slot in 0..<2 { #expect(slots[slot] == oracle.sealed(rtpPacket(UInt16(slot)))) }
    }
}
