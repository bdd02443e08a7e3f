import SDP
import Testing

/// A section with these attributes and nothing else.
private func section(_ lines: String...) throws -> MediaSection {
    let text = smallest + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + lines.map { "a=\($0)\r\n" }.joined()
    return try #require(SessionDescription(parsing: text).media.first)
}

@Suite("Attributes")
struct AttributeTests {
    @Test("rtpmap: payload type, name, rate and channels (RFC 8866 §6.6)")
    func rtpMaps() throws {
        let maps = try section(
            "rtpmap:111 opus/48000/2", "rtpmap:96 VP8/90000", "rtpmap:9 G722/8000/1 ", "rtpmap:128 x/1", "rtpmap:1 x", "rtpmap:1 x/0",
            "rtpmap:1 x/y", "rtpmap:-1 x/1", "rtpmap:1 x/1/0", "rtpmap:1 x/1/2/3", "rtpmap", "rtpmap:"
        ).rtpMaps
        #expect(maps.map(\.text) == ["111 opus/48000/2", "96 VP8/90000", "9 G722/8000"])
    }

    @Test("fmtp: keys without case, values as they are, order kept")
    func formatParameters() throws {
        let attribute = try #require(try section("fmtp:96 a=1; B=2 ;c;;=x; d=e=f;a=9").formatAttributes.first)
        let parameters = FormatParameters(parsing: attribute.parameters)
        #expect(parameters["A"] == "1")
        #expect(parameters["b"] == "2")
        #expect(parameters["c"] == "")
        #expect(parameters["d"] == "e=f")
        #expect(parameters["e"] == nil)
        #expect(parameters.keeping(["d", "a", "c"]).text == "a=1;c;d=e=f")
        #expect(FormatParameters(parsing: String(repeating: "k=v;", count: 1_000)).items.count == 64)
    }

    @Test("rtcp-fb: one payload type or all (RFC 4585 §4.2)")
    func feedback() throws {
        let feedback = try section("rtcp-fb:96 nack", "rtcp-fb:96  nack  pli", "rtcp-fb:* ccm fir", "rtcp-fb:96", "rtcp-fb:x nack").feedback
        #expect(feedback.map(\.payloadType) == [96, 96, nil])
        #expect(feedback.map(\.value) == ["nack", "nack pli", "ccm fir"])
    }

    @Test("extmap: ids, directions, and the range that only asks for an id (RFC 8285 §6, §8)")
    func extensionMappings() throws {
        let mappings = try section(
            "extmap:1 urn:a", "extmap:14/recvonly urn:b attribute", "extmap:255 urn:c", "extmap:4096 urn:d", "extmap:0 urn:x",
            "extmap:256 urn:x",
            "extmap:4352 urn:x", "extmap:1/upwards urn:x", "extmap:1/ urn:x", "extmap:1"
        ).extensionMappings
        #expect(mappings.map(\.text) == ["1 urn:a", "14/recvonly urn:b", "255 urn:c", "4096 urn:d"])
    }

    @Test("direction: the first that is a flag counts")
    func direction() throws {
        #expect(try section("sendonly:x", "recvonly", "inactive").direction == .recvonly)
        #expect(try section("mid:0").direction == nil)
        #expect(Direction.allCases.map(\.reversed) == [.sendrecv, .recvonly, .sendonly, .inactive])
    }

    @Test("ssrc, ssrc-group and msid (RFC 5576 §4, RFC 8830 §2)")
    func sources() throws {
        let media = try section(
            "ssrc:1 cname:a b", "ssrc:4294967295 msid:x y", "ssrc:4294967296 cname:z", "ssrc:2", "ssrc-group:FID 1 2", "ssrc-group:SIM 1",
            "ssrc-group:FID", "ssrc-group:FID 1 x", "msid:- track", "msid:stream", "msid:")
        #expect(media.sourceAttributes.map(\.ssrc) == [1, 4_294_967_295, 2])
        #expect(media.sourceAttributes.first?.attribute == Attribute("cname", "a b"))
        #expect(media.sourceGroups.map(\.ssrcs) == [[1, 2], [1]])
        #expect(media.mediaStreamIDs.map(\.stream) == ["-", "stream"])
        #expect(media.mediaStreamIDs.map(\.track) == ["track", nil])
        let many = "ssrc-group:SIM" + String(repeating: " 7", count: 33)
        #expect(try section(many).sourceGroups.isEmpty)
    }

