import MediaPrimitives
import MediaSecurity
import Testing

/// A pair of sessions that hold each other's keys, with packets as arrays.
private struct Pair {
    let alice: SRTPSession
    let bob: SRTPSession

    init(_ profile: SRTPProfile, seed: UInt64 = 1) throws {
        let entropy = Entropy.seeded(seed)
        let keys = SRTPKeys(
            profile: profile, localKey: entropy.bytes(profile.keyLength), localSalt: entropy.bytes(profile.saltLength),
            remoteKey: entropy.bytes(profile.keyLength), remoteSalt: entropy.bytes(profile.saltLength))
        alice = try SRTPSession(keys: keys)
        bob = try SRTPSession(
            keys: SRTPKeys(
                profile: profile, localKey: keys.remoteKey, localSalt: keys.remoteSalt, remoteKey: keys.localKey, remoteSalt: keys.localSalt
            ))
    }
}

private func rtp(_ sequence: UInt16, ssrc: UInt32 = 0x1234_5678, payload: [UInt8] = [1, 2, 3, 4, 5]) -> [UInt8] {
    [0x80, 96, UInt8(sequence >> 8), UInt8(sequence & 0xff), 0, 0, 0, 1] + bigEndian(ssrc) + payload
}

private func receiverReport(ssrc: UInt32) -> [UInt8] { [0x80, 201, 0, 1] + bigEndian(ssrc) }

private func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

extension SRTPSession {
    fileprivate func protected(_ packet: [UInt8], rtcp: Bool = false) -> [UInt8]? {
        var buffer = packet + Array(repeating: 0xee, count: SRTPSession.trailingRoom)
        guard
            let length = buffer.withUnsafeMutableBytes({
                rtcp ? protectRTCP($0, length: packet.count) : protectRTP($0, length: packet.count)
            })
        else { return nil }
        return Array(buffer.prefix(length))
    }

    fileprivate func result(_ packet: [UInt8], rtcp: Bool = false) -> SRTPResult {
        var packet = packet
        return packet.withUnsafeMutableBytes { rtcp ? unprotectRTCP($0, length: $0.count) : unprotectRTP($0, length: $0.count) }
    }

    fileprivate func opened(_ packet: [UInt8], rtcp: Bool = false) -> [UInt8]? {
        var packet = packet
        guard
            case .ok(let length) = packet.withUnsafeMutableBytes({
                rtcp ? unprotectRTCP($0, length: $0.count) : unprotectRTP($0, length: $0.count)
            })
        else { return nil }
        return Array(packet.prefix(length))
    }
}

