import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("The answer to a publisher")
struct PublisherAnswerTests {
    private func answer(_ sections: [String]..., session: [String] = theirTransport, group: String? = "BUNDLE 0 1") throws
        -> PublisherAnswer
    {
        let text =
            (["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"] + (group.map { ["a=group:" + $0] } ?? []) + session
            + sections.flatMap(\.self))
            .joined(separator: "\n")
        let answer = try PublisherAnswer(offer: text, local: local)
        try expectWellFormed(answer.sdp, for: text)
        return answer
    }

    private func codec(_ codecs: [String], _ more: [String] = []) throws -> CodecParameters {
        try #require(try answer(section(codecs, more)).media.first?.codecs.first)
    }

    @Test("takes the first supported codec of the offer, and one only")
    func firstCodec() throws {
        let chosen = try answer(section(["100 H265/90000", "98 VP9/90000", "96 VP8/90000"])).media.first?.codecs
        #expect(chosen?.map(\.codec) == [.vp9])
        #expect(try codec(["96 vp8/90000"]).codec == .vp8)
        #expect(try codec(["45 AV1/90000", "96 VP8/90000"]).payloadType == 45)
    }

    @Test("agrees to reference times where they are offered (RFC 3611 §4.4), and tells nothing by stream")
    func referenceTimes() throws {
        let text = ["rtcp-fb:96 rrtr", "rtcp-fb:* ack ccfb"]
        let answer = try answer(section(["96 VP8/90000"], text))
        #expect(try SessionDescription(parsing: answer.sdp).media[0].feedback.map(\.value) == ["rrtr"])
        #expect(answer.media[0].codecs[0].referenceTime && !answer.media[0].codecs[0].congestionFeedback)
        #expect(try !codec(["96 VP8/90000"]).referenceTime)
    }

    @Test("takes of one codec what most others decode")
    func profiles() throws {
        let h264 = ["100 H264/90000", "101 H264/90000", "102 H264/90000"]
        let formats = [
            "fmtp:100 packetization-mode=0;profile-level-id=42e01f",
            "fmtp:101 profile-level-id=64001f;packetization-mode=1;sprop-parameter-sets=Z0I=",
            "fmtp:102 packetization-mode=1;profile-level-id=42e01f",
        ]
        #expect(try codec(h264, formats).format == "profile-level-id=64001f;packetization-mode=1")
        #expect(try codec(["100 H264/90000"], [formats[0]]).payloadType == 100)
        #expect(try codec(["98 VP9/90000", "99 VP9/90000"], ["fmtp:98 profile-id=2", "fmtp:99 profile-id=0"]).payloadType == 99)
        #expect(try codec(["98 VP9/90000"], ["fmtp:98 profile-id=2;x=y"]).format == "profile-id=2")
        #expect(publisherRefusal(offer(section(["100 H264/90000"], ["fmtp:100 profile-level-id=42e0"])))?.status == 422)
        #expect(publisherRefusal(offer(section(["100 H264/90000"], ["fmtp:100 packetization-mode=2"])))?.status == 422)
    }

    @Test("takes Opus as opus/48000/2 (RFC 7587 §4.1), with stereo only where it was offered")
    func opus() throws {
        let audio = try answer(
            section(kind: "audio", mid: "0", ["110 opus/48000", "111 OPUS/48000/2"], ["fmtp:111 stereo=1;sprop-stereo=1;x=y"])
        ).media
        #expect(audio.first?.codecs == [CodecParameters(codec: .opus, payloadType: 111, format: "stereo=1")])
        #expect(publisherRefusal(offer(section(kind: "audio", mid: "0", ["111 opus/48000"])))?.status == 422)
    }

    @Test("leaves payload types 64 to 95 alone (RFC 5761 §4)")
    func payloadTypes() throws {
        #expect(try codec(["64 VP8/90000", "95 VP8/90000", "35 VP8/90000"]).payloadType == 35)
        #expect(publisherRefusal(offer(section(["72 VP8/90000"])))?.status == 422)
        #expect(try codec(["96 VP8/90000", "70 rtx/90000"], ["rtcp-fb:96 nack", "fmtp:70 apt=96"]).rtxPayloadType == nil)
    }

