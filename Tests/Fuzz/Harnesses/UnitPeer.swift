import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms

/// A genuine participant as the unit sees it from outside: its credentials, its end of DTLS and SRTP.
final class UnitPeer {
    /// Payload types, the same in all sections: media, and its retransmissions one above.
    static let payloadTypes: [(codec: Codec, type: UInt8)] = [(.opus, 111), (.vp8, 96), (.vp9, 98), (.h264, 100), (.av1, 102)]

    let id: ParticipantID
    let isPublisher: Bool
    let room: String
    let identity: String
    /// Whom it watches, by name; nil for whoever is there.
    let follows: String?
    var receiving: [ReceivingSection]
    var sending: [SendingSection]
    /// What the latest negotiation chose; see `UnitScene.negotiate`.
    var choices: UInt8 = 0
    /// What the unit sends it, by section.
    let ownStreams: [RTPParameters.Stream]
    var local: ICECredentials
    var former: ICECredentials?
    let remote: ICECredentials
    let dtls: DTLSAssociation
    var srtp: SRTPSession? { didSet { heard = [:] } }
    /// What it got under each number of each stream, sealed.
    private var heard: [UInt64: [UInt8]] = [:]
    /// The number of what it got last, by stream.
    private(set) var newest: [SSRC: UInt16] = [:]
    var inbox: [[UInt8]] = []
    var isOpen = true
    var isStarted = false

    init(id: ParticipantID, parameters: ParticipantParameters, follows: String?, certificates: Certificates, at now: Instant) {
        self.id = id
        isPublisher = !parameters.receiving.isEmpty
        ownStreams = parameters.sending.flatMap(\.parameters.streams)
        room = parameters.room
        identity = parameters.identity
        self.follows = follows
        receiving = parameters.receiving
        sending = parameters.sending
        local = parameters.transport.local
        remote = parameters.transport.remote
        dtls = DTLSAssociation(
            certificate: certificates.theirs, role: parameters.transport.role == .server ? .client : .server,
            fingerprints: [certificates.ours.fingerprint], at: now)
    }

    /// What others may be sent of it.
    var tracks: [TrackReference] {
        sections.receiving.map { TrackReference(id: $0.track, worker: id.worker, parameters: $0.parameters) }
    }

    /// Its sections, as the latest negotiation left them.
    var sections: (receiving: [ReceivingSection], sending: [SendingSection]) {
        let isThere = { (index: Int) in self.choices >> UInt8(index) & 1 == 0 }
        let wish = SubscriptionWish(isPaused: choices & 8 != 0, maximumLayer: choices & 16 != 0 ? 0 : nil)
        return (
            receiving.enumerated().filter { isThere($0.offset) }.map(\.element),
            sending.enumerated().filter { isThere($0.offset) }.map {
                SendingSection(parameters: $1.parameters, source: choices & 32 != 0 ? nil : $1.source, wish: wish)
            }
        )
    }

    /// Kinds: 0 publishes Opus and VP8 in three layers, 1 publishes one stream of any codec that is announced, 2 watches whoever is there,
    /// 3 watches the first publisher by name, and has what is lost sent again as it was.
    static func parameters(number: Int, kind: UInt8, certificates: Certificates) -> ParticipantParameters {
        var extensions = HeaderExtensionMap()
        for kind in HeaderExtension.allCases { extensions[kind] = 1 + kind.rawValue }
        let isPlain = kind == 3
        let audio = codecs(.audio, nack: isPlain)
        let video = codecs(.video, rtx: !isPlain)
        let base = UInt32(1_000 * (number + 1))
        let stream = { (offset: UInt32) in RTPParameters.Stream(ssrc: SSRC(base + offset), rtxSSRC: SSRC(base + offset + 1)) }
        var receiving: [RTPParameters] = []
        var sending: [RTPParameters] = []
        switch kind {
        case 0:
            receiving = [
                RTPParameters(mid: "0", kind: .audio, codecs: audio, extensions: extensions),
                RTPParameters(mid: "1", kind: .video, codecs: [video[0]], extensions: extensions, rids: ["h", "m", "l"]),
            ]
        case 1:
            receiving = [
                RTPParameters(mid: "1", kind: .video, codecs: video, extensions: extensions, streams: [stream(10)])
            ]
        default:
            sending = [
                RTPParameters(
                    mid: "0", kind: .audio, codecs: audio, extensions: extensions, streams: [.init(ssrc: SSRC(base + 20))]),
                RTPParameters(
                    mid: "1", kind: .video, codecs: video, extensions: extensions,
                    streams: [isPlain ? .init(ssrc: SSRC(base + 30)) : stream(30)]),
            ]
        }
        let transport = TransportParameters(
            local: ICECredentials(ufrag: "srvr\(number)", password: "server-password-of-24-ch\(number)"),
            remote: ICECredentials(ufrag: "clnt", password: "client-password-of-24-chs"),
            fingerprints: [certificates.theirs.fingerprint], role: number & 1 == 0 ? .server : .client)
        return ParticipantParameters(
            room: number < 6 ? "room" : "other", identity: "p\(number)", hidden: kind > 1, cname: "cname", transport: transport,
            receiving: receiving.enumerated().map {
                ReceivingSection(track: TrackID(rawValue: UInt64(16 * number + $0)), parameters: $1, heedsDemand: number % 2 == 0)
            },
            sending: sending.map { SendingSection(parameters: $0, source: nil) })
    }

