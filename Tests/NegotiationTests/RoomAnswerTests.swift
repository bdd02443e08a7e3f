import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

/// Answers as a server would; what is wrong with any answer fails the test.
private func respond(
    to text: String, version: UInt64 = 1, role: DTLSRole? = nil, receiving: Set<String> = [], sending: [String: OutgoingTrack] = [:],
    publishCodecs: Set<Codec> = Set(Codec.allCases), acceptsData: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
) throws -> RoomAnswer {
    let answer = try RoomAnswer(
        offer: RoomOffer(text, acceptsData: acceptsData), local: local, version: version, role: role, receiving: receiving,
        sending: sending, cname: "cname", publishCodecs: publishCodecs)
    try expectWellFormed(answer.sdp, for: text, sourceLocation: sourceLocation)
    return answer
}

private func written(_ answer: RoomAnswer) throws -> [MediaSection] { try SessionDescription(parsing: answer.sdp).media }

private func parsed(_ text: String) throws -> RoomOffer { try RoomOffer(text) }

private func refusal(_ text: String) -> NegotiationError? {
    do throws(NegotiationError) {
        _ = try RoomOffer(text).transport(local: local.credentials)
        return nil
    } catch {
        return error
    }
}

@Suite("The answer to a room's client: real offers")
struct RealRoomOfferTests {
    @Test("LiveKit's first offer has six sections to receive on, all of which stay alive, and data channels")
    func liveKitJoins() throws {
        let offer = try parsed(LiveKitOffers.first)
        #expect(offer.sections.map(\.kind) == [.audio, .audio, .audio, .video, .video, .video])
        #expect(offer.sections.allSatisfy { $0.receives && !$0.sends && $0.trackID == nil })
        #expect(offer.hasDataChannels)
        let answer = try respond(to: LiveKitOffers.first)
        #expect(answer.receiving.isEmpty && answer.sending.isEmpty && answer.undecodable.isEmpty)
        #expect(answer.transport.role == .server)
        let sections = try written(answer)
        #expect(sections.allSatisfy { $0.port != 0 && $0.mid != nil })
        #expect(sections.prefix(6).allSatisfy { $0.direction == .inactive && $0.mediaStreamIDs.isEmpty })
        let data = try #require(sections.last)
        #expect(data.value(of: "sctp-port") == "5000" && data.value(of: "max-message-size") == "262144")
        #expect(data.transportProtocol == "UDP/DTLS/SCTP" && data.setup == .passive)
        for video in sections[3...5] {
            let codecs = Set(video.rtpMaps.map(\.encodingName))
            #expect(codecs == ["VP8", "VP9", "H264", "AV1", "rtx"])
        }
    }

    @Test(
        "idle video sections agree to what simulcast will need, or Chromium fails its next offer",
        arguments: [LiveKitOffers.first, ChromiumRoomOffers.first])
    func idleExtensions(offer: String) throws {
        let videos = try written(respond(to: offer)).filter { $0.kind == .video }
        #expect(videos.count >= 3)
        for video in videos {
            let uris = video.extensionMappings.map(\.uri)
            #expect([HeaderExtension.mid, .rid, .repairedRid].allSatisfy { uris.contains($0.uri) })
        }
    }

    @Test("LiveKit publishes three layers and a microphone, named by their track ids")
    func liveKitPublishes() throws {
        let sending = try parsed(LiveKitOffers.second).sections.filter(\.sends)
        #expect(sending.map(\.mid) == ["7", "8"])
        #expect(sending.map { $0.trackID?.utf8.count } == [36, 36])
        #expect(sending.allSatisfy { $0.streamID == nil })
        let answer = try respond(to: LiveKitOffers.second, receiving: ["7", "8"])
        #expect(answer.receiving.map(\.mid) == ["7", "8"])
        #expect(answer.receiving.map { $0.codecs.map(\.codec) } == [[.vp8], [.opus, .red]])
        // They are offered as f, h, q.
        #expect(answer.receiving.first?.rids == ["q", "h", "f"])
        let video = try #require(try written(answer).first { $0.mid == "7" })
        #expect(video.direction == .recvonly)
        #expect(video.simulcast?.receive.map { $0.map(\.rid) } == [["f"], ["h"], ["q"]])
    }

    @Test("a section that is no longer sent on is inactive, whatever its stale msid says")
    func unpublished() throws {
        let second = LiveKitOffers.second
        let at = try #require(second.range(of: "a=sendonly", in: second.range(of: "a=mid:8")))
        let third = second.replacing(at, with: "a=recvonly")
        let section = try #require(parsed(third).sections.last)
        #expect(!section.sends && section.trackID != nil)
        let answer = try respond(to: third, version: 3, receiving: ["7", "8"])
        #expect(answer.receiving.map(\.mid) == ["7"])
        #expect(try written(answer).last?.direction == .inactive)
        #expect(answer.sdp.hasPrefix("v=0\r\no=- 9223372036854775807 3 IN"))
    }

