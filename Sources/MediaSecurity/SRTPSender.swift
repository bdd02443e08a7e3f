import CMediaCiphers

/// What is sent. The only owner of its numbers: each is used up before a packet is sealed under it, now or later, and none is ever used twice.
struct SRTPSender: ~Copyable {
    // Not private: in a debug build over several files the compiler (6.3.1) fails on private generic arguments of the layout of `SRTPStreams`.
    struct Stream {
        var rtp = ReplayWindow<16>()
        /// The SRTCP index sent last; 0 before the first (RFC 3711 §3.4).
        var rtcp: UInt32 = 0
    }

    private let direction: SRTPDirection
    private var streams = SRTPStreams<Stream>()

    init(_ profile: SRTPProfile, _ keys: SRTPSessionKeys, _ cipher: SRTPCipher) throws(MediaSecurityError) {
        direction = try SRTPDirection(profile, keys, seals: true, cipher)
    }

    /// The stream of `ssrc`, new or known; nil for one too many, or one that was removed.
    @inline(__always)
    private mutating func stream(_ ssrc: UInt32) -> UnsafeMutablePointer<Stream>? {
        if let known = streams.find(ssrc) { return known }
        guard streams.admits(ssrc) else { return nil }
        streams.add(ssrc, Stream())
        return streams.find(ssrc)
    }

    /// Of `length` bytes, the first `header` stay in the clear; room for a tag is behind them. Under AES-CM `queue`, if there is one, does the work.
    @inline(__always)
    mutating func sealRTP(_ base: UnsafeMutableRawPointer, length: Int, header: Int, queue: OpaquePointer?) -> Int? {
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let sequence = UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        guard let stream = stream(ssrc) else { return nil }
        let index = stream.pointee.rtp.index(of: sequence)
        // A receiver guesses the rollover counter right only as long as no step is longer. 2^48 packets end a key's life (RFC 3711 §9.2).
        guard stream.pointee.rtp.isEmpty || index &- stream.pointee.rtp.highest <= 0x8000, index < 1 << 48, stream.pointee.rtp.admits(index)
        else { return nil }
        stream.pointee.rtp.note(index)
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        if direction.isCM {
            var job = media_cm_job(
                packet: bytes, start: UInt32(truncatingIfNeeded: header), length: UInt32(truncatingIfNeeded: length),
                tag: UInt32(truncatingIfNeeded: length), trailer: UInt32(truncatingIfNeeded: index >> 16).bigEndian,
                iv: direction.rtpIV(ssrc, index))
            if let queue {
                media_queue_append(queue, direction.keys, &job)
            } else {
                guard media_cm_seal(direction.keys, false, &job) else { return nil }
            }
            return length &+ Int(MEDIA_CM_TAG)
        }
        guard media_gcm_seal(direction.keys, false, direction.rtpIV(ssrc, index), bytes, header, bytes + header, length &- header) else {
            return nil
        }
        return length &+ Int(MEDIA_GCM_TAG)
    }

    /// Of `length` bytes, the first 8 stay in the clear; room for E flag and index and a tag is behind them.
    mutating func sealRTCP(_ base: UnsafeMutableRawPointer, length: Int) -> Int? {
        let ssrc = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        // 2^31 packets end a key's life (RFC 3711 §9.2).
        guard let stream = stream(ssrc), stream.pointee.rtcp < 0x7fff_ffff else { return nil }
        stream.pointee.rtcp += 1
        let index = stream.pointee.rtcp
        let trailer = (1 << 31 | index).bigEndian
        let bytes = base.assumingMemoryBound(to: UInt8.self)
        let iv = direction.rtcpIV(ssrc, index)
        if direction.isCM {
            var job = media_cm_job(
                packet: bytes, start: 8, length: UInt32(truncatingIfNeeded: length), tag: UInt32(truncatingIfNeeded: length + 4),
                trailer: trailer, iv: iv)
            return media_cm_seal(direction.keys, true, &job) ? length + 4 + Int(MEDIA_CM_TAG) : nil
        }
        let isSealed = SRTPDirection.withControlData(base, trailer) {
            media_gcm_seal(direction.keys, true, iv, $0, 12, bytes + 8, length - 8)
        }
        guard isSealed else { return nil }
        base.storeBytes(of: trailer, toByteOffset: length + Int(MEDIA_GCM_TAG), as: UInt32.self)
        return length + Int(MEDIA_GCM_TAG) + 4
    }

    /// Where what sending touches lies, in a session that is at `session`.
    func memory(of session: UnsafeRawPointer) -> SRTPSession.SendingMemory {
        SRTPSession.SendingMemory(
            session: session, ssrcs: streams.ssrcAddress, streams: streams.streamAddress, keys: UnsafeRawPointer(direction.keys))
    }

    mutating func remove(_ ssrc: UInt32) { streams.remove(ssrc) }
}