    private static func codecs(_ kind: MediaKind, rtx: Bool = false, nack: Bool = true) -> [CodecParameters] {
        payloadTypes.filter { $0.codec.kind == kind }.map {
            CodecParameters(
                codec: $0.codec, payloadType: $0.type, rtxPayloadType: rtx ? $0.type + 1 : nil, nack: nack,
                pli: kind == .video, fir: kind == .video, transportCC: true)
        }
    }

    /// A check as a browser sends it, signed with the password in `credentials`.
    func check(_ credentials: ICECredentials, number: UInt32, nominating: Bool, controlled: Bool, demanding: Bool) -> [UInt8] {
        let key = MessageIntegrityKey(password: credentials.password)
        return [UInt8](unsafeUninitializedCapacity: 300) { memory, count in
            var writer = STUNWriter(
                UnsafeMutableRawBufferPointer(memory), .request, transactionID: STUNTransactionID(high: number, low: 1))
            writer.username(Array("\(credentials.ufrag):\(remote.ufrag)".utf8))
            writer.priority(0x6e00_01ff)
            writer.role(controlled ? .controlled(7) : .controlling(7))
            if nominating { writer.useCandidate() }
            if demanding { writer.attribute(0x7f01, [1, 2, 3]) }
            count = writer.finish(key: key)
        }
    }

    /// A sealed packet of media has come. False if it is one that came before, to the byte, and may come again; another under its number never may.
    func hear(_ sealed: [UInt8]) throws(Finding) -> Bool {
        guard let ssrc = sealed.span.bytes.uint32(at: 8), let number = sealed.span.bytes.uint16(at: 2) else { return true }
        newest[SSRC(ssrc)] = number
        guard let known = heard.updateValue(sealed, forKey: UInt64(ssrc) << 16 | UInt64(number)) else { return true }
        try expect(known == sealed, "two texts under one number")
        try expect(ownStreams.contains { $0.ssrc == SSRC(ssrc) && $0.rtxSSRC == nil }, "a packet comes again although there is RTX")
        return false
    }

    /// Seals a packet; nil when it is no packet, or there are no keys.
    func seal(_ plain: [UInt8], isRTCP: Bool) -> [UInt8]? {
        guard let srtp else { return nil }
        var buffer = plain + Array(repeating: 0, count: SRTPSession.trailingRoom)
        let length = buffer.withUnsafeMutableBytes {
            isRTCP ? srtp.protectRTCP($0, length: plain.count) : srtp.protectRTP($0, length: plain.count)
        }
        return length.map { Array(buffer[..<$0]) }
    }

    func write(_ media: SyntheticMedia) -> [UInt8]? {
        var map = HeaderExtensionMap()
        for kind in HeaderExtension.allCases { map[kind] = 1 + kind.rawValue }
        let choices = UnitPeer.payloadTypes.flatMap { [$0.type, $0.type + 1] }
        var header = OutgoingHeader(
            payloadType: media.payloadType < choices.count ? choices[Int(media.payloadType)] : media.payloadType, marker: media.marker,
            sequenceNumber: SequenceNumber(media.sequence), timestamp: media.timestamp,
            ssrc: SSRC(media.stream < 2 ? 1_010 + UInt32(media.stream) : UInt32(media.stream) * 7))
        header.hasPadding = media.padding > 0
        if media.extensions & 1 != 0 { header.mid = ShortText(media.extensions & 2 == 0 ? "1" : "0") ?? ShortText() }
        let rid = ShortText(["h", "m", "l", "x"][Int(media.extensions >> 2 & 3)]) ?? ShortText()
        if media.extensions & 0x10 != 0 { header.rid = rid }
        if media.extensions & 0x20 != 0 { header.repairedRid = rid }
        if media.extensions & 0x40 != 0 { header.audioLevel = media.extensions & 0x7f }
        header.reservesTransportSequence = media.extensions & 0x80 != 0
        return ByteWriter.array {
            let stamps = header.write(into: &$0, map)
            $0.bytes(media.payload)
            if media.padding > 0 {
                $0.zeros(Int(media.padding) - 1)
                $0.uint8(media.padding)
            }
            stamps.stamp($0.written, absSendTime: 0, transportSequence: media.sequence)
        }
    }
}
