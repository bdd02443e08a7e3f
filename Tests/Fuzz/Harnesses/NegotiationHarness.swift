import MediaPrimitives
import Negotiation
import RTP
import SDP

/// Offers, answered as to publishers, to viewers and to clients of rooms, and answers to an offer of ours. The first byte chooses; the rest
/// is what the peer wrote.
enum NegotiationHarness {
    static let local = LocalDescription(
        credentials: ICECredentials(ufrag: "ouru", password: "ourpasswordourpasswordour"),
        fingerprint: CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 0x0c, count: 32)),
        candidates: [
            LocalCandidate(kind: .tcp, address: SocketAddress(ipv4: 0xc000_0201, port: 7881)),
            LocalCandidate(kind: .udp, address: SocketAddress(ipv4: 0xc000_0201, port: 7882)),
        ],
        sessionID: .max)

    static let opus = TrackDescription(codec: .opus, format: "minptime=10;useinbandfec=1", streamID: "alice", trackID: "mic")
    static let videos = [
        TrackDescription(codec: .vp8, format: "", streamID: "alice", trackID: "cam"),
        TrackDescription(codec: .vp9, format: "profile-id=0", streamID: "alice", trackID: "cam"),
        TrackDescription(
            codec: .h264, format: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", streamID: "a\r\nb", trackID: ""),
        TrackDescription(codec: .av1, format: "", streamID: String(repeating: "x", count: 100), trackID: "ü"),
    ]

    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        guard let first = input.first else { return }
        let offer = String(decoding: input.dropFirst(), as: UTF8.self)
        if first & 0x80 != 0 {
            try first & 1 == 0 ? join(offer, choice: first) : subscribe(offer)
        } else if first & 1 == 0 {
            try publish(offer)
        } else {
            try watch(offer, [opus, videos[Int(first >> 1 & 3)], videos[Int(first >> 3 & 3)]], entropy: .seeded(UInt64(first)))
        }
    }

    private static func publish(_ offer: String) throws(Finding) {
        let answer: PublisherAnswer
        do throws(NegotiationError) { answer = try PublisherAnswer(offer: offer, local: local) } catch { return try check(error) }
        try check(answer.sdp, offer)
        try check(answer.transport)
        try expect(!answer.media.isEmpty && answer.media.count <= SDPLimits().mediaSections, "\(answer.media.count) sections")
        try check(answer.media)
        for section in answer.media {
            let codecs = section.codecs.map(\.codec)
            try expect(codecs.count == 1 && codecs != [.red] || codecs == [.opus, .red], "a publication of several codecs")
            try expect(section.rids.count <= PublisherAnswer.layerLimit, "more layers than are served")
            try expect(section.streams.count <= 8, "more streams than are taken")
            try expect(Set(section.rids).count == section.rids.count, "two layers of one name")
        }
        try PlantedBug.check(answer.transport.remote.ufrag)
    }

    private static func watch(_ offer: String, _ tracks: [TrackDescription], entropy: Entropy) throws(Finding) {
        let answer: ViewerAnswer
        do throws(NegotiationError) {
            answer = try ViewerAnswer(offer: offer, local: local, tracks: tracks, entropy: entropy)
        } catch { return try check(error) }
        try check(answer.sdp, offer)
        try check(answer.transport)
        try expect(!answer.media.isEmpty && answer.media.count <= SDPLimits().mediaSections, "\(answer.media.count) sections")
        try check(answer.media)
        for section in answer.media {
            try expect(section.streams.count == 1, "a subscription of \(section.streams.count) streams")
            let codec = section.codecs.first?.codec
            try expect(tracks.contains { $0.codec == codec }, "the first codec is that of no track")
        }
    }

    static func check(_ error: NegotiationError) throws(Finding) {
        try expect([400, 413, 422].contains(error.status) && !error.sentence.isEmpty, "refused with \(error)")
    }

    private static func parse(_ text: String, _ limits: SDPLimits) throws(Finding) -> SessionDescription {
        do throws(SDPError) {
            return try SessionDescription(parsing: text, limits: limits)
        } catch {
            throw Finding("our answer does not parse: \(error)")
        }
    }

    /// What any answer holds to, whatever was offered (RFC 9429 §5.3.1, RFC 9143 §7.3).
    static func check(_ answer: String, _ offer: String, _ limits: SDPLimits = SDPLimits()) throws(Finding) {
        let written = try parse(answer, limits)
        let offered = try parse(offer, limits)
        try expect(written.media.map(\.kind) == offered.media.map(\.kind), "the kinds of section changed")
        try expect(written.media.map(\.mid) == offered.media.map(\.mid), "the mids changed")
        try expect(written.media.allSatisfy { $0.connection != nil }, "a section without an address")
        try expect(written.isICELite && written.origin.sessionID < 1 << 63, "the head is wrong")
        let accepted = written.media.filter { $0.port != 0 }
        try expect(accepted.count { !$0.candidates.isEmpty } == 1, "candidates in several sections, or in none")
        for (section, offered) in zip(written.media, offered.media) where section.port != 0 {
            try expect(section.iceUfrag == local.credentials.ufrag && section.fingerprints.count == 1, "a transport that is not ours")
            try expect(section.setup == .passive || section.setup == .active, "no part in DTLS")
            try expect(Set(section.formats).isSubset(of: offered.formats), "a format that was not offered")
            guard section.kind != .application else { continue }
            try expect(section.rtpMaps.map { String($0.payloadType) } == section.formats, "formats without a map")
        }
    }

    /// What the workers rely on.
    static func check(_ transport: TransportParameters) throws(Finding) {
        try expect((1...8).contains(transport.fingerprints.count), "\(transport.fingerprints.count) fingerprints")
        try expect(transport.fingerprints.allSatisfy { $0.digest.count == $0.algorithm.digestLength }, "a digest of another length")
    }

    static func check(_ media: [RTPParameters]) throws(Finding) {
        var ssrcs: Set<SSRC> = []
        for section in media {
            try expect(ShortText(section.mid) != nil && section.rids.allSatisfy { ShortText($0) != nil }, "a mid or rid that is too long")
            try expect(!section.codecs.isEmpty, "a section without a codec")
            for codec in section.codecs {
                try expect(codec.payloadType < 128 && (codec.rtxPayloadType ?? 0) < 128, "an impossible payload type")
                try expect(codec.codec.kind == section.kind, "sound in pictures")
                try expect(codec.payloadType != codec.rtxPayloadType, "media and repair under one payload type")
            }
            let types = section.codecs.flatMap { [$0.payloadType] + ($0.rtxPayloadType.map { [$0] } ?? []) }
            try expect(Set(types).count == types.count, "one payload type twice")
            for stream in section.streams {
                try expect(ssrcs.insert(stream.ssrc).inserted, "one SSRC twice")
                if let rtx = stream.rtxSSRC { try expect(ssrcs.insert(rtx).inserted, "one SSRC twice") }
            }
            let ids = HeaderExtension.allCases.map { section.extensions[$0] }.filter { $0 != 0 }
            try expect(Set(ids).count == ids.count, "two extensions under one id")
        }
    }
}
