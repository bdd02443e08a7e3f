import MediaPrimitives
import MediaSecurity
import ReferenceSRTP

/// What a test of SRTP is run with: each profile, by each library that this machine has.
struct SRTPCase: CustomStringConvertible, Sendable {
    let profile: SRTPProfile
    let cipher: SRTPCipher

    static let all = SRTPProfile.allCases.flatMap { profile in
        SRTPCipher.allCases.filter(\.isAvailable).map { SRTPCase(profile: profile, cipher: $0) }
    }

    var description: String { "\(profile) by \(cipher)" }
}

extension SRTPKeys {
    static func random(_ profile: SRTPProfile, _ random: Entropy) -> SRTPKeys {
        SRTPKeys(
            profile: profile, localKey: random.bytes(profile.keyLength), localSalt: random.bytes(profile.saltLength),
            remoteKey: random.bytes(profile.keyLength), remoteSalt: random.bytes(profile.saltLength))
    }

    /// The peer's.
    var turned: SRTPKeys {
        SRTPKeys(profile: profile, localKey: remoteKey, localSalt: remoteSalt, remoteKey: localKey, remoteSalt: localSalt)
    }
}

/// What `unprotect` made of a packet: the verdict, and its bytes if it was taken.
struct Opened: Equatable {
    var result: SRTPResult
    var bytes: [UInt8] = []

    init(_ packet: [UInt8], _ open: (UnsafeMutableRawBufferPointer) -> SRTPResult) {
        // No byte more than the packet has: ASan would see what is read beyond.
        var packet = packet
        result = packet.withUnsafeMutableBytes(open)
        if case .ok(let length) = result { bytes = Array(packet.prefix(length)) }
    }
}

/// What `protect` made of a packet; nil if it was refused.
func sealed(_ packet: [UInt8], _ seal: (UnsafeMutableRawBufferPointer) -> Int?) -> [UInt8]? {
    var buffer = packet + [UInt8](repeating: 0xee, count: SRTPSession.trailingRoom)
    guard let length = buffer.withUnsafeMutableBytes(seal) else { return nil }
    return Array(buffer.prefix(length))
}

extension SRTPSession {
    func opened(_ packet: [UInt8], isRTCP: Bool = false) -> Opened {
        Opened(packet) { isRTCP ? unprotectRTCP($0, length: $0.count) : unprotectRTP($0, length: $0.count) }
    }

    func sealed(_ packet: [UInt8], isRTCP: Bool = false) -> [UInt8]? {
        MediaSecurityTests.sealed(packet) {
            isRTCP ? protectRTCP($0, length: packet.count) : protectRTP($0, length: packet.count)
        }
    }
}

extension ReferenceSession {
    func opened(_ packet: [UInt8], isRTCP: Bool = false) -> Opened {
        Opened(packet) { unprotect($0, length: $0.count, isRTCP: isRTCP) }
    }

    func sealed(_ packet: [UInt8], isRTCP: Bool = false) -> [UInt8]? {
        MediaSecurityTests.sealed(packet) { protect($0, length: packet.count, isRTCP: isRTCP) }
    }
}

/// An RTP packet with so many CSRCs and words of extension.
func rtpPacket(
    _ sequence: UInt16, ssrc: UInt32 = 7, csrcs: Int = 0, words: Int? = nil, hasPadding: Bool = false, payload: [UInt8] = [1, 2, 3]
) -> [UInt8] {
    ByteWriter.array(capacity: 2_000) { writer in
        writer.uint8(0x80 | UInt8(csrcs) | (words == nil ? 0 : 0x10) | (hasPadding ? 0x20 : 0))
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

/// One with what chance gives it, of 12 to `longest` bytes.
func rtpPacket(_ sequence: UInt16, ssrc: UInt32, longest: Int = 1_484, chance: inout Entropy) -> [UInt8] {
    let csrcs = chance.next() % 4 == 0 ? Int.random(in: 0...15, using: &chance) : 0
    let words = chance.next() % 2 == 0 ? Int.random(in: 0...12, using: &chance) : nil
    let room = longest - 12 - 4 * csrcs - (words.map { 4 + 4 * $0 } ?? 0)
    let sizes = [
        Int.random(in: 0...40, using: &chance), Int.random(in: 0...room, using: &chance), Int.random(in: 0...room, using: &chance), room,
    ]
    let size = sizes.randomElement(using: &chance) ?? room
    return rtpPacket(sequence, ssrc: ssrc, csrcs: csrcs, words: words, hasPadding: chance.next() % 8 == 0, payload: chance.bytes(size))
}

func rtcpPacket(ssrc: UInt32, rest: [UInt8] = []) -> [UInt8] {
    [0x80, 201, 0, 1] + withUnsafeBytes(of: ssrc.bigEndian) { Array($0) } + rest
}