    @Test("answers the feedback it knows, and REMB only where transport-wide feedback is not to be had")
    func feedback() throws {
        let offered = [
            "rtcp-fb:* nack", "rtcp-fb:96 nack pli", "rtcp-fb:96 ack ccfb", "rtcp-fb:* ccm fir", "rtcp-fb:96 goog-remb",
            "rtcp-fb:96 transport-cc",
        ]
        let withIt = try answer(section(["96 VP8/90000"], offered + ["extmap:3 \(HeaderExtension.transportCC.uri)"]))
        #expect(
            withIt.media.first?.codecs == [
                CodecParameters(codec: .vp8, payloadType: 96, nack: true, pli: true, fir: true, transportCC: true)
            ])
        #expect(withIt.media.first?.extensions[.transportCC] == 3)
        #expect(!withIt.sdp.contains("ccfb") && !withIt.sdp.contains("remb"))
        // Feedback without the extension, or the extension without feedback, is no transport-wide feedback.
        let noExtension = try answer(section(["96 VP8/90000"], offered))
        #expect(noExtension.media.first?.codecs.first?.transportCC == false)
        #expect(noExtension.sdp.contains("a=rtcp-fb:96 goog-remb\r\n"))
        let noFeedback = try answer(section(["96 VP8/90000"], ["extmap:3 \(HeaderExtension.transportCC.uri)"]))
        #expect(noFeedback.media.first?.extensions[.transportCC] == 0)
        #expect(!noFeedback.sdp.contains("a=extmap"))
    }

    @Test("answers the extensions it knows, at the ids offered and within the form agreed")
    func extensions() throws {
        let mid = HeaderExtension.mid.uri
        let time = HeaderExtension.absSendTime.uri
        let plain = try answer(section(["96 VP8/90000"], ["extmap:14 \(mid)", "extmap:16 \(time)", "extmap:2 urn:unknown"]))
        #expect(plain.media.first?.extensions[.mid] == 14)
        #expect(plain.media.first?.extensions[.absSendTime] == 0)
        let mixed = try answer(section(["96 VP8/90000"], ["extmap-allow-mixed", "extmap:15 \(mid)", "extmap:16 \(time)"]))
        #expect(mixed.media.first?.extensions[.mid] == 0)
        #expect(mixed.media.first?.extensions[.absSendTime] == 16)
        #expect(try #require(SessionDescription(parsing: mixed.sdp).media.first).allowsMixedExtensions)
        let directed = try answer(section(["96 VP8/90000"], ["extmap:1/sendonly \(mid)", "extmap:2/recvonly \(time)"]))
        #expect(directed.sdp.contains("a=extmap:1/recvonly \(mid)\r\n"))
        #expect(directed.media.first?.extensions[.absSendTime] == 0)
        let inherited = try answer(section(["96 VP8/90000"]), session: theirTransport + ["a=extmap:5 \(mid)"])
        #expect(inherited.media.first?.extensions[.mid] == 5)
    }

    @Test("keeps ids, payload types and SSRCs unambiguous within the bundle")
    func bundleAgreement() throws {
        let mid = HeaderExtension.mid.uri
        let time = HeaderExtension.absSendTime.uri
        let first = section(mid: "0", ["96 VP8/90000"], ["extmap:1 \(mid)", "ssrc:5 cname:x"])
        let clash = section(mid: "1", ["96 VP9/90000"], ["extmap:1 \(time)"])
        let clashing = try answer(first, clash)
        #expect(clashing.media.map(\.mid) == ["0"])
        let second = section(
            mid: "1", ["96 VP8/90000"], ["extmap:1 \(time)", "extmap:2 \(mid)", "ssrc:5 cname:x", "ssrc:6 cname:x", "ssrc:0 cname:x"])
        let media = try answer(first, second).media
        #expect(media.map { $0.extensions[.mid] } == [1, 0])
        #expect(media.map { $0.extensions[.absSendTime] } == [0, 0])
        #expect(media.map { $0.streams.map(\.ssrc) } == [[SSRC(5)], [SSRC(6)]])
    }

    @Test("reads announced streams: pairs, layers in their order, and no more than eight")
    func streams() throws {
        let announced = [
            "ssrc-group:SIM 30 20 10", "ssrc-group:FID 10 11", "ssrc-group:FID 20 21", "ssrc:10 cname:x", "ssrc:11 cname:x",
            "ssrc:20 cname:x", "ssrc:21 cname:x", "ssrc:30 cname:x",
        ]
        let streams = try #require(try answer(section(["96 VP8/90000"], announced)).media.first?.streams)
        #expect(streams.map(\.ssrc.rawValue) == [30, 20, 10])
        #expect(streams.map(\.rtxSSRC?.rawValue) == [nil, 21, 11])
        let many = (1...1_000).map { "ssrc:\($0) cname:x" }
        #expect(try answer(section(["96 VP8/90000"], many)).media.first?.streams.count == 8)
    }

    @Test("turns simulcast round: first alternatives, no pauses, no repeats, nothing undefined")
    func simulcast() throws {
        let rid = "extmap:10 \(HeaderExtension.rid.uri)"
        let rids = ["a", "b", "c"].map { "rid:\($0) send" }
        func layers(_ more: [String]) throws -> [String]? { try answer(section(["96 VP8/90000"], more)).media.first?.rids }
        #expect(try layers([rid] + rids + rids + ["simulcast:send a;~b;c"]) == ["a", "b", "c"])
        #expect(try layers([rid] + rids + ["simulcast:send b,c;a;b;x"]) == ["b", "a"])
        #expect(try layers([rid, "rid:a send pt=97", "rid:b send pt=96", "simulcast:send a,b"]) == ["b"])
        // A lone rid without simulcast, or simulcast without the extension that tells layers apart, is one stream.
        #expect(try layers([rid] + rids) == [])
        #expect(try layers(rids + ["simulcast:send a;b"]) == [])
        let five = (1...5).map { "rid:\($0) send" }
        let refusal = publisherRefusal(offer(section(["96 VP8/90000"], [rid] + five + ["simulcast:send 1;2;3;4;5"])))
        #expect(refusal?.status == 422)
        #expect(try layers([rid] + five + ["simulcast:send 1;2;3;4"])?.count == 4)
        let long = String(repeating: "x", count: 17)
        #expect(publisherRefusal(offer(section(["96 VP8/90000"], [rid, "rid:\(long) send", "simulcast:send \(long)"])))?.status == 422)
    }

    @Test("goes by direction: what does not send is inactive, and somebody must")
    func directions() throws {
        let text = offer(opusSection.map { $0 == "a=sendonly" ? "a=recvonly" : $0 }, vp8Section.filter { $0 != "a=sendonly" })
        let answer = try PublisherAnswer(offer: text, local: local)
        try expectWellFormed(answer.sdp, for: text)
        #expect(try SessionDescription(parsing: answer.sdp).media.map(\.direction) == [.inactive, .recvonly])
        #expect(answer.media.map(\.mid) == ["1"])
        let silent = publisherRefusal(offer(opusSection.map { $0 == "a=sendonly" ? "a=inactive" : $0 }))
        #expect(silent?.status == 422)
        let bySession = publisherRefusal(offer(session: theirTransport + ["a=recvonly"], vp8Section.filter { $0 != "a=sendonly" }))
        #expect(bySession?.status == 422)
    }

    @Test("refuses sections one by one: outside the bundle, refused by the offerer, of another protocol or codec")
    func refusedSections() throws {
        let outside = section(mid: "2", ["96 VP8/90000"])
        let withdrawn = section(mid: "3", port: 0, ["96 VP8/90000"])
        let plain = section(mid: "4", ["96 VP8/90000"]).map { $0.hasPrefix("m=") ? "m=video 9 RTP/AVP 96" : $0 }
        let unknown = section(mid: "5", ["96 H265/90000"])
        let channel = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:6"]
        let bundled = section(mid: "7", port: 0, ["96 VP8/90000"], ["bundle-only"])
        let answer = try answer(opusSection, outside, withdrawn, plain, unknown, channel, bundled, group: "BUNDLE 0 3 4 5 6 7")
        let written = try SessionDescription(parsing: answer.sdp)
        #expect(written.media.map { $0.port != 0 } == [true, false, false, false, false, false, true])
        #expect(written.groups.first?.mids == ["0", "7"])
        #expect(written.media[5].formats == ["webrtc-datachannel"])
    }

    @Test("takes a lone section without a bundle, but not two")
    func noBundle() throws {
        let alone = try answer(opusSection.filter { $0 != "a=mid:0" }, group: nil)
        #expect(alone.media.map(\.mid) == [""])
        #expect(!alone.sdp.contains("a=group"))
        #expect(publisherRefusal(offer(group: nil, opusSection, vp8Section))?.status == 422)
    }

    @Test("wants rtcp-mux, except of a bundle-only section, which borrows it")
    func rtcpMux() throws {
        #expect(publisherRefusal(offer(opusSection.filter { $0 != "a=rtcp-mux" }))?.status == 422)
        let borrowed = section(mid: "1", port: 0, ["96 VP8/90000"], ["bundle-only"]).filter { $0 != "a=rtcp-mux" }
        #expect(try answer(opusSection, borrowed).media.count == 2)
    }

    @Test("names what is supported when nothing offered is")
    func nothingUsable() {
        let refusal = publisherRefusal(offer(section(kind: "audio", mid: "0", ["0 PCMU/8000"]), section(["96 H265/90000"])))
        #expect(refusal?.status == 422)
        for name in ["Opus", "VP8", "VP9", "H264", "AV1"] { #expect(refusal?.sentence.contains(name) == true) }
    }

    @Test("is 400 for what is no offer, 413 for too much, 422 for too little")
    func statuses() {
        #expect(publisherRefusal("")?.status == 400)
        #expect(publisherRefusal("{}")?.status == 400)
        #expect(publisherRefusal(offer(opusSection, section(mid: "0", ["96 VP8/90000"])))?.status == 400)
        #expect(publisherRefusal(offer(section(mid: "a b", ["96 VP8/90000"])))?.status == 400)
        #expect(publisherRefusal(offer())?.status == 422)
        #expect(
            publisherRefusal(offer(group: "BUNDLE 12345678901234567", section(mid: "12345678901234567", ["96 VP8/90000"])))?.status == 422)
        #expect(publisherRefusal(offer() + String(repeating: "a=x\r\n", count: 5_000))?.status == 413)
        #expect(publisherRefusal(String(repeating: "x", count: 200_000))?.status == 413)
    }
}
