import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("Redundant audio, negotiated")
struct RedundancyTests {
    private func sound(mid: String = "0", direction: String = "sendonly", _ formats: [String] = ["fmtp:63 111/111"], first: Bool = false)
        -> [String]
    {
        let opus = ["111 opus/48000/2"]
        let red = ["63 red/48000/2"]
        return section(kind: "audio", mid: mid, direction: direction, first ? red + opus : opus + red, formats)
    }

    private func codecs(_ answer: PublisherAnswer) -> [Codec] { answer.media.first?.codecs.map(\.codec) ?? [] }

    @Test("a publisher's is taken in the order of the offer, and told of behind Opus", arguments: [false, true])
    func publisher(first: Bool) throws {
        let text = offer(group: "BUNDLE 0", sound(first: first))
        let answer = try PublisherAnswer(offer: text, local: local)
        try expectWellFormed(answer.sdp, for: text)
        #expect(codecs(answer) == [.opus, .red])
        let written = try #require(try SessionDescription(parsing: answer.sdp).media.first)
        #expect(written.formats == (first ? ["63", "111"] : ["111", "63"]))
        #expect(written.formatAttributes.first { $0.payloadType == 63 }?.parameters == "111/111")
        #expect(written.rtpMaps.first { $0.payloadType == 63 }?.text == "63 red/48000/2")
    }

    @Test(
        "that of anything but one Opus is left out",
        arguments: [
            "", "fmtp:63 111", "fmtp:63 110/110", "fmtp:63 111/110", "fmtp:63 111/", "fmtp:63 /", "fmtp:63 63/63", "fmtp:63 111/111=1",
        ])
    func unusable(format: String) throws {
        let text = offer(group: "BUNDLE 0", sound(format.isEmpty ? [] : [format]))
        #expect(codecs(try PublisherAnswer(offer: text, local: local)) == [.opus])
    }

    @Test("that of pictures is another matter, and left out")
    func pictures() throws {
        let text = offer(group: "BUNDLE 1", section(["96 VP8/90000", "63 red/90000", "64 red/48000/2"], ["fmtp:63 96/96"]))
        #expect(codecs(try PublisherAnswer(offer: text, local: local)) == [.vp8])
    }

    @Test("where an earlier section has given Opus's number away, none is left")
    func contradiction() throws {
        let text = offer(group: "BUNDLE 1 0", section(["111 VP8/90000"]), sound())
        let answer = try PublisherAnswer(offer: text, local: local)
        #expect(answer.media.map { $0.codecs.map(\.codec) } == [[.vp8]])
    }

    @Test("a room's client sends it first, unless it has said that it does not want to", arguments: [false, true])
    func room(isPlain: Bool) throws {
        let text = offer(group: "BUNDLE 0", sound())
        let answer = try RoomAnswer(
            offer: RoomOffer(text, acceptsData: true), local: local, version: 1, receiving: ["0"], plain: isPlain ? ["0"] : [],
            sending: [:],
            cname: "c", publishCodecs: Set(Codec.allCases))
        try expectWellFormed(answer.sdp, for: text)
        #expect(answer.receiving.first?.codecs.map(\.codec) == (isPlain ? [.opus] : [.opus, .red]))
        #expect(try SessionDescription(parsing: answer.sdp).media.first?.formats == (isPlain ? ["111"] : ["63", "111"]))
    }

    @Test("viewers take it beside Opus, where they offer it, whatever the publisher sends")
    func viewers() throws {
        let text = offer(group: "BUNDLE 0", sound(direction: "recvonly"))
        let answer = try ViewerAnswer(offer: text, local: local, tracks: [opusTrack], entropy: .seeded(1))
        try expectWellFormed(answer.sdp, for: text)
        #expect(answer.media.first?.codecs.map(\.codec) == [.opus, .red])
        let client = try RoomAnswer(
            offer: RoomOffer(text, acceptsData: true), local: local, version: 1, receiving: [], sending: ["0": outgoing(.opus, to: 0)],
            cname: "c", publishCodecs: Set(Codec.allCases))
        #expect(client.sending.first?.codecs.map(\.codec) == [.opus, .red])
    }
}
