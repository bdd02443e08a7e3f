import LoadTest
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("What load clients offer")
struct OfferingTests {
    private let fingerprint = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 7, count: 32))
    private let local = LocalDescription(
        credentials: ICECredentials(ufrag: "server00", password: "0123456789012345678901"),
        fingerprint: CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 9, count: 32)),
        candidates: [
            LocalCandidate(kind: .udp, address: SocketAddress(ipv4: 0x7f00_0001, port: 7_882)),
            LocalCandidate(kind: .tcp, address: SocketAddress(ipv4: 0x7f00_0001, port: 7_881)),
        ], sessionID: 1)

    private func offer(_ direction: Direction, rids: [String] = []) -> ClientOffer {
        ClientOffer(
            credentials: ICECredentials(ufrag: "client00", password: "abcdefghijklmnopqrstuv"), fingerprint: fingerprint, sessionID: 2,
            sections: [
                .init(mid: "0", kind: .audio, direction: direction, codecs: [ClientOffer.opus], trackID: direction.sends ? "m" : nil),
                .init(
                    mid: "1", kind: .video, direction: direction,
                    codecs: direction.sends ? [ClientOffer.videoCodecs[0]] : ClientOffer.videoCodecs,
                    rids: rids, trackID: direction.sends ? "c" : nil),
            ])
    }

    @Test("a publisher's offer is taken whole, and its answer read back says the same")
    func publishing() throws {
        let offer = offer(.sendonly, rids: ["q", "h", "f"])
        let answered = try PublisherAnswer(offer: offer.text, local: local)
        #expect(answered.media.map(\.rids) == [[], ["q", "h", "f"]])
        #expect(answered.transport.remote == offer.credentials)
        #expect(answered.transport.fingerprints == [fingerprint])
        let answer = try ServerAnswer(answered.sdp, to: offer)
        #expect(answer.transport.remote == local.credentials)
        #expect(answer.transport.fingerprints == [local.fingerprint])
        #expect(answer.transport.role == .client)
        #expect(answer.candidates == [SocketAddress(ipv4: 0x7f00_0001, port: 7_882)])
        #expect(answer.tcpCandidates == [SocketAddress(ipv4: 0x7f00_0001, port: 7_881)])
        #expect(answer.sections.map(\.sends) == [true, true])
        #expect(answer.sections.map(\.receives) == [false, false])
        for (ours, theirs) in zip(answer.sections, answered.media) {
            #expect(ours.parameters.codecs.map(\.payloadType) == theirs.codecs.map(\.payloadType))
            #expect(ours.parameters.codecs.first?.rtxPayloadType == theirs.codecs.first?.rtxPayloadType)
            #expect(ours.parameters.extensions == theirs.extensions)
            #expect(ours.parameters.rids == theirs.rids)
        }
    }

    @Test("a subscriber learns from the answer under which SSRCs it is sent what")
    func watching() throws {
        let offer = offer(.recvonly)
        let tracks = [
            TrackDescription(codec: .opus, format: "", streamID: "s", trackID: "sound"),
            TrackDescription(codec: .vp8, format: "", streamID: "s", trackID: "picture"),
        ]
        let answered = try ViewerAnswer(offer: offer.text, local: local, tracks: tracks, entropy: .seeded(1))
        let answer = try ServerAnswer(answered.sdp, to: offer)
        #expect(answer.sections.map(\.receives) == [true, true])
        #expect(answer.sections.map(\.trackID) == ["sound", "picture"])
        #expect(answer.sections.map(\.parameters.streams) == answered.media.map(\.streams))
        #expect(answer.extensions[.transportCC] != 0)
    }

    @Test("a trickled candidate says where to send checks; what is none, or leads nowhere, says nothing")
    func trickling() {
        func reachable(_ candidate: String) -> ServerAnswer.Reachable? {
            ServerAnswer.reachable(trickled: "{\"candidate\":\"\(candidate)\",\"sdpMid\":\"0\",\"sdpMLineIndex\":0}")
        }
        let udp = reachable("candidate:1 1 udp 2130706431 10.0.0.1 7882 typ host")
        #expect(udp?.address == SocketAddress(ipv4: 0x0a00_0001, port: 7_882) && udp?.isTCP == false)
        let tcp = reachable("candidate:1 1 tcp 1 10.0.0.1 7881 typ host tcptype passive")
        #expect(tcp?.address == SocketAddress(ipv4: 0x0a00_0001, port: 7_881) && tcp?.isTCP == true)
        for text in [
            "", "candidate:", "candidate:1 1 tcp 1 10.0.0.1 9 typ host tcptype active", "candidate:1 1 udp 1 a.local 1 typ host",
        ] {
            #expect(reachable(text) == nil)
        }
        #expect(ServerAnswer.reachable(trickled: "[]") == nil)
    }

    @Test(
        "what is no answer to it is refused with a sentence",
        arguments: ["", "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"])
    func noAnswers(text: String) {
        #expect(throws: LoadError.self) { try ServerAnswer(text, to: offer(.recvonly)) }
    }
}
