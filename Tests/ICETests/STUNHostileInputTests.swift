import ICE
import MediaPrimitives
import Testing

/// What the network may bring instead of a STUN message: nothing here may trap, and nothing altered may pass as authentic.
@Suite struct STUNHostileInputTests {
    static let samples = [STUNVectors.request, STUNVectors.responseIPv4, STUNVectors.responseIPv6]
    let key = MessageIntegrityKey(password: STUNVectors.password)

    /// Everything that can be asked of a packet.
    private func touch(_ packet: [UInt8]) {
        _ = STUNMessage.localUfrag(of: packet.span.bytes)
        _ = STUNMessage.attribute(0x0024, in: packet.span.bytes)
        _ = packet.hasValidFingerprint()
        _ = packet.isAuthentic(key)
    }

    @Test("no truncation is taken for a message", arguments: samples)
    func truncations(packet: [UInt8]) {
        for length in 0..<packet.count {
            var cut = Array(packet.prefix(length))
            #expect(cut.stun() == nil)
            // The same with a header that owns up to its length.
            if length >= 20 {
                cut[2] = 0
                cut[3] = UInt8(length - 20)
            }
            touch(cut)
            #expect(!cut.isAuthentic(key) || cut.hasValidFingerprint() == nil)
        }
        #expect((packet + [0]).stun() == nil)
        #expect((packet + [0, 0, 0, 0]).stun() == nil)
    }

    @Test("no message with a flipped bit is authentic with a valid fingerprint", arguments: samples)
    func bitFlips(packet: [UInt8]) {
        for bit in 0..<(packet.count * 8) {
            var flipped = packet
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            touch(flipped)
            #expect(!(flipped.isAuthentic(key) && flipped.hasValidFingerprint() == true), "bit \(bit)")
            // Only the fingerprint itself lies outside of what the MAC protects.
            if bit < (packet.count - 8) * 8 { #expect(!flipped.isAuthentic(key), "bit \(bit)") }
        }
    }

    @Test("random bytes behind a valid header do not trap")
    func randomBytes() {
        let entropy = Entropy.seeded(1)
        for round in 0..<20_000 {
            var packet = entropy.bytes(Int(entropy.next() % 120))
            if round % 2 == 0, packet.count >= 20 {
                packet.removeLast(packet.count % 4)
                packet.replaceSubrange(0..<8, with: [0, 1, 0, UInt8(packet.count - 20), 0x21, 0x12, 0xa4, 0x42])
                // Small attribute lengths, so that the walk gets past the first one.
                for offset in stride(from: 20, to: packet.count, by: 4) where entropy.next() % 2 == 0 {
                    packet[offset] = entropy.next() % 4 == 0 ? 0x80 : 0
                    packet[offset + 1] = UInt8(truncatingIfNeeded: entropy.next() % 0x30)
                    packet[offset + 2] = 0
                    packet[offset + 3] = UInt8(truncatingIfNeeded: entropy.next() % 24)
                }
            }
            touch(packet)
        }
    }

    @Test(
        "a message with an impossible attribute is no message",
        arguments: [
            ("overruns the message", "0006 0005 61626364"),
            ("length of 65535", "0006 ffff 61626364"),
            ("half an attribute header is no attribute", "8022 0000 0006"),
            ("PRIORITY of 3 bytes", "0024 0003 00000000"),
            ("PRIORITY of 8 bytes", "0024 0008 0000000000000000"),
            ("USE-CANDIDATE with a value", "0025 0004 00000000"),
            ("ICE-CONTROLLING of 4 bytes", "802a 0004 00000000"),
            ("ICE-CONTROLLED of 12 bytes", "8029 000c 000000000000000000000000"),
            ("MESSAGE-INTEGRITY of 16 bytes", "0008 0010 00000000000000000000000000000000"),
            ("FINGERPRINT of no bytes", "8028 0000"),
            ("something behind FINGERPRINT", "8028 0004 00000000 0025 0000"),
            ("XOR-MAPPED-ADDRESS of a third family", "0020 0008 0003 0000 00000000"),
            ("XOR-MAPPED-ADDRESS of IPv6 with an IPv4 address", "0020 0008 0002 0000 00000000"),
            ("XOR-MAPPED-ADDRESS without an address", "0020 0004 0001 0000"),
            ("ERROR-CODE of class 7", "0009 0004 00000700"),
            ("ERROR-CODE of class 2", "0009 0004 00000200"),
            ("ERROR-CODE number 100", "0009 0004 00000464"),
            ("ERROR-CODE of 2 bytes", "0009 0002 00000000"),
        ])
    func impossibleAttributes(what: String, hex: String) {
        #expect(message(hex)?.stun() == nil, "\(what)")
    }

    @Test(
        "wrong headers are refused",
        arguments: [
            ("40", 0), ("80", 0), ("20", 4), ("01", 3), ("ff", 2),
        ])
    func wrongHeaders(byte: String, at offset: Int) throws {
        var packet = try #require(message("0025 0000"))
        #expect(packet.stun() != nil)
        packet[offset] = STUNVectors.bytes(byte)[0]
        #expect(packet.stun() == nil)
    }

    @Test("a message longer than 1500 bytes is refused, one of 1500 is read")
    func longMessages() {
        for (count, isRead) in [(1500, true), (1504, false), (65_532, false)] {
            var packet = STUNVectors.bytes("0001 0000 2112a442 000000000000000000000000 8022")
            let value = count - 24
            packet += [UInt8(value >> 8), UInt8(value & 0xff)] + Array(repeating: 0, count: value)
            packet[2] = UInt8((count - 20) >> 8)
            packet[3] = UInt8((count - 20) & 0xff)
            #expect((packet.stun() != nil) == isRead)
        }
    }

    @Test("of repeated attributes the first counts, and what follows MESSAGE-INTEGRITY does not")
    func orderOfAttributes() throws {
        let packet = try #require(
            message(
                "0024 0004 00000001 0024 0004 00000002 0008 0014 \(String(repeating: "00", count: 20)) 0025 0000 0006 0004 61626364 7fff 0000"
            ))
        let read = try #require(packet.stun())
        #expect(read.priority == 1)
        #expect(!read.useCandidate)
        #expect(read.username == nil)
        #expect(read.unknownRequiredCount == 0)
    }

