import CMediaCiphers
import MediaPrimitives

/// Whose AES and SHA-1 a session uses. Both give the same bytes.
package enum SRTPCipher: Sendable, CaseIterable {
    /// Intel's libipsec-mb.
    case multiBuffer
    case openSSL

    /// Whether this machine has the library, and a processor for it.
    package var isAvailable: Bool { self == .openSSL || media_has_multibuffer() }

    /// The quickest there is.
    package static var best: SRTPCipher { SRTPCipher.multiBuffer.isAvailable ? .multiBuffer : .openSSL }
}

/// SRTP and SRTCP of one association, both directions (RFC 3711, RFC 7714).
///
/// Rules: one thread only. Rollover counters are guessed from the highest number of each SSRC (RFC 3711 §3.3.1), so a sender starts below 2^15 and
/// never jumps forward by more than that. A number is sealed once: a packet that is to be sent again is kept as it was sent, or goes out under
/// another number, for a second text under the same nonce would give both away (RFC 7714 §8.2).
package final class SRTPSession {
    /// How many SSRCs may be known in each direction; each costs memory and a step of the search for it.
    package static let maximumStreams = 256
    /// Bytes that must be free behind a packet that is to be protected.
    package static let trailingRoom = 32
    /// The longest packet looked at.
    private static let maximumPacket = 1_500

    package let profile: SRTPProfile
    private let tagLength: Int
    // Nothing is called while they are in use.
    @exclusivity(unchecked) private(set) var sender: SRTPSender
    @exclusivity(unchecked) private var receiver: SRTPReceiver

    package convenience init(keys: SRTPKeys, cipher: SRTPCipher = .best) throws(MediaSecurityError) {
        var local = try SRTPSessionKeys(keys.profile, masterKey: keys.localKey, masterSalt: keys.localSalt)
        var remote = try SRTPSessionKeys(keys.profile, masterKey: keys.remoteKey, masterSalt: keys.remoteSalt)
        defer {
            local.wipe()
            remote.wipe()
        }
        try self.init(keys.profile, local: local, remote: remote, cipher: cipher)
    }

    /// With keys that have been derived already. What we send is protected with the `local` ones.
    package init(_ profile: SRTPProfile, local: SRTPSessionKeys, remote: SRTPSessionKeys, cipher: SRTPCipher) throws(MediaSecurityError) {
        receiver = try SRTPReceiver(profile, remote, cipher)
        sender = try SRTPSender(profile, local, cipher)
        self.profile = profile
        tagLength = profile.tagLength
    }

    // MARK: - Receiving

    /// Authenticates and decrypts the SRTP packet in the first `length` bytes of `packet`, in place.
    package func unprotectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> SRTPResult {
        guard let base = packet.baseAddress, let header = headerLength(packet, length: length, tag: tagLength) else {
            return .dropped(.unauthenticatedSRTP)
        }
        return receiver.openRTP(base, length: length, header: header)
    }

    /// The same for SRTCP.
    package func unprotectRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> SRTPResult {
        guard let base = packet.baseAddress, isRTCP(packet, length: length, trailer: tagLength + 4) else {
            return .dropped(.unauthenticatedSRTP)
        }
        return receiver.openRTCP(base, length: length)
    }

    // MARK: - Sending

    /// Encrypts the RTP packet in the first `length` bytes of `packet`, in place; at least `trailingRoom` bytes must follow them. The new length, or
    /// nil: it is no RTP packet, finds no room, its number was used or is out of reach, or its SSRC is one too many or a removed one.
    package func protectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? {
        protectRTP(packet, length: length, queue: nil)
    }

    /// The same, but the packet may not be encrypted before `queue` is flushed. Until then it stays where it is.
    package func protectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int, deferring queue: borrowing SealingQueue) -> Int? {
        protectRTP(packet, length: length, queue: queue.queue)
    }

    @inline(__always)
    private func protectRTP(_ packet: UnsafeMutableRawBufferPointer, length: Int, queue: OpaquePointer?) -> Int? {
        guard let base = packet.baseAddress, length <= packet.count - SRTPSession.trailingRoom,
            let header = headerLength(packet, length: length, tag: 0)
        else { return nil }
        return sender.sealRTP(base, length: length, header: header, queue: queue)
    }

    /// Encrypts an RTCP packet, as `protectRTP` does.
    package func protectRTCP(_ packet: UnsafeMutableRawBufferPointer, length: Int) -> Int? {
        guard
            let base = packet.baseAddress, length <= packet.count - SRTPSession.trailingRoom, isRTCP(packet, length: length, trailer: 0)
        else { return nil }
        return sender.sealRTCP(base, length: length)
    }

    // MARK: - Streams

    /// Frees what is kept for `ssrc` in both directions, when its stream has ended for good: it is refused from then on.
    package func removeStream(_ ssrc: SSRC) {
        receiver.remove(ssrc.rawValue)
        sender.remove(ssrc.rawValue)
    }

    // MARK: - Checks before anything else

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
}