    @Test("browsers send and receive in one bundle", arguments: [ChromiumRoomOffers.first, FirefoxRoomOffers.first])
    func browsers(offer: String) throws {
        #expect(try parsed(offer).sections.map(\.sends) == [true, true, false, false, false, false, false, false])
        let answer = try respond(to: offer, receiving: ["0", "1"], sending: ["2": outgoing(.opus, to: 2), "5": outgoing(.vp8, to: 5)])
        #expect(answer.receiving.map(\.mid) == ["0", "1"])
        #expect(answer.receiving.first?.rids == ["q", "h", "f"])
        #expect(answer.sending.map(\.mid) == ["2", "5"])
        #expect(answer.sending.map { $0.codecs.first?.codec } == [.opus, .vp8])
        #expect(answer.sending.map { $0.streams.first?.ssrc.rawValue } == [1_004, 1_010])
        #expect(answer.sending.map { $0.streams.first?.rtxSSRC?.rawValue } == [nil, 1_011])
        #expect(answer.sending.allSatisfy { $0.extensions[.rid] == 0 && $0.extensions[.mid] != 0 && $0.rids.isEmpty })
        #expect(
            try written(answer).prefix(8).map(\.direction) == [
                .recvonly, .recvonly, .sendonly, .inactive, .inactive, .sendonly, .inactive, .inactive,
            ])
    }

    @Test(
        "ids of extensions and payload types mean the same in every answer to one client",
        arguments: [
            (LiveKitOffers.first, LiveKitOffers.second), (ChromiumRoomOffers.first, ChromiumRoomOffers.second),
            (FirefoxRoomOffers.first, FirefoxRoomOffers.second),
        ])
    func stability(first: String, second: String) throws {
        let before = try written(respond(to: first, receiving: ["0", "1"], sending: ["5": outgoing(.vp8, to: 5)]))
        let after = try written(
            respond(to: second, version: 2, receiving: ["0", "1", "7", "8"], sending: ["2": outgoing(.opus, to: 2)]))
        #expect(after.count > before.count)
        var meanings: [String: String] = [:]
        for section in before + after {
            for mapping in section.extensionMappings {
                #expect(meanings.updateValue(mapping.uri, forKey: "ext \(mapping.id)") ?? mapping.uri == mapping.uri)
                #expect(meanings.updateValue("\(mapping.id)", forKey: mapping.uri) ?? "\(mapping.id)" == "\(mapping.id)")
            }
            for map in section.rtpMaps {
                #expect(meanings.updateValue(map.encodingName, forKey: "pt \(map.payloadType)") ?? map.encodingName == map.encodingName)
            }
        }
        let offered = try SessionDescription(parsing: second).media
        for ((old, new), section) in zip(zip(before, after), offered) where old.kind != .application {
            #expect(old.mid == new.mid)
            // These second offers answer to answers without dependency descriptors, and offer them no more.
            let kept = old.extensionMappings.map(\.uri).filter { uri in
                uri != HeaderExtension.dependencyDescriptor.uri || section.extensionMappings.contains { $0.uri == uri }
            }
            #expect(kept == new.extensionMappings.map(\.uri), "section \(old.mid ?? "")")
        }
    }

    @Test("a section that gets another track has the new msid and not the old, under the same SSRC")
    func reuse() throws {
        let first = try respond(to: ChromiumRoomOffers.first, sending: ["5": outgoing(.vp8, to: 5, track: "TR_one")])
        #expect(try written(first)[5].mediaStreamIDs.map(\.stream) == ["PA_alice|TR_one"])
        let other = outgoing(.h264, to: 5, from: "PA_bob", track: "TR_two")
        let second = try respond(to: ChromiumRoomOffers.second, version: 2, sending: ["5": other])
        let section = try written(second)[5]
        #expect(section.mediaStreamIDs.map(\.stream) == ["PA_bob|TR_two"])
        #expect(section.mediaStreamIDs.map(\.track) == ["TR_two"])
        #expect(!second.sdp.contains("TR_one"))
        #expect(first.sending.first?.streams == second.sending.first?.streams)
        #expect(second.sending.first?.codecs.first?.codec == .h264)
        #expect(second.sdp.contains("a=ssrc-group:FID 1010 1011\r\n"))
        let third = try respond(to: ChromiumRoomOffers.second, version: 3)
        #expect(third.sending.isEmpty && !third.sdp.contains("a=msid:") && !third.sdp.contains("a=ssrc:"))
    }

    @Test("a track that the client cannot decode is named, and its section stays for another")
    func undecodable() throws {
        let answer = try respond(to: FirefoxRoomOffers.first, sending: ["5": outgoing(.h264, to: 5), "6": outgoing(.opus, to: 6)])
        #expect(answer.undecodable == ["5", "6"])
        #expect(answer.sending.isEmpty)
        let section = try written(answer)[5]
        #expect(section.port != 0 && section.direction == .inactive && section.mediaStreamIDs.isEmpty)
    }

    @Test("a section for both directions has the codec that is received and the one that is sent, and no other")
    func bothWays() throws {
        let answer = try respond(
            to: ChromiumOffers.room, receiving: ["0", "1"], sending: ["0": outgoing(.opus, to: 0), "1": outgoing(.h264, to: 1)])
        #expect(try written(answer).map(\.direction) == [.sendrecv, .sendrecv, nil])
        #expect(answer.receiving.map { $0.codecs.map(\.codec) } == [[.opus, .red], [.vp8]])
        #expect(Set(answer.sending.last?.codecs.map(\.codec) ?? []) == [.h264, .vp8])
        #expect(answer.sending.last?.codecs.first?.codec == .h264)
        #expect(answer.receiving.last?.streams.count == 1 && answer.receiving.last?.streams.first?.ssrc.rawValue != 1_002)
        #expect(answer.sending.last?.streams.first?.ssrc.rawValue == 1_002)
        let firefox = try respond(to: FirefoxOffers.room, receiving: ["0", "1"], sending: ["1": outgoing(.vp8, to: 1)])
        #expect(try written(firefox).map(\.direction) == [.recvonly, .sendrecv, nil])
        #expect(firefox.sending.first?.codecs.map(\.codec) == [.vp8])
    }
}

