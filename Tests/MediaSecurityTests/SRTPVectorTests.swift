import MediaSecurity
import Testing

/// What the standards give, by which the oracle is judged as well.
@Suite("SRTP, by the standards' examples")
struct SRTPVectorTests {
    @Test("derives the session keys of RFC 3711, appendix B.3")
    func derivation() throws {
        let keys = try SRTPSessionKeys(
            .aes128CMSHA1Tag80, masterKey: bytes("e1f97a0d3e018be0d64fa32c06de4139"), masterSalt: bytes("0ec675ad498afeebb6960b3aabe6"))
        #expect(keys.rtp.cipher == bytes("c61e7a93744f39ee10734afe3ff7a087"))
        #expect(keys.rtp.salt == bytes("30cbbc08863d8c85d49db34a9ae1"))
        #expect(keys.rtp.authentication == bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4"))
    }

    @Test("has the key stream of RFC 3711, appendix B.2", arguments: SRTPCipher.allCases.filter(\.isAvailable))
    func keyStream(cipher: SRTPCipher) throws {
        let session = try session(
            .aes128CMSHA1Tag80, key: "2b7e151628aed2a6abf7158809cf4f3c", salt: "f0f1f2f3f4f5f6f7f8f9fafbfcfd", cipher)
        let sealed = try #require(session.sealed(rtpPacket(0, ssrc: 0, payload: [UInt8](repeating: 0, count: 48))))
        #expect(
            Array(sealed[12..<60])
                == bytes("e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab 41e95b3bb0a2e8dd477901e4fca894c0"))
    }

    private static let packet =
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573"
    private static let report =
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef"
    private static let salt = "51756964 2070726f 2071756f"
    private static let longKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    /// RFC 7714 §16.1.1, §16.2.1, §17.1, §17.2: a packet and a report, encrypted; §17.3, §17.4: the tag of the report when it is not.
    private struct Vector: Sendable {
        let profile: SRTPProfile
        let packet, report, tag: String
    }

    private static let vectors = [
        Vector(
            profile: .aeadAES128GCM,
            packet: "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d"
                + "7f27beb1 6a9152cf 765ee439 0cce",
            report: "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b"
                + "c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
            tag: "841dd968 3dd78ec9 2ae58790 125f62b3"),
        Vector(
            profile: .aeadAES256GCM,
            packet: "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3"
                + "db36dfff d6b0f9bb 7878d7a7 6c13",
            report: "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad"
                + "1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
            tag: "91db4afb feee5a97 8fab4393 ed2615fe"),
    ]

    @Test("seals and opens what RFC 7714 does, sections 16 and 17", arguments: vectors.indices, SRTPCipher.allCases.filter(\.isAvailable))
    func galoisCounterMode(number: Int, cipher: SRTPCipher) throws {
        let vector = SRTPVectorTests.vectors[number]
        let key = String(SRTPVectorTests.longKey.prefix(2 * vector.profile.keyLength))
        let session = try session(vector.profile, key: key, salt: SRTPVectorTests.salt, cipher)
        let (packet, report) = (bytes(SRTPVectorTests.packet), bytes(SRTPVectorTests.report))
        #expect(session.sealed(packet) == bytes(vector.packet))
        #expect(session.opened(bytes(vector.packet)).bytes == packet)
        // The example's index is 0x5d4, and ours begin with 1.
        for _ in 1..<0x5d4 { _ = session.sealed(report, isRTCP: true) }
        #expect(session.sealed(report, isRTCP: true) == bytes(vector.report))
        #expect(session.opened(bytes(vector.report), isRTCP: true).bytes == report)

        let other = try self.session(vector.profile, key: key, salt: SRTPVectorTests.salt, cipher)
        #expect(other.opened(report + bytes(vector.tag) + bytes("000005d4"), isRTCP: true).bytes == report)
    }

    /// A session that sends and receives with these session keys.
    private func session(_ profile: SRTPProfile, key: String, salt: String, _ cipher: SRTPCipher) throws -> SRTPSession {
        let keys = SRTPSessionKeys.Keys(cipher: bytes(key), authentication: [UInt8](repeating: 0, count: 20), salt: bytes(salt))
        let both = SRTPSessionKeys(rtp: keys, rtcp: keys)
        return try SRTPSession(profile, local: both, remote: both, cipher: cipher)
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
