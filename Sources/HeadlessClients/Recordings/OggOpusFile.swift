import MediaPrimitives

/// Opus in Ogg (RFC 7845): pages (RFC 3533 §6), whose lacing values tell where packets end. The first packet is the identification header, the
/// second the comments; the rest is sound. Checksums are not looked at.
///
///      0 "OggS"        4 version: 0   5 flags: 1 continued, 2 first, 4 last
///      6 granule position, 8 bytes   14 serial number   18 page number   22 checksum   26 number of lacing values   27 these
package struct OggOpusFile: Sendable {
    package struct Packet: Sendable {
        /// Never empty.
        package var bytes: [UInt8]
        /// What it plays.
        package var duration: Interval
    }

    /// 1 or 2.
    package private(set) var channels: UInt8 = 0
    /// Never empty.
    package private(set) var packets: [Packet] = []

    /// A packet must fit into a datagram.
    static let longestPacket = 1_100
    /// Pictures of a cover may be in the comments, which are passed over.
    private static let longestHeader = 16 << 20

    private var headers = 0
    private var length = Interval.zero

    /// Reads a whole file.
    package init(_ bytes: RawSpan) throws(RecordingError) {
        guard bytes.byteCount <= RecordingLimits.size else { throw RecordingError.tooLarge }
        guard bytes.uint32(at: 0) == 0x4f67_6753 else { throw RecordingError("is no Ogg file: it does not begin with OggS") }
        let serial = bytes.uint32(at: 14)
        var at = 0
        /// What has come of a packet that goes on.
        var begun: [UInt8] = []
        var isOpen = false
        while at < bytes.byteCount {
            guard bytes.uint32(at: at) == 0x4f67_6753, bytes.uint8(at: at &+ 4) == 0, let flags = bytes.uint8(at: at &+ 5),
                let count = bytes.uint8(at: at &+ 26)
            else { throw RecordingError("has no Ogg page at byte \(at)") }
            guard bytes.uint32(at: at &+ 14) == serial else { throw RecordingError("has more than one stream in it") }
            guard (flags & 1 != 0) == isOpen else { throw RecordingError("lacks a page before byte \(at)") }
            let table = at &+ 27
            at = table &+ Int(count)
            for index in 0..<Int(count) {
                guard let lacing = bytes.uint8(at: table &+ index), bytes.contains(at..<(at &+ Int(lacing))) else {
                    throw RecordingError("ends in the middle of a page")
                }
                guard begun.count &+ Int(lacing) <= OggOpusFile.longestHeader else { throw RecordingError("has a packet without an end") }
                begun.append(contentsOf: bytes.array(at..<(at &+ Int(lacing))))
                at = at &+ Int(lacing)
                isOpen = lacing == 255
                if !isOpen {
                    try take(begun)
                    begun.removeAll(keepingCapacity: true)
                }
            }
        }
        guard !isOpen else { throw RecordingError("ends in the middle of a packet") }
        guard !packets.isEmpty else { throw RecordingError("has no sound in it") }
    }

    private mutating func take(_ packet: [UInt8]) throws(RecordingError) {
        switch headers {
        case 0: try takeHead(packet.span.bytes)
        case 1:
            guard packet.starts(with: Array("OpusTags".utf8)) else { throw RecordingError("has no Opus comments behind its header") }
        default: try takeSound(packet)
        }
        headers = min(2, headers + 1)
    }

    /// RFC 7845 §5.1.
    private mutating func takeHead(_ head: RawSpan) throws(RecordingError) {
        guard head.uint64(at: 0) == 0x4f70_7573_4865_6164 else { throw RecordingError("is Ogg, but not Opus") }
        guard let version = head.uint8(at: 8), version < 16, let channels = head.uint8(at: 9), head.uint8(at: 18) == 0, head.byteCount >= 19
        else { throw RecordingError("is Opus of a kind that RTP does not carry: one or two channels of mapping family 0 are wanted") }
        guard (1...2).contains(channels) else { throw RecordingError("has \(channels) channels; one or two are wanted") }
        self.channels = channels
    }

    private mutating func takeSound(_ packet: [UInt8]) throws(RecordingError) {
        guard packets.count < RecordingLimits.count else { throw RecordingError("has more than \(RecordingLimits.count) packets") }
        guard packet.count <= OggOpusFile.longestPacket else {
            throw RecordingError("has a packet of more than \(OggOpusFile.longestPacket) bytes, which no datagram holds")
        }
        guard let duration = OggOpusFile.duration(of: packet.span.bytes) else {
            throw RecordingError("has something that is no Opus packet, number \(packets.count)")
        }
        length = length + duration
        guard length <= RecordingLimits.length else { throw RecordingError.tooLong }
        packets.append(Packet(bytes: packet, duration: duration))
    }

    /// What a packet plays (RFC 6716 §3.1, §3.2): frames of 2.5 to 60 ms, 120 ms at most together. Nil for what is no packet.
    package static func duration(of packet: RawSpan) -> Interval? {
        guard let contents = packet.uint8(at: 0) else { return nil }
        let configuration = Int(contents >> 3)
        let frame: Int64 =
            switch configuration {
            case 0..<12: [10_000, 20_000, 40_000, 60_000][configuration & 3]
            case 12..<16: [10_000, 20_000][configuration & 1]
            default: [2_500, 5_000, 10_000, 20_000][configuration & 3]
            }
        let count: Int64
        switch contents & 3 {
        case 0: count = 1
        case 1, 2: count = 2
        default:
            guard let frames = packet.uint8(at: 1), frames & 0x3f > 0 else { return nil }
            count = Int64(frames & 0x3f)
        }
        return count * frame <= 120_000 ? .microseconds(count * frame) : nil
    }
}
