import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("The answer to a viewer")
struct ViewerAnswerTests {
    private func answer(_ sections: [String]..., tracks: [TrackDescription], seed: UInt64 = 1) throws -> ViewerAnswer {
        let text = offer(group: "BUNDLE 0 1 2", sections.flatMap(\.self))
        let answer = try ViewerAnswer(offer: text, local: local, tracks: tracks, entropy: .seeded(seed))
        try expectWellFormed(answer.sdp, for: text)
        return answer
    }

    private let audio = section(kind: "audio", mid: "0", direction: "recvonly", ["111 opus/48000/2"])
    private let video = section(direction: "recvonly", ["96 VP8/90000", "98 VP9/90000"])

    @Test("gives the first section of a kind the first track, and leaves the others silent")
    func assignment() throws {
        let second = section(mid: "2", direction: "recvonly", ["96 VP8/90000", "98 VP9/90000"])
        let answer = try answer(audio, video, second, tracks: [vp8Track, opusTrack])
        #expect(answer.media.map(\.mid) == ["0", "1"])
        #expect(try SessionDescription(parsing: answer.sdp).media.map(\.direction) == [.sendonly, .sendonly, .inactive])
    }

    @Test("passes over sections that do not receive")
    func sending() throws {
        let answer = try answer(
            section(mid: "1", ["96 VP8/90000"]), section(mid: "2", direction: "sendrecv", ["96 VP8/90000"]), tracks: [vp8Track])
        #expect(answer.media.map(\.mid) == ["2"])
        #expect(viewerRefusal(offer(opusSection, vp8Section))?.status == 422)
    }

    @Test("plays one kind alone where the other is not there on either side")
    func oneKind() throws {
        #expect(try answer(video, tracks: [vp8Track, opusTrack]).media.map(\.kind) == [.video])
        let both = try answer(audio, video, tracks: [opusTrack])
        #expect(both.media.map(\.kind) == [.audio])
        #expect(viewerRefusal(offer(audio), [vp8Track])?.sentence.contains("video") == true)
        #expect(viewerRefusal(offer(audio, video), [])?.status == 422)
    }

    @Test("agrees to nack where there is no rtx, and to no stream of retransmissions then", arguments: [false, true])
    func plainRepair(hasRTX: Bool) throws {
        let rtx = hasRTX ? ["97 rtx/90000"] : []
        let text = offer(
            group: "BUNDLE 1",
            section(
                direction: "recvonly", ["96 VP8/90000"] + rtx,
                ["rtcp-fb:96 nack", "rtcp-fb:96 nack pli"] + (hasRTX ? ["fmtp:97 apt=96"] : [])))
        let answer = try ViewerAnswer(offer: text, local: local, tracks: [vp8Track], entropy: .seeded(1))
        let written = try SessionDescription(parsing: answer.sdp).media[0]
        #expect(written.feedback.map(\.value).contains("nack") && written.formats == (hasRTX ? ["96", "97"] : ["96"]))
        #expect(answer.sdp.contains("ssrc-group") == hasRTX)
        let agreed = try #require(answer.media.first)
        #expect(agreed.codecs.map(\.nack) == [true] && agreed.codecs.map(\.rtxPayloadType) == [hasRTX ? 97 : nil])
        #expect((agreed.streams.first?.rtxSSRC != nil) == hasRTX)
    }

    @Test("takes feedback by stream where nothing better is offered, for all payload types (RFC 8888 §6)")
    func congestionFeedback() throws {
        let uri = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
        func told(_ more: [String]) throws -> (feedback: [String], codec: CodecParameters) {
            // A wildcard in the answer is of one in the offer, for whoever compares them.
            let text = offer(group: "BUNDLE 1", section(direction: "recvonly", ["96 VP8/90000"], more))
            let answer = try ViewerAnswer(offer: text, local: local, tracks: [vp8Track], entropy: .seeded(1))
            let written = try SessionDescription(parsing: answer.sdp).media[0].feedback
            return (
                written.map { "\($0.payloadType.map { String($0) } ?? "*") \($0.value)" },
                try #require(answer.media.first?.codecs.first)
            )
        }
        var (feedback, codec) = try told(["rtcp-fb:* ack ccfb", "rtcp-fb:96 goog-remb"])
        #expect(feedback == ["* ack ccfb"] && codec.congestionFeedback)
        (feedback, codec) = try told(["rtcp-fb:96 ack ccfb", "rtcp-fb:96 nack"])
        #expect(feedback == ["* ack ccfb", "96 nack"] && codec.congestionFeedback)
        (feedback, codec) = try told(["rtcp-fb:* ack ccfb", "rtcp-fb:96 transport-cc", "extmap:3 \(uri)"])
        #expect(feedback == ["96 transport-cc"] && !codec.congestionFeedback && codec.transportCC)
        (feedback, codec) = try told(["rtcp-fb:* ack ccfb", "rtcp-fb:96 transport-cc"])
        #expect(feedback == ["* ack ccfb"] && codec.congestionFeedback && !codec.transportCC)
    }

    @Test("puts the track's codec first and keeps the rest in the order of the offer")
    func codecOrder() throws {
        let many = section(
            direction: "recvonly", ["96 VP8/90000", "100 H264/90000", "98 VP9/90000", "45 AV1/90000", "99 H265/90000"],
            ["fmtp:100 packetization-mode=1;profile-level-id=42e01f"])
        let vp9 = TrackDescription(codec: .vp9, format: "profile-id=0", streamID: "s", trackID: "t")
        let answer = try answer(many, tracks: [vp9])
        #expect(answer.media.first?.codecs.map(\.codec) == [.vp9, .vp8, .h264, .av1])
        #expect(try SessionDescription(parsing: answer.sdp).media.first?.formats == ["98", "96", "100", "45"])
    }

