import MediaPrimitives
import MediaSecurity
import ReferenceSRTP

/// SRTP and SRTCP: arbitrary packets, and genuine ones that are repeated, changed and removed; what is made of each is what libsrtp2 makes of it.
/// The first byte is the profile and the library whose ciphers are used, the rest steps.
enum SRTPHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        var input = ByteInput(input)
        let profiles = SRTPProfile.allCases
        let choice = Int(input.uint8())
        let isOpenSSL = choice / profiles.count % 2 == 1
        guard var pair = SRTPPair(profiles[choice % profiles.count], isOpenSSL ? .openSSL : .best) else { throw Finding("no session") }
        for _ in 0..<64 where !input.isAtEnd {
            let step = input.uint8()
            let isRTCP = step & 0x10 != 0
            switch step & 7 {
            case 0, 1: try pair.receiveForged(input.block(), isRTCP: isRTCP)
            case 2 where isRTCP && step & 0x20 != 0: try pair.receiveInTheClear(input.block())
            case 2, 3: try pair.receiveGenuine(input.block(), isRTCP: isRTCP, isDeferred: step & 0x20 != 0)
            case 4: try pair.receiveAgain()
            case 5: try pair.receiveChanged(at: Int(input.uint16()), by: 1 << (step >> 5))
            case 6: pair.remove(SSRC(input.uint32()))
            default: try pair.protectWithoutRoom(input.block(), missing: 1 + Int(step >> 3), isRTCP: isRTCP)
            }
        }
    }
}

/// Two sessions that hold each other's keys, and libsrtp2's beside them, which hear of the same packets. It knows no limits: what we refuse for
/// those is kept from it.
private struct SRTPPair {
    private let keys: SRTPKeys
    private let sender: SRTPSession
    private let receiver: SRTPSession
    private let referenceSender: ReferenceSession
    private let referenceReceiver: ReferenceSession
    /// Made when it is first needed: sends RTCP that is authenticated only.
    private var openSender: ReferenceSession?
    private var last: (bytes: [UInt8], isRTCP: Bool)?

    init?(_ profile: SRTPProfile, _ cipher: SRTPCipher) {
        let entropy = Entropy.seeded(1)
        keys = SRTPKeys(
            profile: profile, localKey: entropy.bytes(profile.keyLength), localSalt: entropy.bytes(profile.saltLength),
            remoteKey: entropy.bytes(profile.keyLength), remoteSalt: entropy.bytes(profile.saltLength))
        let turned = SRTPKeys(
            profile: profile, localKey: keys.remoteKey, localSalt: keys.remoteSalt, remoteKey: keys.localKey, remoteSalt: keys.localSalt)
        do {
            sender = try SRTPSession(keys: keys, cipher: cipher)
            receiver = try SRTPSession(keys: turned, cipher: cipher)
            referenceSender = try ReferenceSession(keys: keys)
            referenceReceiver = try ReferenceSession(keys: turned)
        } catch { return nil }
    }

    /// What the receiver makes of a packet, which is what libsrtp2 makes of it.
    private func receive(_ packet: UnsafeMutableRawBufferPointer, isRTCP: Bool) throws(Finding) -> SRTPResult {
        try withCopy(of: packet) { (copy) throws(Finding) in
            let result = isRTCP ? receiver.unprotectRTCP(packet, length: packet.count) : receiver.unprotectRTP(packet, length: packet.count)
            // Longer than what is looked at, another version, a stream that is none any more.
            guard packet.count <= 1_500, copy.first.map({ $0 >> 6 == 2 }) ?? false, result != .dropped(.unknownStream) else {
                return result
            }
            switch (result, referenceReceiver.unprotect(copy, length: copy.count, isRTCP: isRTCP)) {
            case (.ok(let length), .ok(let other)):
                try expect(length == other && packet[..<length].elementsEqual(copy[..<other]), "libsrtp2 makes another packet of it")
            case (.dropped, .dropped): break  // Which of two faults is found first may differ.
            case (.ok, .dropped): throw Finding("a packet was taken that libsrtp2 drops")
            case (.dropped(let reason), .ok): throw Finding("a packet was dropped that libsrtp2 takes: \(reason.name)")
            }
            return result
        }
    }

