import MediaPrimitives
import MediaSecurity
import Testing

/// Two sessions of the same keys, one on each path, and the receiver of both on libsrtp2.
private struct Twins {
    let fast: SRTPSession
    let reference: SRTPSession
    let receiver: SRTPSession

    init(_ profile: SRTPProfile, seed: UInt64 = 1) throws {
        let entropy = Entropy.seeded(seed)
        let keys = SRTPKeys(
            profile: profile, localKey: entropy.bytes(profile.keyLength), localSalt: entropy.bytes(profile.saltLength),
            remoteKey: entropy.bytes(profile.keyLength), remoteSalt: entropy.bytes(profile.saltLength))
        fast = try SRTPSession(keys: keys)
        reference = try SRTPSession(keys: keys, usingMultiBuffer: false)
        receiver = try SRTPSession(
            keys: SRTPKeys(
                profile: profile, localKey: keys.remoteKey, localSalt: keys.remoteSalt, remoteKey: keys.localKey, remoteSalt: keys.localSalt
            ),
            usingMultiBuffer: false)
    }
}

extension SRTPSession {
    fileprivate func sealed(_ packet: [UInt8], room: Int = SRTPSession.trailingRoom) -> [UInt8]? {
        var buffer = packet + [UInt8](repeating: 0xee, count: room)
        guard let length = buffer.withUnsafeMutableBytes({ protectRTP($0, length: packet.count) }) else { return nil }
        #expect(buffer[length...].allSatisfy { $0 == 0xee })
        return Array(buffer.prefix(length))
    }

    fileprivate func opened(_ packet: [UInt8]) -> [UInt8]? {
        var packet = packet
        guard case .ok(let length) = packet.withUnsafeMutableBytes({ unprotectRTP($0, length: $0.count) }) else { return nil }
        return Array(packet.prefix(length))
    }
}

/// A packet with so many CSRCs and words of extension.
private func packet(_ sequence: UInt16, ssrc: UInt32 = 7, csrcs: Int = 0, words: Int? = nil, payload: [UInt8]) -> [UInt8] {
    ByteWriter.array(capacity: 2_000) { writer in
        writer.uint8(0x80 | UInt8(csrcs) | (words == nil ? 0 : 0x10))
        writer.uint8(96)
        writer.uint16(sequence)
        writer.uint32(99)
        writer.uint32(ssrc)
        for csrc in 0..<csrcs { writer.uint32(UInt32(csrc)) }
        if let words {
            writer.uint16(0xbede)
            writer.uint16(UInt16(words))
            for word in 0..<words { writer.uint32(UInt32(word) &* 0x0101_0101) }
        }
        writer.bytes(payload)
    } ?? []
}

@Suite("Sealing by the multi-buffer library", .enabled(if: (try? Twins(.aeadAES128GCM).fast.usesMultiBuffer) ?? false))
struct SRTPSealerTests {
    private static let profiles = [SRTPProfile.aeadAES128GCM, .aeadAES256GCM]

    @Test("gives the bytes that libsrtp2 gives, whatever the header and the size", arguments: profiles)
    func sameBytes(profile: SRTPProfile) throws {
        var random = Entropy.seeded(3)
        let twins = try Twins(profile)
        #expect(twins.fast.usesMultiBuffer && !twins.reference.usesMultiBuffer)
        for sequence: UInt16 in 0..<400 {
            let size = sequence < 40 ? Int(sequence) : Int.random(in: 0...1_300, using: &random)
            let plain = packet(
                sequence, ssrc: UInt32.random(in: 1...4, using: &random), csrcs: Int.random(in: 0...15, using: &random),
                words: Bool.random(using: &random) ? Int.random(in: 0...10, using: &random) : nil, payload: random.bytes(size))
            let sealed = try #require(twins.fast.sealed(plain))
            #expect(sealed == twins.reference.sealed(plain))
            #expect(twins.receiver.opened(sealed) == plain)
        }
    }

    @Test("gives the same for other keys, and other bytes than for these")
    func keys() throws {
        let plain = packet(1, payload: [1, 2, 3])
        var seen: Set<[UInt8]> = []
        for seed: UInt64 in 0..<40 {
            for profile in SRTPSealerTests.profiles {
                let twins = try Twins(profile, seed: seed)
                let sealed = try #require(twins.fast.sealed(plain))
                #expect(sealed == twins.reference.sealed(plain) && seen.insert(sealed).inserted)
            }
        }
    }

    @Test("counts rollovers as libsrtp2 does: over wraps, strides, late packets and repetitions", arguments: 0..<10)
    func rollovers(seed: UInt64) throws {
        var random = Entropy.seeded(seed)
        let twins = try Twins(.aeadAES128GCM, seed: seed)
        var index = Int64.random(in: 0...0x7fff, using: &random)
        for _ in 0..<3_000 {
            index += Int64([1, 1, 1, 5, 900, 32_767].randomElement(using: &random) ?? 1)
            let behind = Int.random(in: 0..<4, using: &random) == 0 ? Int64.random(in: 0...1_023, using: &random) : 0
            for number in [index, max(0, index - behind)] {
                let plain = packet(UInt16(truncatingIfNeeded: number), payload: [5, 6, 7])
                let sealed = twins.fast.sealed(plain)
                #expect(sealed != nil && sealed == twins.reference.sealed(plain))
            }
        }
        #expect(index > 50 * 65_536)
    }

    @Test("refuses a number too far behind, or from before the first")
    func tooFarBehind() throws {
        let twins = try Twins(.aeadAES128GCM)
        let send = { (sequence: UInt16) in twins.fast.sealed(packet(sequence, payload: [1])) != nil }
        #expect(send(500) && send(5_000))
        #expect(send(5_000 - 1_023) && !send(5_000 - 1_024))
        let other = try Twins(.aeadAES128GCM)
        #expect(other.fast.sealed(packet(10, payload: [1])) != nil)
        #expect(other.fast.sealed(packet(65_530, payload: [1])) == nil)
    }

    @Test("refuses what has no room, is no RTP, or whose stream has ended")
    func refusals() throws {
        let twins = try Twins(.aeadAES128GCM)
        let plain = packet(1, payload: [1])
        #expect(twins.fast.sealed(plain, room: SRTPSession.trailingRoom - 1) == nil)
        #expect(twins.fast.sealed(packet(1, words: 3, payload: []).dropLast(4).map { $0 }) == nil)
        #expect(twins.fast.sealed([0x40] + plain.dropFirst()) == nil)
        #expect(twins.fast.sealed(plain) != nil)
        twins.fast.removeStream(SSRC(7))
        #expect(twins.fast.sealed(packet(2, payload: [1])) == nil)
    }

    @Test("has no more streams than a session may have")
    func streams() throws {
        let twins = try Twins(.aeadAES128GCM)
        let sealed = (1...UInt32(1_000)).count { twins.fast.sealed(packet(1, ssrc: $0, payload: [1])) != nil }
        #expect(sealed == SRTPSession.maximumStreams)
        // Those that are known go on.
        #expect(
            twins.fast.sealed(packet(2, ssrc: 1, payload: [1]))
                == twins.reference.sealed(packet(1, ssrc: 1, payload: [1])).flatMap { _ in
                    twins.reference.sealed(packet(2, ssrc: 1, payload: [1]))
                })
    }
}