extension String {
    /// The first occurrence behind the end of `range`.
    fileprivate func range(of text: String, in range: Range<String.Index>? = nil) -> Range<String.Index>? {
        var rest = self[(range?.upperBound ?? startIndex)...]
        while !rest.isEmpty, !rest.utf8.starts(with: text.utf8) { rest = rest.dropFirst() }
        return rest.isEmpty ? nil : rest.startIndex..<index(rest.startIndex, offsetBy: text.count)
    }

    fileprivate func replacing(_ range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}

@Suite("The answer to a room's client")
struct RoomAnswerTests {
    private let data = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:d", "a=sctp-port:5000"]
    private let audio = section(kind: "audio", mid: "0", direction: "sendrecv", ["111 opus/48000/2"])
    private let video = section(direction: "sendrecv", ["96 VP8/90000", "98 VP9/90000", "100 H264/90000"])

    @Test("receives the first codec of the client's that may be published")
    func publishCodecs() throws {
        let codec = { (codecs: Set<Codec>) in
            try respond(to: offer(opusSection, video), receiving: ["1"], publishCodecs: codecs).receiving.first?.codecs.map(\.codec)
        }
        #expect(try codec([.vp8, .vp9]) == [.vp8])
        #expect(try codec([.vp9, .h264]) == [.vp9])
        #expect(try codec([.h264]) == [.h264])
        #expect(try codec([.av1, .opus]) == nil)
    }

    @Test("does not receive what it was not told to, but keeps the layers for when it is")
    func notAccepted() throws {
        let layers = section(
            ["96 VP8/90000"], ["extmap:4 \(HeaderExtension.rid.uri)", "rid:a send", "rid:b send", "simulcast:send a;b"])
        let answer = try respond(to: offer(opusSection, layers))
        #expect(answer.receiving.isEmpty)
        let section = try written(answer)[1]
        #expect(section.direction == .inactive && section.simulcast?.receive.count == 2)
        // Names that are not LiveKit's say nothing of quality.
        #expect(try respond(to: offer(opusSection, layers), receiving: ["1"]).receiving.first?.rids == ["a", "b"])
    }

    @Test("does not send where the client does not receive, or to a mid that is not there")
    func notReceiving() throws {
        let answer = try respond(to: offer(opusSection, vp8Section), sending: ["1": outgoing(.vp8, to: 1), "9": outgoing(.vp8, to: 9)])
        #expect(answer.sending.isEmpty && answer.undecodable.isEmpty)
    }