    func receiveForged(_ packet: UnsafeRawBufferPointer, isRTCP: Bool) throws(Finding) {
        let result = try withCopy(of: packet) { (packet) throws(Finding) in try receive(packet, isRTCP: isRTCP) }
        guard case .dropped = result else { throw Finding("a packet without a valid tag was taken") }
    }

    /// A packet that is sealed with the right key, and arrives at once, comes out as it went in.
    mutating func receiveGenuine(_ plain: UnsafeRawBufferPointer, isRTCP: Bool, isDeferred: Bool) throws(Finding) {
        guard let sealed = try seal(plain, isRTCP: isRTCP, isDeferred: isDeferred) else { return }
        try expect(sealed == reference(plain, from: referenceSender, isRTCP: isRTCP), "libsrtp2 seals to other bytes")
        try withCopy(of: sealed) { (packet) throws(Finding) in
            switch try receive(packet, isRTCP: isRTCP) {
            case .ok(let length):
                try expect(Array(packet[..<length]) == Array(plain), "a packet came out changed")
                if !isRTCP { try PlantedBug.check(UnsafeRawBufferPointer(packet).bytes.uint32(at: 4)) }
            case .dropped(let reason):
                // A number that was there before is a replay; a removed stream stays removed.
                try expect(
                    reason == .replayedSRTP || reason == .unknownStream || packet.count > 1_500,
                    "a genuine packet was dropped: \(reason.name)")
            }
        }
        last = (sealed, isRTCP)
    }

    private func seal(_ plain: UnsafeRawBufferPointer, isRTCP: Bool, isDeferred: Bool) throws(Finding) -> [UInt8]? {
        try withCopy(of: plain, spare: SRTPSession.trailingRoom) { packet in
            let queue = SealingQueue()
            let length =
                isRTCP
                ? sender.protectRTCP(packet, length: plain.count)
                : isDeferred
                    ? sender.protectRTP(packet, length: plain.count, deferring: queue) : sender.protectRTP(packet, length: plain.count)
            queue.flush()
            return length.map { Array(packet[..<$0]) }
        }
    }

    private func reference(_ plain: UnsafeRawBufferPointer, from sender: ReferenceSession, isRTCP: Bool) throws(Finding) -> [UInt8]? {
        try withCopy(of: plain, spare: SRTPSession.trailingRoom) { packet in
            sender.protect(packet, length: plain.count, isRTCP: isRTCP).map { Array(packet[..<$0]) }
        }
    }

    /// RTCP with a valid tag that was not encrypted, as a peer of other habits sends it.
    mutating func receiveInTheClear(_ plain: UnsafeRawBufferPointer) throws(Finding) {
        guard plain.count >= 8, plain.count <= 1_400, plain[0] >> 6 == 2 else { return }
        if openSender == nil { openSender = try? ReferenceSession(keys: keys, encryptsRTCP: false) }
        guard let openSender, let sent = try reference(plain, from: openSender, isRTCP: true) else { return }
        _ = try withCopy(of: sent) { (packet) throws(Finding) in try receive(packet, isRTCP: true) }
        last = (sent, true)
    }

    func receiveAgain() throws(Finding) {
        guard let last else { return }
        let result = try withCopy(of: last.bytes) { (packet) throws(Finding) in try receive(packet, isRTCP: last.isRTCP) }
        guard case .dropped = result else { throw Finding("a packet was taken twice") }
    }

    func receiveChanged(at position: Int, by mask: UInt8) throws(Finding) {
        guard let last, !last.bytes.isEmpty else { return }
        var packet = last.bytes
        packet[position % packet.count] ^= mask
        for isRTCP in [last.isRTCP, !last.isRTCP] {
            let result = try withCopy(of: packet) { (packet) throws(Finding) in try receive(packet, isRTCP: isRTCP) }
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
