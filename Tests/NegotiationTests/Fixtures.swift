import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

/// What the tests answer with.
let local = LocalDescription(
    credentials: ICECredentials(ufrag: "ouru", password: "ourpasswordourpasswordour"),
    fingerprint: CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 0x0c, count: 32)),
    candidates: [
        LocalCandidate(kind: .tcp, address: SocketAddress(ipv4: 0xc000_0201, port: 7881)),
        LocalCandidate(kind: .udp, address: SocketAddress(ipv4: 0xc000_0201, port: 7882)),
        LocalCandidate(kind: .udp, address: SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 7882)),
    ],
    sessionID: .max)

let theirFingerprint = "a=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":")
let theirTransport = ["a=ice-ufrag:them", "a=ice-pwd:theirpasswordtheirpasswd", theirFingerprint, "a=setup:actpass"]

/// An offer of these sections, with a session part that has all a transport needs.
func offer(group: String? = "BUNDLE 0 1", session: [String] = theirTransport, _ sections: [String]...) -> String {
    var lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if let group { lines.append("a=group:" + group) }
    return (lines + session + sections.flatMap(\.self)).joined(separator: "\r\n") + "\r\n"
}

/// A section with the attributes that all need. `formats` are `<pt> <name>/<rate>` with what follows them, as in `96 VP8/90000`.
func section(
    kind: String = "video", mid: String = "1", port: Int = 9, direction: String = "sendonly", _ codecs: [String], _ more: [String] = []
) -> [String] {
    let formats = codecs.map { $0.prefix { $0 != " " } }.joined(separator: " ")
    return ["m=\(kind) \(port) UDP/TLS/RTP/SAVPF \(formats)", "c=IN IP4 0.0.0.0", "a=mid:\(mid)", "a=\(direction)", "a=rtcp-mux"]
        + codecs.map { "a=rtpmap:\($0)" } + more.map { "a=\($0)" }
}

let opusSection = section(kind: "audio", mid: "0", ["111 opus/48000/2", "0 PCMU/8000"], ["fmtp:111 minptime=10;useinbandfec=1"])
let vp8Section = section(["96 VP8/90000", "97 rtx/90000"], ["fmtp:97 apt=96", "rtcp-fb:96 nack", "rtcp-fb:96 nack pli"])

/// The refusal of a publisher's offer; nil when it is answered.
func publisherRefusal(_ offer: String) -> NegotiationError? {
    do throws(NegotiationError) {
        _ = try PublisherAnswer(offer: offer, local: local)
        return nil
    } catch {
        return error
    }
}

/// The refusal of a viewer's offer; nil when it is answered.
func viewerRefusal(_ offer: String, _ tracks: [TrackDescription] = [opusTrack, vp8Track]) -> NegotiationError? {
    do throws(NegotiationError) {
        _ = try ViewerAnswer(offer: offer, local: local, tracks: tracks, entropy: .seeded(1))
        return nil
    } catch {
        return error
    }
}

let opusTrack = TrackDescription(codec: .opus, format: "minptime=10;useinbandfec=1", streamID: "alice", trackID: "microphone")
let vp8Track = TrackDescription(codec: .vp8, format: "", streamID: "alice", trackID: "camera")

/// A track on its way out, with SSRCs that belong to the mid.
func outgoing(_ codec: Codec, to mid: Int, from participant: String = "PA_alice", track: String = "TR_one") -> OutgoingTrack {
    let format = codec == .h264 ? "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" : ""
    return OutgoingTrack(
        track: TrackDescription(codec: codec, format: format, streamID: "\(participant)|\(track)", trackID: track),
        stream: RTPParameters.Stream(ssrc: SSRC(UInt32(1_000 + 2 * mid)), rtxSSRC: SSRC(UInt32(1_001 + 2 * mid))))
}

/// What any answer must hold to whatever was offered (RFC 9429 §5.3.1, RFC 9143 §7.3).
func expectWellFormed(_ answer: String, for offer: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let offered = try SessionDescription(parsing: offer, limits: .room)
    let written = try SessionDescription(parsing: answer, limits: .room)
    #expect(written.media.map(\.kind) == offered.media.map(\.kind), sourceLocation: sourceLocation)
    #expect(written.media.map(\.mid) == offered.media.map(\.mid), sourceLocation: sourceLocation)
    #expect(written.media.map(\.transportProtocol) == offered.media.map(\.transportProtocol), sourceLocation: sourceLocation)
    #expect(written.media.allSatisfy { $0.connection != nil }, sourceLocation: sourceLocation)
    #expect(written.isICELite, sourceLocation: sourceLocation)
    #expect(written.origin.sessionID < 1 << 63, sourceLocation: sourceLocation)
    let accepted = written.media.filter { $0.port != 0 }
    let session = offered.extensionMappings
    if offered.groups.contains(where: { $0.semantics == "BUNDLE" }) {
        #expect(Set(written.groups.first?.mids ?? []) == Set(accepted.compactMap(\.mid)), sourceLocation: sourceLocation)
    }
    #expect(accepted.count { !$0.candidates.isEmpty } == 1, sourceLocation: sourceLocation)
    for (section, offered) in zip(written.media, offered.media) where section.port != 0 {
        #expect(section.iceUfrag == local.credentials.ufrag, sourceLocation: sourceLocation)
        #expect(section.icePassword == local.credentials.password, sourceLocation: sourceLocation)
        #expect(section.fingerprints.count == 1, sourceLocation: sourceLocation)
        #expect(section.setup == .passive || section.setup == .active, sourceLocation: sourceLocation)
        if section.kind == .application {
            #expect(section.formats == offered.formats, sourceLocation: sourceLocation)
            continue
        }
        #expect(section.multiplexesRTCP, sourceLocation: sourceLocation)
        #expect(Set(section.formats).isSubset(of: offered.formats), sourceLocation: sourceLocation)
        #expect(section.rtpMaps.map { String($0.payloadType) } == section.formats, sourceLocation: sourceLocation)
        for mapping in section.extensionMappings {
            let matches = (offered.extensionMappings + session).contains {
                $0.id == mapping.id && $0.uri == mapping.uri && $0.direction == mapping.direction?.reversed
            }
            #expect(matches, "\(mapping.text)", sourceLocation: sourceLocation)
        }
        for feedback in section.feedback {
            let matches = offered.feedback.contains {
                $0.value == feedback.value && ($0.payloadType == nil || $0.payloadType == feedback.payloadType)
            }
            #expect(matches, "\(feedback.value)", sourceLocation: sourceLocation)
        }
    }
}