    @Test("accepts data channels alone, and refuses them where they are not served")
    func dataChannels() throws {
        let alone = offer(group: "BUNDLE d", data)
        #expect(try written(respond(to: alone)).map(\.port) == [7882])
        #expect(try parsed(alone).sections.isEmpty)
        let both = offer(group: "BUNDLE 0 d", audio, data)
        let refused = try respond(to: both, acceptsData: false)
        #expect(try written(refused).map { $0.port == 0 } == [false, true])
        #expect(try RoomOffer(both, acceptsData: false).hasDataChannels)
        #expect(throws: NegotiationError.self) { try RoomOffer(alone, acceptsData: false) }
        // One association is all that a transport has (RFC 8841 §4).
        let twice = offer(group: "BUNDLE d e", data, data.map { $0 == "a=mid:d" ? "a=mid:e" : $0 })
        #expect(try written(respond(to: twice)).map { $0.port == 0 } == [false, true])
        let other = data.map { $0.hasPrefix("m=") ? "m=application 9 UDP/DTLS/SCTP other" : $0 }
        #expect(try !parsed(offer(group: "BUNDLE 0 d", audio, other)).hasDataChannels)
    }

    @Test("keeps its part in DTLS when the client swaps its own", arguments: ["actpass", "active", "passive"])
    func role(setup: String) throws {
        let text = offer(group: "BUNDLE 0", session: theirTransport.dropLast() + ["a=setup:\(setup)"], audio)
        #expect(try respond(to: text, role: .server).transport.role == .server)
        let client = try respond(to: text, role: .client)
        #expect(client.transport.role == .client && client.sdp.contains("a=setup:active\r\n"))
        #expect(try parsed(text).transport(local: local.credentials).role == (setup == "passive" ? .client : .server))
    }

    @Test("shows an ICE restart by the client's credentials")
    func restart() throws {
        let fresh = theirTransport.map { $0 == "a=ice-ufrag:them" ? "a=ice-ufrag:anew" : $0 }
        let ufrags = try [theirTransport, fresh].map { session in
            try respond(to: offer(group: "BUNDLE 0", session: session, audio)).transport.remote.ufrag
        }
        #expect(ufrags == ["them", "anew"])
    }

    @Test("lets no client announce an SSRC of ours for its own")
    func ssrcs() throws {
        let mine = outgoing(.vp8, to: 1)
        let text = offer(audio, video + ["a=ssrc:1002 cname:x", "a=ssrc:77 cname:x", "a=ssrc-group:FID 77 78"])
        #expect(try parsed(text).ssrcs == [1_002, 77, 78])
        let answer = try respond(to: text, receiving: ["1"], sending: ["1": mine])
        #expect(answer.receiving.first?.streams == [RTPParameters.Stream(ssrc: SSRC(77), rtxSSRC: SSRC(78))])
        // Without RTX on the section, its SSRC is of no use.
        #expect(answer.sending.first?.streams == [RTPParameters.Stream(ssrc: SSRC(1_002))])
        #expect(!answer.sdp.contains("1003"))
    }

    @Test("takes an extension of one direction for that direction only")
    func directedExtensions() throws {
        let extensions = ["extmap:3/sendonly \(HeaderExtension.rid.uri)", "extmap:4/recvonly \(HeaderExtension.absSendTime.uri)"]
        let text = offer(audio, section(direction: "sendrecv", ["96 VP8/90000"], extensions))
        let answer = try respond(to: text, receiving: ["1"], sending: ["1": outgoing(.vp8, to: 1)])
        #expect(answer.receiving.first?.extensions[.rid] == 3 && answer.receiving.first?.extensions[.absSendTime] == 0)
        #expect(answer.sending.first?.extensions[.rid] == 0 && answer.sending.first?.extensions[.absSendTime] == 4)
    }

    @Test("serves a room of two hundred sections, and no more than 256")
    func manySections() throws {
        let text = { (count: Int) in
            offer(
                group: "BUNDLE " + (0..<count).map(String.init).joined(separator: " "),
                (0..<count).flatMap { section(mid: "\($0)", direction: "recvonly", ["96 VP8/90000"]) })
        }
        let tracks = Dictionary(uniqueKeysWithValues: (0..<200).map { ("\($0)", outgoing(.vp8, to: $0)) })
        #expect(try respond(to: text(200), sending: tracks).sending.count == 200)
        #expect(refusal(text(257))?.status == 413)
    }

    @Test("names the track of a section that contradicts an earlier one, and so has to be refused")
    func contradiction() throws {
        let clash = section(mid: "2", direction: "recvonly", ["96 VP9/90000"])
        let text = offer(group: "BUNDLE 1 2", video, clash)
        let answer = try respond(to: text, sending: ["2": outgoing(.vp9, to: 2)])
        #expect(answer.undecodable == ["2"] && answer.sending.isEmpty)
        #expect(try written(answer).map { $0.port == 0 } == [false, true])
    }

    @Test("refuses an offer of nothing that could ever be used")
    func useless() {
        #expect(refusal(offer(group: "BUNDLE 0", section(kind: "audio", mid: "0", ["0 PCMU/8000"])))?.status == 422)
        #expect(refusal(offer(group: "BUNDLE 0", session: [], audio))?.status == 422)
        #expect(refusal("hello")?.status == 400)
    }
}
