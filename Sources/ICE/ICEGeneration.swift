import MediaPrimitives

/// One pair of credentials, between two restarts (RFC 8445 §9), ready to authenticate and answer checks.
struct ICEGeneration {
    enum Verdict { case authentic, forged, foreign }

    /// Grows by one with each restart.
    let number: UInt32
    let local: ICECredentials
    let remote: ICECredentials
    /// Made from our own password: it protects the peer's requests and our responses.
    let key: MessageIntegrityKey
    /// What a request for us carries as USERNAME: `local:remote` (RFC 8445 §7.2.2).
    private let expectedUsername: [UInt8]
    /// How much of it is our own fragment and the colon.
    private let localPart: Int

    init(number: UInt32, local: ICECredentials, remote: ICECredentials) {
        self.number = number
        self.local = local
        self.remote = remote
        key = MessageIntegrityKey(password: local.password)
        expectedUsername = Array((local.ufrag + ":" + remote.ufrag).utf8)
        localPart = local.ufrag.utf8.count + 1
    }

    /// Whether a request is from the holder of these credentials: `foreign` when its USERNAME does not begin with our fragment.
    ///
    /// The cheap comparisons come first, so that garbage costs no MAC.
    func authenticate(_ message: STUNMessage, in packet: RawSpan) -> Verdict {
        guard let username = message.username, matches(username, of: packet, count: localPart) else { return .foreign }
        guard username.count == expectedUsername.count, matches(username, of: packet, count: expectedUsername.count) else { return .forged }
        return message.isAuthentic(in: packet, key: key) ? .authentic : .forged
    }

    private func matches(_ range: Range<Int>, of packet: RawSpan, count: Int) -> Bool {
        guard range.count >= count else { return false }
        for index in 0..<count where packet.uint8(at: range.lowerBound &+ index) != expectedUsername[index] { return false }
        return true
    }

    /// Answers an authentic request by the way it came: 420 when it demands what is not understood (RFC 8489 §6.3.1), 487 when `hasRoleConflict`
    /// (RFC 8445 §7.3.1.1), else success with the address that it came from.
    func answer(_ message: STUNMessage, by path: Path, hasRoleConflict: Bool, into batch: DatagramBatch) -> ICEResult {
        let error = message.unknownRequiredCount > 0 ? 420 : hasRoleConflict ? 487 : nil
        batch.append(to: path) { slot in
            var writer = STUNWriter(slot, error == nil ? .success : .error, transactionID: message.transactionID)
            if let error {
                writer.errorCode(error)
                if error == 420 { writer.unknownAttributes(of: message) }
            } else {
                writer.xorMappedAddress(path.remote)
            }
            return writer.finish(key: key)
        }
        return error.map { .refused(code: $0) } ?? .answered
    }
}
