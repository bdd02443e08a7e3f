import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

let someFingerprint = "a=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":")

/// What the tests answer with.
let local = LocalDescription(
    credentials: ICECredentials(ufrag: "ouru", password: "ourpasswordourpasswordour"),
    fingerprint: CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 0x0c, count: 32)),
    candidates: [
        LocalCandidate(kind: .tcp, address: SocketAddress(ipv4: 0xc000_0201, port: 7881)),
        LocalCandidate(kind: .udp, address: SocketAddress(ipv4: 0xc000_0201, port: 7882)),
        LocalCandidate(kind: .udp, address: SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 7882)),
    ],
    sessionID: 42)

/// An offer from the lines of its sections, with a session part that has all a transport needs.
func offer(group: String? = "BUNDLE 0 1", session: [String] = [], _ sections: [String]...) -> String {
    var lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if let group { lines.append("a=group:" + group) }
    lines += ["a=ice-ufrag:them", "a=ice-pwd:theirpasswordtheirpasswd", someFingerprint, "a=setup:actpass"] + session
    return (lines + sections.flatMap(\.self)).joined(separator: "\r\n") + "\r\n"
}

let opusSection = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:0 PCMU/8000",
]
let vp8Section = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:1", "a=sendonly", "a=rtcp-mux", "a=rtpmap:96 VP8/90000",
    "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli",
]

@Test("A plain offer of Opus and VP8 is received whole")
func plainOffer() throws {
    let answer = try PublisherAnswer(offer: offer(opusSection, vp8Section), local: local)
    #expect(answer.media.map(\.mid) == ["0", "1"])
    #expect(answer.media.map(\.codecs.first?.codec) == [.opus, .vp8])
    #expect(answer.media.last?.codecs.first?.rtxPayloadType == 97)
    #expect(answer.transport.role == .server)
    let written = try SessionDescription(parsing: answer.sdp)
    #expect(written.groups.first?.mids == ["0", "1"])
    #expect(written.media.map(\.direction) == [.recvonly, .recvonly])
}
