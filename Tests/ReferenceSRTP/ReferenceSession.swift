import CSRTP
import MediaPrimitives
import MediaSecurity

/// libsrtp2 behind the face of `SRTPSession`: what its bytes and its verdicts are compared with. It knows no limit of streams, and forgets removed ones.
package final class ReferenceSession {
    /// libsrtp did not make a session.
    package struct Refusal: Error { package let status: UInt32 }

    private let inbound: srtp_t
    private let outbound: srtp_t

    /// libsrtp's global state, made once.
    private static let isReady = srtp_init() == srtp_err_status_ok

    /// `encryptsRTCP`: false only authenticates what is sent.
    package init(keys: SRTPKeys, encryptsRTCP: Bool = true) throws(Refusal) {
        guard ReferenceSession.isReady else { throw Refusal(status: srtp_err_status_init_fail.rawValue) }
        inbound = try ReferenceSession.make(keys.profile, key: keys.remoteKey + keys.remoteSalt, ssrc_any_inbound)
        outbound = try ReferenceSession.make(keys.profile, key: keys.localKey + keys.localSalt, ssrc_any_outbound, encryptsRTCP)
    }

    deinit {
        srtp_dealloc(inbound)
        srtp_dealloc(outbound)
    }

    private static func make(
        _ profile: SRTPProfile, key: [UInt8], _ direction: srtp_ssrc_type_t, _ encryptsRTCP: Bool = true
    ) throws(Refusal) -> srtp_t {
        guard key.count == profile.keyLength + profile.saltLength else { throw Refusal(status: srtp_err_status_bad_param.rawValue) }
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
        if !encryptsRTCP { policy.rtcp.sec_serv = sec_serv_auth }
        policy.ssrc.type = direction
        policy.window_size = 1_024
        var key = key
        var session: srtp_t?
        let status = key.withUnsafeMutableBufferPointer { bytes in
            policy.key = bytes.baseAddress
            return srtp_create(&session, &policy)
        }
        guard status == srtp_err_status_ok, let session else {
            throw Refusal(status: status.rawValue)
        }
        return session
    }

    /// Takes protection from the first `length` bytes of `packet`, in place.
    package func unprotect(_ packet: UnsafeMutableRawBufferPointer, length: Int, isRTCP: Bool) -> SRTPResult {
        var size = Int32(truncatingIfNeeded: length)
        let status = isRTCP ? srtp_unprotect_rtcp(inbound, packet.baseAddress, &size) : srtp_unprotect(inbound, packet.baseAddress, &size)
        switch status {
        case srtp_err_status_ok: return .ok(length: Int(size))
        case srtp_err_status_replay_fail, srtp_err_status_replay_old: return .dropped(.replayedSRTP)
        default: return .dropped(.unauthenticatedSRTP)
        }
    }

    /// Protects the first `length` bytes of `packet`, which has `SRTPSession.trailingRoom` more, in place. The new length, or nil if it was refused.
    package func protect(_ packet: UnsafeMutableRawBufferPointer, length: Int, isRTCP: Bool) -> Int? {
        var size = Int32(truncatingIfNeeded: length)
        let status = isRTCP ? srtp_protect_rtcp(outbound, packet.baseAddress, &size) : srtp_protect(outbound, packet.baseAddress, &size)
        return status == srtp_err_status_ok ? Int(size) : nil
    }

    /// Forgets a stream in both directions.
    package func removeStream(_ ssrc: SSRC) {
        srtp_remove_stream(inbound, ssrc.rawValue.bigEndian)
        srtp_remove_stream(outbound, ssrc.rawValue.bigEndian)
    }
}
