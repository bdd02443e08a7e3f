import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("Our offer to a subscriber")
struct SubscriberOfferTests {
    /// What the browsers of `…RoomOffers.subscriberAnswer` were offered.
    private let sections: [SubscriberOffer.Section] = [
        .init(mid: "a0", kind: .audio, outgoing: outgoing(.opus, to: 0)), .init(mid: "v0", kind: .video, outgoing: outgoing(.vp8, to: 1)),
        .init(mid: "v1", kind: .video, outgoing: outgoing(.h264, to: 2)), .init(mid: "v2", kind: .video),
    ]

    private func offer(_ sections: [SubscriberOffer.Section], data: Bool = true, version: UInt64 = 1) -> SubscriberOffer {
        SubscriberOffer(sections: sections, offersData: data, local: local, version: version, cname: "cname")
    }

    private func written(_ offer: SubscriberOffer) throws -> SessionDescription { try SessionDescription(parsing: offer.sdp) }

    @Test("is one bundle, ours to send, open in who connects, with all candidates")
    func shape() throws {
        let session = try written(offer(sections))
        #expect(session.groups.first?.mids == ["data", "a0", "v0", "v1", "v2"])
        #expect(session.isICELite && session.allowsMixedExtensions)
        #expect(session.media.map(\.direction) == [nil, .sendonly, .sendonly, .sendonly, .inactive])
        #expect(session.media.allSatisfy { $0.setup == .actpass && $0.port == 7882 && $0.iceUfrag == "ouru" })
        #expect(session.media.map { $0.candidates.count } == [3, 0, 0, 0, 0])
        #expect(session.media.first?.hasAllCandidates == true)
        #expect(
            session.media.map { $0.mediaStreamIDs.first?.stream } == [nil, "PA_alice|TR_one", "PA_alice|TR_one", "PA_alice|TR_one", nil])
        #expect(session.media[1].sourceGroups.isEmpty)
        #expect(session.media[2].sourceGroups.first?.ssrcs == [1_002, 1_003])
        #expect(session.media.map { $0.rtpMaps.first?.encodingName } == [nil, "opus", "VP8", "H264", "VP8"])
        #expect(session.media[0].value(of: "sctp-port") == "5000")
        let fresh = try written(offer([]))
        #expect(fresh.media.map(\.kind) == [.application] && fresh.media.first?.candidates.count == 3)
        #expect(try written(offer(sections, data: false)).groups.first?.mids == ["a0", "v0", "v1", "v2"])
    }

    @Test("means the same by payload types and extension ids in all sections and all offers")
    func numbering() throws {
        let tracks = Codec.allCases.filter { $0 != .red }.enumerated().map { index, codec in
            SubscriberOffer.Section(mid: "\(index)", kind: codec.kind, outgoing: outgoing(codec, to: index))
        }
        let offers = [
            offer(tracks), offer(tracks.map { SubscriberOffer.Section(mid: $0.mid, kind: $0.kind) }, version: 2), offer(sections),
        ]
        var meanings: [String: String] = [:]
        for section in try offers.flatMap({ try written($0).media }) {
            for map in section.rtpMaps {
                #expect(map.payloadType < 64 || map.payloadType > 95)
                #expect(meanings.updateValue(map.encodingName, forKey: "pt \(map.payloadType)") ?? map.encodingName == map.encodingName)
            }
            for format in section.formatAttributes {
                #expect(
                    meanings.updateValue(format.parameters, forKey: "fmtp \(format.payloadType)") ?? format.parameters == format.parameters)
            }
            for mapping in section.extensionMappings {
                #expect(meanings.updateValue("\(mapping.id)", forKey: mapping.uri) ?? "\(mapping.id)" == "\(mapping.id)")
            }
        }
        #expect(meanings["pt 63"] == "red" && meanings["fmtp 63"] == "111/111")
        #expect(meanings["pt 111"] == "opus" && meanings["pt 96"] == "VP8" && meanings["pt 97"] == "rtx")
        #expect(try written(offers[0]).media.dropFirst().map { $0.rtpMaps.first?.encodingName } == ["opus", "VP8", "VP9", "H264", "AV1"])
    }

    @Test("keeps a section without a track inactive, and offers it again with another")
    func reuse() throws {
        var sections = sections
        sections[1].outgoing = nil
        #expect(try !offer(sections).sdp.contains("1002") && written(offer(sections)).media[2].direction == .inactive)
        sections[1].outgoing = outgoing(.vp9, to: 1, from: "PA_bob", track: "TR_two")
        let section = try written(offer(sections)).media[2]
        #expect(section.mediaStreamIDs.map(\.stream) == ["PA_bob|TR_two"])
        #expect(section.sourceGroups.first?.ssrcs == [1_002, 1_003])
    }

    @Test("answered by Chromium gets all it sends")
    func chromium() throws {
        let answer = try offer(sections).read(answer: ChromiumRoomOffers.subscriberAnswer)
        #expect(answer.sending.map(\.mid) == ["a0", "v0", "v1"])
        #expect(answer.sending.map { $0.codecs.first?.payloadType } == [111, 96, 102])
        #expect(answer.sending.map { $0.codecs.first?.rtxPayloadType } == [nil, 97, 103])
        #expect(answer.sending.map { $0.streams.first?.rtxSSRC != nil } == [false, true, true])
        #expect(
            answer.sending.first.map { audio in HeaderExtension.allCases.map { audio.extensions[$0] } } == [4, 0, 0, 2, 3, 1, 0])
        #expect(answer.sending.last.map { video in HeaderExtension.allCases.map { video.extensions[$0] } } == [4, 0, 0, 2, 3, 0, 0])
        let video = try #require(answer.sending.last?.codecs)
        #expect(video.allSatisfy { $0.nack && $0.pli && $0.fir && $0.transportCC })
        #expect(Set(video.map(\.codec)) == [.h264, .vp8, .vp9, .av1])
        #expect(answer.undecodable.isEmpty && answer.hasDataChannels)
        #expect(answer.transport.role == .server && answer.transport.fingerprints.count == 1)
    }

    @Test("answered by Firefox without H264 gets the rest")
    func firefox() throws {
        let answer = try offer(sections).read(answer: FirefoxRoomOffers.subscriberAnswer)
        #expect(answer.sending.map(\.mid) == ["a0", "v0"])
        #expect(answer.undecodable == ["v1"])
        #expect(answer.hasDataChannels)
    }

    // What follows is answered by hand.

    private let pair: [SubscriberOffer.Section] = [
        .init(mid: "0", kind: .audio, outgoing: outgoing(.opus, to: 0)), .init(mid: "1", kind: .video, outgoing: outgoing(.vp8, to: 1)),
    ]
    private let audio = section(kind: "audio", mid: "0", direction: "recvonly", ["111 opus/48000/2"])
    private let video = section(direction: "recvonly", ["96 VP8/90000", "97 rtx/90000"], ["fmtp:97 apt=96", "rtcp-fb:96 nack"])

    private func answer(group: String? = "BUNDLE 0 1", setup: String = "active", _ sections: [String]...) -> String {
        NegotiationTests.offer(group: group, session: theirTransport.dropLast() + ["a=setup:\(setup)"], sections.flatMap(\.self))
    }

    private func read(_ text: String, role: DTLSRole? = nil) throws -> SubscriberOffer.Answer {
        try offer(pair, data: false).read(answer: text, role: role)
    }

    private func refusal(_ text: String) -> NegotiationError? {
        do throws(NegotiationError) {
            _ = try offer(pair, data: false).read(answer: text)
            return nil
        } catch {
            return error
        }
    }

    @Test("is not answered by other sections than it has, in number, kind, name or order")
    func mismatch() throws {
        #expect(try read(answer(audio, video)).sending.count == 2)
        #expect(refusal(answer(group: "BUNDLE 0", audio))?.status == 400)
        #expect(refusal(answer(audio, video, section(mid: "2", ["96 VP8/90000"])))?.status == 400)
        #expect(refusal(answer(video, audio))?.status == 400)
        #expect(refusal(answer(audio, audio.map { $0 == "a=mid:0" ? "a=mid:1" : $0 }))?.status == 400)
        #expect(refusal(answer(group: "BUNDLE 0 2", audio, video.map { $0 == "a=mid:1" ? "a=mid:2" : $0 }))?.status == 400)
        #expect(refusal(answer(audio, video.filter { $0 != "a=mid:1" }))?.status == 400)
        #expect(refusal("")?.status == 400)
    }

    @Test("takes the part in DTLS that the answer leaves it, which must be one")
    func role() throws {
        #expect(try read(answer(setup: "active", audio, video)).transport.role == .server)
        #expect(try read(answer(setup: "passive", audio, video)).transport.role == .client)
        #expect(try read(answer(setup: "passive", audio, video), role: .server).transport.role == .server)
        #expect(refusal(answer(setup: "actpass", audio, video))?.status == 400)
        #expect(refusal(answer(setup: "holdconn", audio, video))?.status == 422)
    }

    @Test("does not send on what was refused, or is not received")
    func refused() throws {
        let zero = { (section: [String]) in section.map { $0.replacingPort(with: 0) } }
        #expect(try read(answer(group: "BUNDLE 1", zero(audio), video)).sending.map(\.mid) == ["1"])
        // In an answer, port 0 refuses whatever else is said (RFC 9143 §7.3).
        #expect(try read(answer(audio, zero(video) + ["a=bundle-only"])).sending.map(\.mid) == ["0"])
        #expect(refusal(answer(group: nil, zero(audio), zero(video)))?.status == 422)
        let silent = video.map { $0 == "a=recvonly" ? "a=inactive" : $0 }
        #expect(try read(answer(audio, silent)).sending.map(\.mid) == ["0"])
        #expect(try read(answer(audio, silent)).undecodable.isEmpty)
        #expect(refusal(answer(group: nil, audio, video))?.status == 422)
    }

    @Test("keeps to its own numbers, whatever an answer makes of them")
    func renumbered() throws {
        let codecs = { (formats: [String], more: [String]) in
            try read(answer(audio, section(direction: "recvonly", formats, more)))
        }
        #expect(try codecs(["98 VP8/90000"], []).undecodable == ["1"])
        #expect(try codecs(["120 VP8/90000"], []).undecodable == ["1"])
        #expect(try codecs(["98 VP9/90000", "96 VP8/90000"], []).sending.last?.codecs.map(\.payloadType) == [96, 98])
        let repair = try codecs(["96 VP8/90000", "99 rtx/90000"], ["fmtp:99 apt=96", "rtcp-fb:96 nack", "rtcp-fb:96 transport-cc"])
        #expect(repair.sending.last?.codecs.first?.rtxPayloadType == nil && repair.sending.last?.streams.first?.rtxSSRC == nil)
        #expect(repair.sending.last?.codecs.first?.transportCC == false)
        let extensions = [
            "extmap:4 \(HeaderExtension.mid.uri)", "extmap:7 \(HeaderExtension.absSendTime.uri)", "extmap:9 urn:other",
            "extmap:12 \(HeaderExtension.dependencyDescriptor.uri)",
        ]
        let video = try codecs(["96 VP8/90000"], extensions + ["rtcp-fb:96 ccm fir", "rtcp-fb:96 goog-remb"]).sending.last
        #expect(video.map { video in HeaderExtension.allCases.map { video.extensions[$0] } } == [4, 0, 0, 0, 0, 0, 12])
        #expect(video?.codecs.first == CodecParameters(codec: .vp8, payloadType: 96, fir: true))
    }

    @Test("does not offer a profile that nobody decodes")
    func unknownProfile() throws {
        let track = TrackDescription(codec: .vp9, format: "profile-id=3", streamID: "s", trackID: "t")
        let stream = RTPParameters.Stream(ssrc: SSRC(1))
        let section = SubscriberOffer.Section(mid: "1", kind: .video, outgoing: OutgoingTrack(track: track, stream: stream))
        #expect(try written(offer([section], data: false)).media.map(\.direction) == [.inactive])
    }
}

extension String {
    fileprivate func replacingPort(with port: Int) -> String {
        guard hasPrefix("m=") else { return self }
        var fields = fields()
        fields[1] = String(port)
        return fields.joined(separator: " ")
    }
}