    @Test("unknown attributes that must be understood are listed, at most eight; optional ones are not")
    func unknownAttributes() throws {
        let optional = try #require(message("c001 0004 00000001 c057 0004 00000001 c060 0000 c070 0000 c071 0000 ff00 0000")?.stun())
        #expect(optional.unknownRequiredCount == 0)
        let required = try #require(message(String(repeating: "7ffe 0000", count: 12))?.stun())
        #expect(required.unknownRequiredCount == 8)
        #expect(required.unknownRequired[7] == 0x7ffe)
    }

    @Test(
        "a user fragment is taken up to the colon, and only from a Binding request",
        arguments: [
            ("abcd:efgh", "abcd"), ("abcd:", "abcd"), ("a+/1:b:c", "a+/1"),
            (String(repeating: "x", count: 32) + ":r", String(repeating: "x", count: 32)),
            (String(repeating: "x", count: 33) + ":r", nil), (":efgh", nil), ("abcd", nil), ("", nil), ("ab cd:e", nil), ("ab\0:e", nil),
        ] as [(String, String?)])
    func localUfrag(username: String, expected: String?) throws {
        let packet = try #require(STUNMessageTests.write(.request) { $0.username(Array(username.utf8)) })
        #expect(STUNMessage.localUfrag(of: packet.span.bytes) == expected.flatMap { UfragKey($0) })
        let indication = try #require(STUNMessageTests.write(.indication) { $0.username(Array(username.utf8)) })
        #expect(STUNMessage.localUfrag(of: indication.span.bytes) == nil)
    }

    /// A Binding request with these attributes.
    private func message(_ hex: String) -> [UInt8]? {
        let attributes = STUNVectors.bytes(hex)
        return STUNVectors.bytes("0001") + [UInt8(attributes.count >> 8), UInt8(attributes.count & 0xff)]
            + STUNVectors.bytes("2112a442 000102030405060708090a0b") + attributes
    }
}