@Suite("An SRTP session") struct SRTPSessionTests {
    @Test("gives back what was protected, with the tag that the profile says", arguments: SRTPProfile.allCases)
    func roundTrip(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        for size in [0, 1, 15, 16, 17, 500, 1200] {
            let packet = rtp(UInt16(size), payload: (0..<size).map { UInt8(truncatingIfNeeded: $0) })
            let sealed = try #require(pair.alice.protected(packet))
            #expect(sealed.count == packet.count + profile.tagLength)
            if size > 15 { #expect(!sealed.dropFirst(12).starts(with: packet.dropFirst(12).prefix(8))) }
            #expect(pair.bob.opened(sealed) == packet)
        }
        let report = receiverReport(ssrc: 1)
        let sealed = try #require(pair.bob.protected(report, rtcp: true))
        #expect(sealed.count == report.count + profile.tagLength + 4)
        #expect(pair.alice.opened(sealed, rtcp: true) == report)
    }

    @Test("refuses its own packets, and those of other keys", arguments: SRTPProfile.allCases)
    func otherKeys(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        let other = try Pair(profile, seed: 2)
        let sealed = try #require(pair.alice.protected(rtp(1)))
        #expect(pair.alice.result(sealed) == .dropped(.unauthenticatedSRTP))
        #expect(other.bob.result(sealed) == .dropped(.unauthenticatedSRTP))
    }

    @Test("refuses a replay, and tells it from a forgery", arguments: SRTPProfile.allCases)
    func replay(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        let first = try #require(pair.alice.protected(rtp(100)))
        #expect(pair.bob.opened(first) != nil)
        #expect(pair.bob.result(first) == .dropped(.replayedSRTP))
        // Late, but inside the window of 1024.
        let late = try #require(pair.alice.protected(rtp(101)))
        let tooLate = try #require(pair.alice.protected(rtp(102)))
        let newest = try #require(pair.alice.protected(rtp(1125)))
        #expect(pair.bob.opened(newest) != nil)
        #expect(pair.bob.result(late) == .dropped(.replayedSRTP))
        #expect(pair.bob.opened(tooLate) == rtp(102))

        let report = try #require(pair.alice.protected(receiverReport(ssrc: 5), rtcp: true))
        #expect(pair.bob.opened(report, rtcp: true) != nil)
        #expect(pair.bob.result(report, rtcp: true) == .dropped(.replayedSRTP))
    }

    @Test("follows many wraps of the sequence number, in long strides", arguments: SRTPProfile.allCases)
    func manyWraps(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        var sequence: UInt16 = 30_000
        // Strides below 2^15 at both ends: 400 of them pass the wrap about 180 times.
        for step in 0..<400 {
            let packet = rtp(sequence)
            let sealed = try #require(pair.alice.protected(packet))
            #expect(pair.bob.opened(sealed) == packet, "at step \(step)")
            sequence &+= step % 2 == 0 ? 32_767 : 26_001
        }
    }

    @Test("survives 2,000 packets lost around the wrap", arguments: SRTPProfile.allCases)
    func lossAroundWrap(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        var early: [UInt8]?
        for offset in 0..<4_000 {
            let sequence = UInt16(truncatingIfNeeded: 63_500 + offset)
            let sealed = try #require(pair.alice.protected(rtp(sequence)))
            if offset == 1_999 { early = sealed }
            if (1_000..<3_000).contains(offset) { continue }
            #expect(pair.bob.opened(sealed) == rtp(sequence))
            // Two packets from before the gap come late, across the wrap; the window is 1024.
            if offset == 3_010 { #expect(pair.bob.opened(try #require(early)) != nil) }
        }
    }

    @Test("takes packets in any order around the wrap")
    func reorderedWrap() throws {
        let pair = try Pair(.aeadAES128GCM)
        let sequences: [UInt16] = [65_530, 65_534, 1, 65_535, 0, 65_533, 3, 65_532]
        var sealed: [UInt16: [UInt8]] = [:]
        for sequence in sequences.sorted(by: { SequenceNumber($1).isNewer(than: SequenceNumber($0)) }) {
            sealed[sequence] = pair.alice.protected(rtp(sequence))
        }
        for sequence in sequences { #expect(pair.bob.opened(try #require(sealed[sequence])) == rtp(sequence)) }
    }

    @Test("drops short, long and malformed packets without harm", arguments: SRTPProfile.allCases)
    func hostile(profile: SRTPProfile) throws {
        let pair = try Pair(profile)
        let extended: [UInt8] =
            [0x92, 96, 0, 7, 0, 0, 0, 1] + bigEndian(9) + Array(repeating: 3, count: 8) + [0xbe, 0xde, 0, 1, 0x10, 1, 0, 0] + [5, 6, 7]
        let sealed = try #require(pair.alice.protected(extended))
        let report = try #require(pair.alice.protected(receiverReport(ssrc: 5), rtcp: true))
        for length in 0..<sealed.count { #expect(pair.bob.opened(Array(sealed.prefix(length))) == nil) }
        for length in 0..<report.count { #expect(pair.bob.opened(Array(report.prefix(length)), rtcp: true) == nil) }
        for bit in 0..<(8 * sealed.count) {
            var flipped = sealed
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(pair.bob.opened(flipped) == nil, "bit \(bit)")
        }
        for bit in 0..<(8 * report.count) {
            var flipped = report
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(pair.bob.opened(flipped, rtcp: true) == nil, "bit \(bit)")
        }
        let entropy = Entropy.seeded(3)
        for _ in 0..<5_000 {
            var junk = entropy.bytes(Int(entropy.next() % 120))
            if !junk.isEmpty { junk[0] = junk[0] & 0x3f | 0x80 }
            #expect(pair.bob.opened(junk) == nil)
            #expect(pair.bob.opened(junk, rtcp: true) == nil)
            _ = pair.alice.protected(junk)
            _ = pair.alice.protected(junk, rtcp: true)
        }
        // An extension that claims to reach beyond the packet, and one that ends inside the tag.
        for words in [UInt8(3), 200] {
            #expect(
                pair.bob.opened([0x90, 96, 0, 1, 0, 0, 0, 1] + bigEndian(9) + [0xbe, 0xde, 0, words] + Array(repeating: 0, count: 20))
                    == nil)
        }
        #expect(pair.bob.opened(Array(repeating: 0x80, count: 1_501)) == nil)
        // None of it has changed anything.
        #expect(pair.bob.opened(sealed) == extended)
        #expect(pair.bob.opened(report, rtcp: true) == receiverReport(ssrc: 5))
    }

    @Test("does not protect into too little room, or what is no packet")
    func refusesToProtect() throws {
        let pair = try Pair(.aeadAES128GCM)
        var buffer = rtp(1) + Array(repeating: 0, count: SRTPSession.trailingRoom)
        let whole = buffer.count
        buffer.withUnsafeMutableBytes { bytes in
            #expect(pair.alice.protectRTP(bytes, length: whole - 31) == nil)
            #expect(pair.alice.protectRTP(bytes, length: -1) == nil)
            #expect(pair.alice.protectRTP(bytes, length: whole + 1) == nil)
            #expect(pair.alice.protectRTCP(bytes, length: 7) == nil)
            #expect(pair.alice.protectRTP(UnsafeMutableRawBufferPointer(start: nil, count: 0), length: 0) == nil)
        }
        #expect(pair.alice.protected([0x40] + rtp(1).dropFirst()) == nil)
        #expect(pair.alice.protected(rtp(1)) != nil)
    }

    @Test("refuses a removed SSRC from then on, and knows the others still")
    func removal() throws {
        let pair = try Pair(.aeadAES128GCM)
        let first = try #require(pair.alice.protected(rtp(1, ssrc: 7)))
        let other = try #require(pair.alice.protected(rtp(1, ssrc: 8)))
        #expect(pair.bob.opened(first) != nil)
        #expect(pair.bob.opened(other) != nil)
        pair.bob.removeStream(SSRC(7))
        pair.bob.removeStream(SSRC(99))
        #expect(pair.bob.result(first) == .dropped(.unknownStream))
        #expect(pair.bob.result(other) == .dropped(.replayedSRTP))
        #expect(pair.bob.opened(try #require(pair.alice.protected(rtp(2, ssrc: 8)))) != nil)
        pair.alice.removeStream(SSRC(7))
        #expect(pair.alice.protected(rtp(2, ssrc: 7)) == nil)
        #expect(pair.alice.protected(rtp(3, ssrc: 8)) != nil)
    }

    @Test("knows a bounded number of SSRCs, and removal makes room")
    func bounded() throws {
        let pair = try Pair(.aeadAES128GCM)
        let sender = try Pair(.aeadAES128GCM)
        for ssrc in 1...UInt32(SRTPSession.maximumStreams) {
            let sealed = try #require(pair.alice.protected(rtp(1, ssrc: ssrc)))
            #expect(pair.bob.opened(sealed) != nil)
        }
        let more = try #require(sender.alice.protected(rtp(1, ssrc: 5_000)))
        #expect(pair.bob.result(more) == .dropped(.unknownStream))
        #expect(pair.alice.protected(rtp(1, ssrc: 5_000)) == nil)
        pair.bob.removeStream(SSRC(3))
        #expect(pair.bob.opened(more) != nil)
    }

    @Test("refuses keys of a wrong length")
    func wrongKeys() {
        #expect(throws: MediaSecurityError.self) {
            try SRTPSession(
                keys: SRTPKeys(
                    profile: .aeadAES256GCM, localKey: Array(repeating: 1, count: 32), localSalt: Array(repeating: 1, count: 12),
                    remoteKey: Array(repeating: 1, count: 32), remoteSalt: Array(repeating: 1, count: 14)))
        }
        #expect(throws: MediaSecurityError.self) {
            try SRTPSession(
                keys: SRTPKeys(
                    profile: .aeadAES128GCM, localKey: [], localSalt: [], remoteKey: Array(repeating: 1, count: 16),
                    remoteSalt: Array(repeating: 1, count: 12)))
        }
    }
}
