import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("The transport")
struct TransportTests {
    @Test(
        "role follows a=setup",
        arguments: [("actpass", DTLSRole.server, "passive"), ("active", .server, "passive"), ("passive", .client, "active")])
    func setup(offered: String, role: DTLSRole, answered: String) throws {
        let session = theirTransport.dropLast() + ["a=setup:\(offered)"]
        let answer = try PublisherAnswer(offer: offer(session: Array(session), opusSection, vp8Section), local: local)
        #expect(answer.transport.role == role)
        #expect(answer.sdp.contains("a=setup:\(answered)\r\n"))
    }

    @Test("comes from the bundle's first accepted section before the session's")
    func taggedSection() throws {
        let own = ["a=ice-ufrag:mine", "a=ice-pwd:minepasswordminepasswordm"]
        let answer = try PublisherAnswer(offer: offer(group: "BUNDLE 1 0", opusSection, vp8Section + own), local: local)
        #expect(answer.transport.remote.ufrag == "mine")
        let written = try SessionDescription(parsing: answer.sdp)
        #expect(written.groups.first?.mids == ["1", "0"])
        #expect(written.media.map { $0.candidates.isEmpty } == [true, false])
        let other = try PublisherAnswer(offer: offer(group: "BUNDLE 0 1", opusSection, vp8Section + own), local: local)
        #expect(other.transport.remote.ufrag == "them")
    }

    @Test("is found in a later section when the bundle's first is refused")
    func taggedSectionRefused() throws {
        let audio = section(kind: "audio", mid: "0", ["0 PCMU/8000"])
        let text = offer(session: [], audio + ["a=ice-ufrag:none"], vp8Section + theirTransport)
        let answer = try PublisherAnswer(offer: text, local: local)
        #expect(answer.transport.remote.ufrag == "them")
        #expect(answer.media.map(\.mid) == ["1"])
        try expectWellFormed(answer.sdp, for: text)
    }

    @Test("fingerprints: known hashes of the right length, others passed over")
    func fingerprints() throws {
        let session = [
            "a=fingerprint:sha-1 " + Array(repeating: "00", count: 20).joined(separator: ":"), "a=fingerprint:sha-256 AB:CD",
            "a=fingerprint:SHA-512 " + Array(repeating: "EF", count: 64).joined(separator: ":"),
        ]
        let answer = try PublisherAnswer(offer: offer(session: theirTransport + session, opusSection, vp8Section), local: local)
        #expect(answer.transport.fingerprints.map(\.algorithm) == [.sha256, .sha512])
    }

    @Test("that cannot be is refused with 422 and a sentence")
    func unusable() {
        let cases: [(String, [String])] = [
            ("no credentials", theirTransport.filter { !$0.hasPrefix("a=ice") }),
            ("half of the credentials", theirTransport.filter { !$0.hasPrefix("a=ice-pwd") }),
            ("a short ufrag", theirTransport.map { $0.hasPrefix("a=ice-ufrag") ? "a=ice-ufrag:abc" : $0 }),
            ("a long ufrag", theirTransport.map { $0.hasPrefix("a=ice-ufrag") ? "a=ice-ufrag:" + String(repeating: "a", count: 257) : $0 }),
            ("a ufrag with a colon", theirTransport.map { $0.hasPrefix("a=ice-ufrag") ? "a=ice-ufrag:ab:cd" : $0 }),
            ("a short password", theirTransport.map { $0.hasPrefix("a=ice-pwd") ? "a=ice-pwd:" + String(repeating: "a", count: 21) : $0 }),
            ("no fingerprint", theirTransport.filter { !$0.hasPrefix("a=fingerprint") }),
            ("sha-1 only", theirTransport.map { $0.hasPrefix("a=fingerprint") ? "a=fingerprint:sha-1 00:11" : $0 }),
            ("holdconn", theirTransport.dropLast() + ["a=setup:holdconn"]), ("two lite sides", theirTransport + ["a=ice-lite"]),
        ]
        for (name, session) in cases {
            for refusal in [
                publisherRefusal(offer(session: session, opusSection, vp8Section)),
                viewerRefusal(offer(session: session, opusSection, vp8Section.map { $0 == "a=sendonly" ? "a=recvonly" : $0 })),
            ] {
                #expect(refusal?.status == 422, "\(name)")
                #expect(refusal?.sentence.hasSuffix(".") == true, "\(name)")
            }
        }
    }

    @Test("without candidates is written with the placeholder address")
    func noCandidates() throws {
        var local = local
        local.candidates = []
        let written = try SessionDescription(parsing: PublisherAnswer(offer: offer(opusSection, vp8Section), local: local).sdp)
        #expect(written.media.map(\.port) == [9, 9])
        #expect(written.media.first?.connection == .unspecified)
    }

    @Test("candidates: UDP before TCP, priorities falling, TCP passive, the default one in m= and c=")
    func candidates() throws {
        let written = try SessionDescription(parsing: PublisherAnswer(offer: offer(opusSection, vp8Section), local: local).sdp)
        let candidates = try #require(written.media.first?.candidates)
        #expect(candidates.map(\.transport) == ["udp", "udp", "tcp"])
        #expect(candidates.map(\.address) == ["192.0.2.1", "2001:db8::1", "192.0.2.1"])
        #expect(candidates.map(\.tcpType) == [nil, nil, "passive"])
        #expect(candidates.map(\.priority) == candidates.map(\.priority).sorted(by: >))
        #expect(Set(candidates.map(\.foundation)).count == 3)
        #expect(written.media.first?.hasAllCandidates == true)
        #expect(written.media.map(\.port) == [7882, 7882])
        #expect(written.media.last?.connection == Connection(addressType: "IP4", address: "192.0.2.1"))
    }
}
