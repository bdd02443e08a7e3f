import CSRTP
import MediaPrimitives

/// What removing protection from one packet came to.
package enum SRTPResult: Sendable, Equatable {
    /// The packet is authentic, new, and in the clear in its first `length` bytes.
    case ok(length: Int)
    /// `.unauthenticatedSRTP`, `.replayedSRTP` or `.unknownStream` (too many, or a removed one). The bytes may have been changed: discard them.
    case dropped(DropReason)
}

/// SRTP and SRTCP of one association, both directions (RFC 3711, RFC 7714), over libsrtp2; what is sent under AES-GCM goes through the
/// multi-buffer library where there is one.
///
/// Rules: one thread only. Rollover counters are guessed from the last packet of each SSRC (RFC 3711 §3.3.1), so a sender starts below 2^15,
/// never jumps forward by 2^15 or more, and a leg's RTP goes either always or never through this type. Protecting the same SSRC and sequence
/// number twice is allowed for resending, and then the bytes must be the same: under GCM other bytes would reuse a nonce (RFC 7714 §8.2).
package final class SRTPSession {
    /// How many SSRCs may be known in each direction; each costs memory and a step of libsrtp's search.
    package static let maximumStreams = 256
    /// Bytes that must be free behind a packet that is to be protected.
    package static let trailingRoom = 32
    /// How many numbers behind the newest may still arrive.
    private static let replayWindow: UInt = 1024
    /// The longest packet looked at.
    private static let maximumPacket = 1_500

    package let profile: SRTPProfile
    private let inbound: srtp_t
    private let outbound: srtp_t
    /// All RTP that is sent, and none of `outbound`'s, where the library for it is there.
    private let sealer: SRTPSealer?
    // Asked and told once a packet, and nothing is called meanwhile.
    @exclusivity(unchecked) private var inboundStreams = StreamSet()
    @exclusivity(unchecked) private var outboundStreams = StreamSet()

    /// The SSRCs of one direction. A removed one stays refused: its counters are gone, and starting them again under the same keys would
    /// accept replays or reuse nonces.
    private struct StreamSet {
        /// The last one used: packets come in runs.
        var last: UInt32?
        var live: Set<UInt32> = []
        var removed: Set<UInt32> = []

        /// Whether a packet of `ssrc` may go to libsrtp.
        func admits(_ ssrc: UInt32) -> Bool {
            if ssrc == last || live.contains(ssrc) { return true }
            return live.count < SRTPSession.maximumStreams && !removed.contains(ssrc)
        }

        /// Takes note of a packet that libsrtp accepted.
        mutating func note(_ ssrc: UInt32) {
            if ssrc == last { return }
            live.insert(ssrc)
            last = ssrc
        }

        /// False when it was not live, or when the memory of removed ones is full; it then stays live.
        mutating func remove(_ ssrc: UInt32) -> Bool {
            guard live.contains(ssrc), removed.count < 256 * SRTPSession.maximumStreams else { return false }
            live.remove(ssrc)
            removed.insert(ssrc)
            if last == ssrc { last = nil }
            return true
        }
    }

    /// libsrtp's global state, made once.
    private static let isReady = srtp_init() == srtp_err_status_ok

    /// `usingMultiBuffer`: false keeps to libsrtp2, to compare the two.
    package init(keys: SRTPKeys, usingMultiBuffer: Bool = true) throws(MediaSecurityError) {
        guard SRTPSession.isReady else { throw MediaSecurityError("libsrtp could not be initialised") }
        let inbound = try SRTPSession.make(keys.profile, key: keys.remoteKey + keys.remoteSalt, direction: ssrc_any_inbound)
        do throws(MediaSecurityError) {
            outbound = try SRTPSession.make(keys.profile, key: keys.localKey + keys.localSalt, direction: ssrc_any_outbound)
        } catch {
            srtp_dealloc(inbound)
            throw error
        }
        self.inbound = inbound
        profile = keys.profile
        sealer = usingMultiBuffer ? SRTPSealer(keys.profile, masterKey: keys.localKey, masterSalt: keys.localSalt) : nil
    }

    deinit {
        srtp_dealloc(inbound)
        srtp_dealloc(outbound)
    }

    private static func make(_ profile: SRTPProfile, key: [UInt8], direction: srtp_ssrc_type_t) throws(MediaSecurityError) -> srtp_t {
        guard key.count == profile.keyLength + profile.saltLength else { throw MediaSecurityError("SRTP keys of a wrong length") }
        var policy = srtp_policy_t()
        switch profile {
        case .aeadAES128GCM:
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp)
            srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp)
        case .aeadAES256GCM:
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp)
            srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp)
        case .aes128CMSHA1Tag80:
            srtp_crypto_policy_set_rtp_default(&policy.rtp)
            srtp_crypto_policy_set_rtcp_default(&policy.rtcp)
        }
        policy.ssrc.type = direction
        policy.window_size = replayWindow
        policy.allow_repeat_tx = direction == ssrc_any_outbound ? 1 : 0
        var key = key
        var session: srtp_t?
        let status = key.withUnsafeMutableBufferPointer { bytes in
            policy.key = bytes.baseAddress
            return srtp_create(&session, &policy)
        }
        guard status == srtp_err_status_ok, let session else {
            throw MediaSecurityError("libsrtp refused a session (status \(status.rawValue))")
        }
        return session
    }

    /// Whether this machine has the multi-buffer library and a processor for it.
    package static var isMultiBufferAvailable: Bool {
        let profile = SRTPProfile.aeadAES128GCM
        return SRTPSealer(
            profile, masterKey: Array(repeating: 0, count: profile.keyLength), masterSalt: Array(repeating: 0, count: profile.saltLength))
            != nil
    }

    /// Whether what is sent goes through the multi-buffer library.
    package var usesMultiBuffer: Bool { sealer != nil }

    // MARK: - Receiving

    /// Authenticates and decrypts the SRTP packet in the first `length` bytes of `packet`, in place.
    package func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> SRTPResult {
        guard let base = packet.baseAddress, headerLength(packet, length: length, tag: profile.tagLength) != nil else {
            return .dropped(.unauthenticatedSRTP)
        }
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard inboundStreams.admits(ssrc) else { return .dropped(.unknownStream) }
        var size = Int32(truncatingIfNeeded: length)
        let status = srtp_unprotect(inbound, base, &size)
        guard status == srtp_err_status_ok else { return .dropped(SRTPSession.reason(status)) }
        inboundStreams.note(ssrc)
        return .ok(length: Int(size))
    }

    /// The same for SRTCP.
    package func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> SRTPResult {
        guard let base = packet.baseAddress, isRTCP(packet, length: length, trailer: profile.tagLength + 4) else {
            return .dropped(.unauthenticatedSRTP)
        }
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard inboundStreams.admits(ssrc) else { return .dropped(.unknownStream) }
        var size = Int32(truncatingIfNeeded: length)
        let status = srtp_unprotect_rtcp(inbound, base, &size)
        guard status == srtp_err_status_ok else { return .dropped(SRTPSession.reason(status)) }
        inboundStreams.note(ssrc)
        return .ok(length: Int(size))
    }

    // MARK: - Sending

    /// Encrypts the RTP packet in the first `length` bytes of `packet`, in place; at least `trailingRoom` bytes must follow them.
    /// The new length, or nil when it is no RTP packet, finds no room, or is refused by libsrtp.
    package func protectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? {
        guard let base = packet.baseAddress, length <= packet.count - SRTPSession.trailingRoom,
            let header = headerLength(packet, length: length, tag: 0)
        else { return nil }
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        guard outboundStreams.admits(ssrc) else { return nil }
        if let sealer {
            guard let sealed = sealer.seal(base, length: length, header: header) else { return nil }
            outboundStreams.note(ssrc)
            return sealed
        }
        var size = Int32(truncatingIfNeeded: length)
        guard srtp_protect(outbound, base, &size) == srtp_err_status_ok else { return nil }
        outboundStreams.note(ssrc)
        return Int(size)
    }

    /// The same for RTCP.
    package func protectRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? {
        guard
            let base = packet.baseAddress, length <= packet.count - SRTPSession.trailingRoom, isRTCP(packet, length: length, trailer: 0)
        else { return nil }
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard outboundStreams.admits(ssrc) else { return nil }
        var size = Int32(truncatingIfNeeded: length)
        guard srtp_protect_rtcp(outbound, base, &size) == srtp_err_status_ok else { return nil }
        outboundStreams.note(ssrc)
        return Int(size)
    }

    // MARK: - Streams

    /// Frees what is kept for `ssrc` in both directions, when its stream has ended for good: it is refused from then on.
    package func removeStream(_ ssrc: SSRC) {
        if inboundStreams.remove(ssrc.rawValue) { srtp_remove_stream(inbound, ssrc.rawValue.bigEndian) }
        if outboundStreams.remove(ssrc.rawValue) {
            srtp_remove_stream(outbound, ssrc.rawValue.bigEndian)
            sealer?.remove(ssrc.rawValue)
        }
    }

    // MARK: - Checks before libsrtp

    /// Bytes of header, CSRCs and extension (RFC 3550 §5.1); nil where the version is not 2, or they and `tag` bytes do not lie inside the length.
    @inline(__always)
    private func headerLength(_ packet: UnsafeMutableRawBufferPointer, length: Int, tag: Int) -> Int? {
        guard length >= 12 + tag, length <= packet.count, length <= SRTPSession.maximumPacket, packet[0] >> 6 == 2 else { return nil }
        var header = 12 + 4 * Int(packet[0] & 0x0f)
        if packet[0] & 0x10 != 0 {
            guard header + 4 + tag <= length else { return nil }
            header += 4 + 4 * (Int(packet[header + 2]) << 8 | Int(packet[header + 3]))
        }
        return header + tag <= length ? header : nil
    }

    /// Version 2, one header and `trailer` bytes inside the length (RFC 3550 §6.4, RFC 3711 §3.4).
    @inline(__always)
    private func isRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int, trailer: Int) -> Bool {
        length >= 8 + trailer && length <= packet.count && length <= SRTPSession.maximumPacket && packet[0] >> 6 == 2
    }

    private static func reason(_ status: srtp_err_status_t) -> DropReason {
        status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old ? .replayedSRTP : .unauthenticatedSRTP
    }
}
