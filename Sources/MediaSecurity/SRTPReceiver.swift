import CMediaCiphers
import MediaPrimitives

/// What removing protection from one packet came to.
package enum SRTPResult: Sendable, Equatable {
    /// The packet is authentic, new, and in the clear in its first `length` bytes.
    case ok(length: Int)
    /// `.unauthenticatedSRTP`, `.replayedSRTP` or `.unknownStream` (too many, or a removed one). The bytes may have been changed: discard them.
    case dropped(DropReason)
}

/// What arrives: a packet is first new by its number, then authentic; only then is it decrypted, and only then does its stream take note of it.
struct SRTPReceiver: ~Copyable {
    // Not private: see `SRTPSender.Stream`.
    struct Stream {
        var rtp = ReplayWindow<16>()
        var rtcp = ReplayWindow<2>()
    }

    private let direction: SRTPDirection
    private var streams = SRTPStreams<Stream>()

    init(_ profile: SRTPProfile, _ keys: SRTPSessionKeys, _ cipher: SRTPCipher) throws(MediaSecurityError) {
        direction = try SRTPDirection(profile, keys, seals: false, cipher)
    }

    /// Of `length` bytes, the first `header` are in the clear; they and a tag lie inside.
    ///
    ///     header │ encrypted payload │ tag                                  RFC 3711 §3.1
    @inline(__always)
    mutating func openRTP(_ base: UnsafeMutableRawPointer, length: Int, header: Int) -> SRTPResult {
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let sequence = UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        let known = streams.find(ssrc)
        guard known != nil || streams.admits(ssrc) else { return .dropped(.unknownStream) }
        let index = known?.pointee.rtp.index(of: sequence) ?? Int64(sequence)
        guard known?.pointee.rtp.admits(index) ?? true else { return .dropped(.replayedSRTP) }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let plain: Int
        let isAuthentic: Bool
        if direction.isCM {
            plain = length &- Int(MEDIA_CM_TAG)
            var job = media_cm_job(
                packet: bytes, start: UInt32(truncatingIfNeeded: header), length: UInt32(truncatingIfNeeded: plain),
                tag: UInt32(truncatingIfNeeded: plain), trailer: UInt32(truncatingIfNeeded: index >> 16).bigEndian,
                iv: direction.rtpIV(ssrc, index))
            isAuthentic = media_cm_open(direction.keys, false, &job)
        } else {
            plain = length &- Int(MEDIA_GCM_TAG)
            isAuthentic = media_gcm_open(
                direction.keys, false, direction.rtpIV(ssrc, index), bytes, header, bytes + header, plain &- header)
        }
        guard isAuthentic else { return .dropped(.unauthenticatedSRTP) }
        if let known {
            known.pointee.rtp.note(index)
        } else {
            var stream = Stream()
            stream.rtp.note(index)
            streams.add(ssrc, stream)
        }
        return .ok(length: plain)
    }

    /// Of `length` bytes; a header of 8, E flag and index, and a tag lie inside.
    ///
    ///     header │ encrypted rest │ E, index │ tag         under AES-CM      RFC 3711 §3.4
    ///     header │ encrypted rest │ tag │ E, index         under AES-GCM     RFC 7714 §9.2
    mutating func openRTCP(_ base: UnsafeMutableRawPointer, length: Int) -> SRTPResult {
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let tag = Int(direction.isCM ? MEDIA_CM_TAG : MEDIA_GCM_TAG)
        let plain = length - tag - 4
        let trailer = base.loadUnaligned(fromByteOffset: direction.isCM ? plain : plain + tag, as: UInt32.self)
        let isEncrypted = UInt32(bigEndian: trailer) >> 31 == 1
        let index = UInt32(bigEndian: trailer) & 0x7fff_ffff
        let known = streams.find(ssrc)
        guard known != nil || streams.admits(ssrc) else { return .dropped(.unknownStream) }
        // What both have agreed to encrypt must be, but AES-GCM says itself which it was, and authenticates that (RFC 7714 §9.3).
        guard isEncrypted || !direction.isCM else { return .dropped(.unauthenticatedSRTP) }
        guard known?.pointee.rtcp.admits(Int64(index)) ?? true else { return .dropped(.replayedSRTP) }
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let iv = direction.rtcpIV(ssrc, index)
        let isAuthentic: Bool
        if direction.isCM {
            var job = media_cm_job(
                packet: bytes, start: 8, length: UInt32(truncatingIfNeeded: plain), tag: UInt32(truncatingIfNeeded: plain + 4),
                trailer: trailer,
                iv: iv)
            isAuthentic = media_cm_open(direction.keys, true, &job)
        } else if isEncrypted {
            isAuthentic = SRTPDirection.withControlData(base, trailer) {
                media_gcm_open(direction.keys, true, iv, $0, 12, bytes + 8, plain - 8)
            }
        } else {
            // Authenticated is all but the tag, in one piece: tag and trailer change places.
            let claimed = base.loadUnaligned(fromByteOffset: plain, as: (UInt64, UInt64).self)
            base.storeBytes(of: trailer, toByteOffset: plain, as: UInt32.self)
            base.storeBytes(of: claimed, toByteOffset: plain + 4, as: (UInt64, UInt64).self)
            isAuthentic = media_gcm_open(direction.keys, true, iv, bytes, plain + 4, bytes + plain + 4, 0)
        }
        guard isAuthentic else { return .dropped(.unauthenticatedSRTP) }
        if let known {
            known.pointee.rtcp.note(Int64(index))
        } else {
            var stream = Stream()
            stream.rtcp.note(Int64(index))
            streams.add(ssrc, stream)
        }
        return .ok(length: plain)
    }

    mutating func remove(_ ssrc: UInt32) { streams.remove(ssrc) }
}