    @Test(
        "sends H264 in the nearest profile of packetization mode 1",
        arguments: [
            ("42e01f", 102), ("42c00d", 102), ("42001f", 101), ("42000d", 101), ("4d001f", 103), ("4d401f", 103), ("640032", 101),
            ("4d801f", 101),
        ])
    func h264(profile: String, payloadType: UInt8) throws {
        let offered = section(
            direction: "recvonly", ["100 H264/90000", "101 H264/90000", "102 H264/90000", "103 H264/90000"],
            [
                "fmtp:100 packetization-mode=0;profile-level-id=\(profile)", "fmtp:101 packetization-mode=1;profile-level-id=42001f",
                "fmtp:102 packetization-mode=1;profile-level-id=42e01f", "fmtp:103 packetization-mode=1;profile-level-id=4d001f",
            ])
        let track = TrackDescription(codec: .h264, format: "packetization-mode=1;profile-level-id=\(profile)", streamID: "s", trackID: "t")
        let codecs = try #require(try answer(offered, tracks: [track]).media.first?.codecs)
        #expect(codecs.first?.payloadType == payloadType)
        #expect(codecs.count == 3)
    }

    @Test("names the codec that the viewer does not take")
    func missingCodec() {
        let h264 = TrackDescription(codec: .h264, format: "packetization-mode=1;profile-level-id=42e01f", streamID: "s", trackID: "t")
        #expect(viewerRefusal(offer(video), [h264])?.sentence.contains("H264") == true)
        #expect(viewerRefusal(offer(audio, video), [opusTrack, h264])?.status == 422)
        let mode0 = section(direction: "recvonly", ["100 H264/90000"], ["fmtp:100 profile-level-id=42e01f"])
        #expect(viewerRefusal(offer(mode0), [h264])?.status == 422)
        let deep = TrackDescription(codec: .vp9, format: "profile-id=2", streamID: "s", trackID: "t")
        #expect(viewerRefusal(offer(video), [deep])?.sentence.contains("VP9 profile 2") == true)
        #expect(viewerRefusal(FirefoxOffers.watch, [h264])?.status == 422)
    }

    @Test("has SSRCs of its own, all different, and the same again from the same entropy")
    func ssrcs() throws {
        let offered = section(direction: "recvonly", ["96 VP8/90000", "97 rtx/90000"], ["rtcp-fb:96 nack", "fmtp:97 apt=96"])
        let first = try answer(audio, offered, tracks: [opusTrack, vp8Track])
        let again = try answer(audio, offered, tracks: [opusTrack, vp8Track])
        let other = try answer(audio, offered, tracks: [opusTrack, vp8Track], seed: 2)
        let ssrcs = { (answer: ViewerAnswer) in answer.media.flatMap { $0.streams.flatMap { [$0.ssrc, $0.rtxSSRC] } }.compactMap(\.self) }
        #expect(first.sdp == again.sdp)
        #expect(first.sdp != other.sdp)
        #expect(Set(ssrcs(first)).count == 3)
        #expect(Set(ssrcs(first)).isDisjoint(with: ssrcs(other)))
        #expect(first.sdp.contains("a=ssrc-group:FID \(ssrcs(first)[1]) \(ssrcs(first)[2])\r\n"))
    }

    @Test("sends the dependency descriptor where both forms of extensions may be mixed", arguments: [false, true])
    func dependencyDescriptor(isMixed: Bool) throws {
        let extensions = ["extmap:7 \(HeaderExtension.dependencyDescriptor.uri)"] + (isMixed ? ["extmap-allow-mixed"] : [])
        let answer = try answer(section(kind: "video", mid: "1", direction: "recvonly", ["96 VP8/90000"], extensions), tracks: [vp8Track])
        #expect(answer.media.first?.extensions[.dependencyDescriptor] == (isMixed ? 7 : 0))
    }

    @Test("stamps mid, abs-send-time, transport-cc and audio level, and no rid")
    func extensions() throws {
        let all = HeaderExtension.allCases.enumerated().map { "extmap:\($0.offset + 1) \($0.element.uri)" }
        let offered = { (kind: String, mid: String, codec: String) in
            section(kind: kind, mid: mid, direction: "recvonly", [codec], all + ["rtcp-fb:* transport-cc"])
        }
        let answer = try answer(
            offered("audio", "0", "111 opus/48000/2"), offered("video", "1", "96 VP8/90000"), tracks: [opusTrack, vp8Track])
        #expect(
            answer.media.map { media in HeaderExtension.allCases.map { media.extensions[$0] } } == [
                [1, 0, 0, 4, 5, 6, 0], [1, 0, 0, 4, 5, 0, 0],
            ])
        #expect(answer.media.map { $0.codecs.first?.transportCC } == [true, true])
    }

    @Test("writes names of any kind as tokens")
    func names() throws {
        let track = TrackDescription(codec: .vp8, format: "", streamID: "a b\r\na=ice-lite é", trackID: "")
        let answer = try answer(video, tracks: [track])
        let msid = try #require(SessionDescription(parsing: answer.sdp).media.first?.mediaStreamIDs.first)
        #expect(msid.stream == "a_b__a_ice-lite___")
        #expect(msid.track == "-")
    }
}
