import MediaPrimitives
import MediaSecurity
import ReferenceSRTP
import Testing

/// `SRTPSession` and libsrtp2 with the same keys, side by side: what each seals, and what each makes of the same packets. A failure names its seed.
@Suite("An SRTP session does what libsrtp2 does")
struct SRTPOracleTests {
    private static let seeds: Range<UInt64> = 0..<4

    @Test("sealing RTP: over wraps, strides, late packets, every header and size, at once or in a queue", arguments: SRTPCase.all, seeds)
    func sealing(what: SRTPCase, seed: UInt64) throws {
        var chance = Entropy.seeded(seed)
        let keys = SRTPKeys.random(what.profile, chance)
        let (ours, oracle) = (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        let batch = PacketSlots(count: 200)
        let queue = SealingQueue()
        var streams = (0..<3).map { _ in SendingStream(&chance) }
        for round in 0..<20 {
            var expected: [[UInt8]?] = []
            for slot in 0..<batch.count {
                let sequence = streams[slot % 3].next(&chance)
                let plain = rtpPacket(sequence, ssrc: UInt32(slot % 3) + 1, longest: 1_500, chance: &chance)
                expected.append(oracle.sealed(plain))
                batch.put(plain, in: slot) { packet, length in
                    chance.next() % 4 == 0
                        ? ours.protectRTP(packet, length: length) : ours.protectRTP(packet, length: length, deferring: queue)
                }
            }
            queue.flush()
            for slot in 0..<batch.count {
                #expect(batch[slot] == expected[slot], "seed \(seed), round \(round), packet \(slot)")
            }
        }
        #expect(streams.allSatisfy { $0.newest > 4 * 65_536 })
    }

    @Test("opening RTP: in disorder, repeated, late, forged, cut short", arguments: SRTPCase.all, seeds)
    func opening(what: SRTPCase, seed: UInt64) throws {
        var chance = Entropy.seeded(seed)
        let keys = SRTPKeys.random(what.profile, chance)
        let sender = try ReferenceSession(keys: keys.turned)
        let (ours, oracle) = (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        var streams = (0..<3).map { _ in SendingStream(&chance) }
        var onTheWay: [[UInt8]] = []
        var reasons: Set<DropReason> = []
        for step in 0..<6_000 {
            let stream = Int.random(in: 0..<3, using: &chance)
            let plain = rtpPacket(streams[stream].next(&chance), ssrc: UInt32(stream) + 1, chance: &chance)
            if let packet = sender.sealed(plain) { onTheWay.append(packet) }
            if onTheWay.isEmpty { continue }
            // Some hundreds are kept, so that a packet may come just inside the window or just outside.
            let place = chance.next() % 2 == 0 ? onTheWay.count - 1 : Int.random(in: 0..<onTheWay.count, using: &chance)
            var packet = onTheWay[place]
            var isDamaged = true
            switch chance.next() % 16 {
            case 0: packet[Int.random(in: 0..<packet.count, using: &chance)] ^= 1 << UInt8(chance.next() % 8)
            case 1: packet.removeLast(Int.random(in: 1...packet.count, using: &chance))
            case 2...4: isDamaged = false  // Stays, and comes again.
            default:
                isDamaged = false
                onTheWay.remove(at: place)
            }
            if onTheWay.count > 4_000 { onTheWay.removeFirst(2_000) }
            let opened = ours.opened(packet)
            let expected = oracle.opened(packet)
            // What has no room for its tag may have an old number as well: which of them is said first is no matter.
            if isDamaged {
                #expect(opened.bytes.isEmpty && expected.bytes.isEmpty, "seed \(seed), step \(step)")
            } else {
                #expect(opened == expected, "seed \(seed), step \(step)")
            }
            if case .dropped(let reason) = opened.result { reasons.insert(reason) }
        }
        #expect(reasons == [.unauthenticatedSRTP, .replayedSRTP])
    }

    @Test("RTCP: index and E flag, repeated, late, forged, cut short", arguments: SRTPCase.all, seeds)
    func control(what: SRTPCase, seed: UInt64) throws {
        var chance = Entropy.seeded(seed)
        let keys = SRTPKeys.random(what.profile, chance)
        let (ours, oracle) = (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        let (receiver, judge) = (try SRTPSession(keys: keys.turned, cipher: what.cipher), try ReferenceSession(keys: keys.turned))
        let open = try ReferenceSession(keys: keys, encryptsRTCP: false)
        var onTheWay: [[UInt8]] = []
        for step in 0..<3_000 {
            let ssrc = UInt32.random(in: 1...3, using: &chance)
            let plain = rtcpPacket(ssrc: ssrc, rest: chance.bytes(4 * Int.random(in: 0...300, using: &chance)))
            let packet = ours.sealed(plain, isRTCP: true)
            #expect(packet == oracle.sealed(plain, isRTCP: true), "seed \(seed), step \(step)")
            let inTheClear = open.sealed(plain, isRTCP: true)
            // One and the same number, once encrypted and once not: only the first to come may be taken.
            onTheWay.append(try #require(chance.next() % 8 == 0 ? inTheClear : packet))
            let place = chance.next() % 2 == 0 ? onTheWay.count - 1 : Int.random(in: 0..<onTheWay.count, using: &chance)
            var arrived = onTheWay[place]
            switch chance.next() % 8 {
            case 0: arrived[Int.random(in: 0..<arrived.count, using: &chance)] ^= 1 << UInt8(chance.next() % 8)
            case 1: arrived.removeLast(Int.random(in: 1...arrived.count, using: &chance))
            case 2: break
            default: onTheWay.remove(at: place)
            }
            if onTheWay.count > 300 { onTheWay.removeFirst(100) }
            let opened = receiver.opened(arrived, isRTCP: true)
            guard arrived.count >= 8, arrived[0] >> 6 == 2 else { continue }
            #expect(opened == judge.opened(arrived, isRTCP: true), "seed \(seed), step \(step)")
        }
    }

    @Test("RTCP that is only authenticated: taken under AES-GCM, which says so, and not under AES-CM", arguments: SRTPCase.all)
    func notEncrypted(what: SRTPCase) throws {
        let keys = SRTPKeys.random(what.profile, .seeded(1))
        let plain = rtcpPacket(ssrc: 5, rest: [1, 2, 3, 4])
        let sent = try #require(try ReferenceSession(keys: keys.turned, encryptsRTCP: false).sealed(plain, isRTCP: true))
        let opened = try SRTPSession(keys: keys, cipher: what.cipher).opened(sent, isRTCP: true)
        #expect(opened == (try ReferenceSession(keys: keys).opened(sent, isRTCP: true)))
        #expect(opened.bytes == (what.profile == .aes128CMSHA1Tag80 ? [] : plain))
    }

    @Test("RTP and RTCP of one SSRC, whichever comes first", arguments: SRTPCase.all, [UInt16(0), 1, 40_000])
    func oneStream(what: SRTPCase, first: UInt16) throws {
        let keys = SRTPKeys.random(what.profile, .seeded(2))
        let (ours, oracle) = (try SRTPSession(keys: keys, cipher: what.cipher), try ReferenceSession(keys: keys))
        let (receiver, judge) = (try SRTPSession(keys: keys.turned, cipher: what.cipher), try ReferenceSession(keys: keys.turned))
        let report = rtcpPacket(ssrc: 7)
        for isRTCP in [true, false, true, false] {
            for sequence in [first, first + 5] {
                let plain = isRTCP ? report : rtpPacket(sequence)
                let packet = ours.sealed(plain, isRTCP: isRTCP)
                #expect(packet == oracle.sealed(plain, isRTCP: isRTCP))
                if let packet { #expect(receiver.opened(packet, isRTCP: isRTCP) == judge.opened(packet, isRTCP: isRTCP)) }
            }
        }
    }
}

/// The numbers of a stream that goes on by strides below 2^15 even from one that came late, with some that come late or again.
struct SendingStream {
    private(set) var newest: Int64

    init(_ chance: inout Entropy) { newest = Int64.random(in: 0...0x7fff, using: &chance) }

    mutating func next(_ chance: inout Entropy) -> UInt16 {
        // Now and then just before a wrap, where disorder is hardest.
        let beforeWrap = (newest + 30_000) / 65_536 * 65_536 - 3
        if chance.next() % 64 == 0, beforeWrap > newest {
            newest = beforeWrap
        } else {
            newest += [1, 1, 1, 2, 5, 900, 31_700].randomElement(using: &chance) ?? 1
        }
        let behind: Int64 = [0, 0, 0, 1, 2, 60, 1_022, 1_023, 1_024].randomElement(using: &chance) ?? 0
        return UInt16(truncatingIfNeeded: max(0, newest - behind))
    }
}

/// Packets in a slab, as they wait for their departure.
final class PacketSlots {
    let count: Int
    private let slab: UnsafeMutableRawBufferPointer
    private var lengths: [Int?]
    private static let size = 1_600

    init(count: Int) {
        self.count = count
        slab = .allocate(byteCount: count * PacketSlots.size, alignment: 64)
        lengths = [Int?](repeating: nil, count: count)
    }

    deinit { slab.deallocate() }

    func put(_ packet: [UInt8], in slot: Int, _ seal: (UnsafeMutableRawBufferPointer, Int) -> Int?) {
        let room = UnsafeMutableRawBufferPointer(rebasing: slab[(slot * PacketSlots.size)..<((slot + 1) * PacketSlots.size)])
        room.copyBytes(from: packet)
        lengths[slot] = seal(room, packet.count)
    }

    subscript(slot: Int) -> [UInt8]? { lengths[slot].map { Array(slab[(slot * PacketSlots.size)...].prefix($0)) } }
}