    @Test("rid and simulcast: alternatives, paused streams, both sides (RFC 8851 §4, RFC 8853 §5.1)")
    func simulcast() throws {
        let media = try section(
            "rid:h send", "rid:m send pt=96,97;max-width=640", "rid:x recv", "rid:bad! send", "rid:y", "rid:z upwards",
            "simulcast:send h,~m;~l recv x")
        #expect(media.restrictionIdentifiers.map(\.id) == ["h", "m", "x"])
        #expect(media.restrictionIdentifiers.map(\.payloadTypes) == [[], [96, 97], []])
        let simulcast = try #require(media.simulcast)
        #expect(simulcast.send.map { $0.map(\.rid) } == [["h", "m"], ["l"]])
        #expect(simulcast.send.map { $0.map(\.isPaused) } == [[false, true], [true]])
        #expect(simulcast.receive.map { $0.map(\.rid) } == [["x"]])
        for bad in [
            "simulcast:send", "simulcast: send rid=h;m", "simulcast:send a send b", "simulcast:up a", "simulcast:send ~",
            "simulcast:send ;",
        ] {
            #expect(try section(bad).simulcast == nil, "\(bad)")
        }
    }

    @Test("fingerprint: hex pairs, the hash in lower case (RFC 8122 §5)")
    func fingerprints() throws {
        let media = try section(
            "fingerprint:SHA-256 0a:FF", "fingerprint:sha-1 1:2", "fingerprint:sha-1 0g", "fingerprint:sha-1", "fingerprint:x 00:")
        #expect(media.fingerprints == [Fingerprint(hash: "sha-256", digest: [0x0a, 0xff])])
        #expect(media.fingerprints.first?.text == "sha-256 0A:FF")
        let long = "fingerprint:x " + Array(repeating: "00", count: 129).joined(separator: ":")
        #expect(try section(long).fingerprints.isEmpty)
    }

    @Test("candidate: host, TCP, multicast names and what cannot be one (RFC 8839 §5.1)")
    func candidates() throws {
        let udp = "1 1 udp 2130706431 192.0.2.1 7882 typ host"
        let tcp = "2 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active"
        let name = "3 1 UDP 1 0b1a.LOCAL 5 typ host generation 0 network-cost 999"
        let media = try section(
            "candidate:" + udp, "candidate:" + tcp, "candidate:" + name, "candidate:1 1 udp 4294967296 192.0.2.1 1 typ host",
            "candidate:1 1 udp 1 192.0.2.1 65536 typ host", "candidate:1 1 udp 1 192.0.2.1 1 type host",
            "candidate:1 1 udp 1 192.0.2.1 1 typ")
        #expect(media.candidates.count == 3)
        #expect(media.candidates.prefix(2).map(\.text) == [udp, tcp])
        #expect(media.candidates.map(\.isMulticastName) == [false, false, true])
    }

    @Test("transport: credentials, setup, options")
    func transport() throws {
        let media = try section(
            "ice-ufrag:abcd", "ice-pwd: secret ", "setup:actpass", "ice-options:trickle ice2", "rtcp-mux-only", "end-of-candidates")
        #expect(media.iceUfrag == "abcd")
        #expect(media.icePassword == "secret")
        #expect(media.setup == .actpass)
        #expect(media.iceOptions == ["trickle", "ice2"])
        #expect(media.multiplexesRTCP)
        #expect(media.hasAllCandidates)
        #expect(try section("setup:upwards").setup == nil)
    }
}
