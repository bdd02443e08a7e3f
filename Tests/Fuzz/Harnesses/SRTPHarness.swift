import MediaPrimitives
import MediaSecurity

/// SRTP and SRTCP: arbitrary packets, and genuine ones that are repeated, changed and removed. The first byte is the profile, the rest steps.
enum SRTPHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        let profiles = SRTPProfile.allCases
        guard var pair = SRTPPair(profiles[Int(input.uint8()) % profiles.count]) else { throw Finding("no session") }
        for _ in 0..<64 where !input.isAtEnd {
            let step = input.uint8()
            let isRTCP = step & 0x10 != 0
            switch step & 7 {
            case 0, 1: try pair.receiveForged(input.block(), isRTCP: isRTCP)
            case 2, 3: try pair.receiveGenuine(input.block(), isRTCP: isRTCP)
            case 4: try pair.receiveAgain()
            case 5: try pair.receiveChanged(at: Int(input.uint16()), by: 1 << (step >> 5))
            case 6: pair.remove(SSRC(input.uint32()))
            default: try pair.protectWithoutRoom(input.block(), missing: 1 + Int(step >> 3), isRTCP: isRTCP)
            }
        }
    }
}

/// Two sessions that hold each other's keys.
private struct SRTPPair {
    private let sender: SRTPSession
    private let receiver: SRTPSession
    private var last: (bytes: [UInt8], isRTCP: Bool)?

    init?(_ profile: SRTPProfile) {
        let entropy = Entropy.seeded(1)
        let keys = SRTPKeys(
            profile: profile, localKey: entropy.bytes(profile.keyLength), localSalt: entropy.bytes(profile.saltLength),
            remoteKey: entropy.bytes(profile.keyLength), remoteSalt: entropy.bytes(profile.saltLength))
        let turned = SRTPKeys(
            profile: profile, localKey: keys.remoteKey, localSalt: keys.remoteSalt, remoteKey: keys.localKey, remoteSalt: keys.localSalt)
        do throws(MediaSecurityError) {
            sender = try SRTPSession(keys: keys)
            receiver = try SRTPSession(keys: turned)
        } catch { return nil }
    }

    private func receive(_ packet: UnsafeMutableRawBufferPointer, isRTCP: Bool) -> SRTPResult {
        isRTCP ? receiver.unprotectRTCP(packet, length: packet.count) : receiver.unprotectRTP(packet, length: packet.count)
    }

    func receiveForged(_ packet: UnsafeRawBufferPointer, isRTCP: Bool) throws(Finding) {
        let result = try withCopy(of: packet) { receive($0, isRTCP: isRTCP) }
        guard case .dropped = result else { throw Finding("a packet without a valid tag was taken") }
    }

    /// A packet that is sealed with the right key, and arrives at once, comes out as it went in.
    mutating func receiveGenuine(_ plain: UnsafeRawBufferPointer, isRTCP: Bool) throws(Finding) {
        var sealed: [UInt8] = []
        try withCopy(of: plain, spare: SRTPSession.trailingRoom) { packet in
            let length = isRTCP ? sender.protectRTCP(packet, length: plain.count) : sender.protectRTP(packet, length: plain.count)
            if let length { sealed = Array(packet[..<length]) }
        }
        guard !sealed.isEmpty else { return }
        try withCopy(of: sealed) { (packet) throws(Finding) in
            switch receive(packet, isRTCP: isRTCP) {
            case .ok(let length):
                try expect(Array(packet[..<length]) == Array(plain), "a packet came out changed")
                if !isRTCP { try PlantedBug.check(UnsafeRawBufferPointer(packet).bytes.uint32(at: 4)) }
            case .dropped(let reason):
                // One number used twice under one key is a replay; a removed stream stays removed.
                try expect(
                    reason == .replayedSRTP || reason == .unknownStream || packet.count > 1_500,
                    "a genuine packet was dropped: \(reason.name)")
            }
        }
        last = (sealed, isRTCP)
    }

    func receiveAgain() throws(Finding) {
        guard let last else { return }
        var packet = last.bytes
        let result = packet.withUnsafeMutableBytes { receive($0, isRTCP: last.isRTCP) }
        guard case .dropped = result else { throw Finding("a packet was taken twice") }
    }

    func receiveChanged(at position: Int, by mask: UInt8) throws(Finding) {
        guard let last, !last.bytes.isEmpty else { return }
        var packet = last.bytes
        packet[position % packet.count] ^= mask
        for isRTCP in [last.isRTCP, !last.isRTCP] {
            var packet = packet
            let result = packet.withUnsafeMutableBytes { receive($0, isRTCP: isRTCP) }
            guard case .dropped = result else { throw Finding("a changed packet was taken") }
        }
    }

    func remove(_ ssrc: SSRC) {
        sender.removeStream(ssrc)
        receiver.removeStream(ssrc)
    }

    func protectWithoutRoom(_ plain: UnsafeRawBufferPointer, missing: Int, isRTCP: Bool) throws(Finding) {
        let length = try withCopy(of: plain, spare: max(0, SRTPSession.trailingRoom - missing)) { packet in
            isRTCP ? sender.protectRTCP(packet, length: plain.count) : sender.protectRTP(packet, length: plain.count)
        }
        try expect(length == nil, "a packet was protected into too little room")
    }
}
