import MediaPrimitives
import Negotiation
import RTP
import SDP

extension NegotiationHarness {
    /// A client of a room offers: answered as on joining, and then with every section in use. The bits of `choice` say with what.
    static func join(_ text: String, choice: UInt8) throws(Finding) {
        let offer: RoomOffer
        do throws(NegotiationError) { offer = try RoomOffer(text, acceptsData: choice & 2 == 0) } catch { return try check(error) }
        try expect(offer.sections.allSatisfy { !$0.codecs.isEmpty && (1...16).contains($0.mid.utf8.count) }, "a section of nothing")
        var sending: [String: OutgoingTrack] = [:]
        for (index, section) in offer.sections.enumerated() {
            let track = section.kind == .audio && choice & 4 == 0 ? opus : videos[(Int(choice >> 3) + index) & 3]
            let ssrc = UInt32(truncatingIfNeeded: 2 * index + 1_000)
            sending[section.mid] = OutgoingTrack(track: track, stream: RTPParameters.Stream(ssrc: SSRC(ssrc), rtxSSRC: SSRC(ssrc + 1)))
        }
        try answer(offer, text, receiving: [], sending: [:])
        try answer(offer, text, receiving: Set(offer.sections.map(\.mid)), sending: sending)
    }

    private static func answer(
        _ offer: RoomOffer, _ text: String, receiving: Set<String>, sending: [String: OutgoingTrack]
    ) throws(Finding) {
        let answer: RoomAnswer
        do throws(NegotiationError) {
            answer = try RoomAnswer(
                offer: offer, local: local, version: 1, receiving: receiving, sending: sending, cname: "cname",
                publishCodecs: [.opus, .vp8, .h264])
        } catch { return try check(error) }
        try check(answer.sdp, text, .room)
        try check(answer.transport)
        try check(answer.receiving + answer.sending)
        let mids = Set(offer.sections.map(\.mid))
        for section in answer.receiving {
            try expect(receiving.contains(section.mid) && mids.contains(section.mid), "a publication that nobody wanted")
            try expect(section.codecs.count == 1 && section.codecs.first?.codec != .vp9, "a publication in other codecs than may be")
            try expect(section.rids.count <= PublisherAnswer.layerLimit && Set(section.rids).count == section.rids.count, "odd layers")
            try expect(section.streams.count <= 8, "more streams than are taken")
        }
        for section in answer.sending {
            guard let outgoing = sending[section.mid] else { throw Finding("a subscription that nobody wanted") }
            try expect(section.codecs.first?.codec == outgoing.track.codec, "the first codec is not that of the track")
            try expect(section.streams.first?.ssrc == outgoing.stream.ssrc, "an SSRC that is not ours")
            try expect(section.extensions[.rid] == 0 && section.rids.isEmpty, "layers on the way out")
        }
        try expect(
            Set(answer.undecodable).isDisjoint(with: answer.sending.map(\.mid)) && answer.undecodable.allSatisfy { sending[$0] != nil },
            "a track both sent and not")
    }

    private static let offer: SubscriberOffer = {
        let tracks = [("a0", opus), ("v0", videos[0]), ("v1", videos[2])].enumerated().map { index, entry in
            let stream = RTPParameters.Stream(ssrc: SSRC(UInt32(1 + 2 * index)), rtxSSRC: SSRC(UInt32(2 + 2 * index)))
            return SubscriberOffer.Section(
                mid: entry.0, kind: entry.1.kind, outgoing: OutgoingTrack(track: entry.1, stream: stream))
        }
        return SubscriberOffer(
            sections: tracks + [SubscriberOffer.Section(mid: "v2", kind: .video)], offersData: true, local: local, version: 1,
            cname: "cname")
    }()

    /// A client answers our offer: data channels, `a0` with Opus, `v0` with VP8, `v1` with H264, and `v2` without a track.
    static func subscribe(_ text: String) throws(Finding) {
        let answer: SubscriberOffer.Answer
        do throws(NegotiationError) { answer = try offer.read(answer: text) } catch { return try check(error) }
        try check(answer.transport)
        try check(answer.sending)
        let codecs: [String: Codec] = ["a0": .opus, "v0": .vp8, "v1": .h264]
        for section in answer.sending {
            guard let codec = codecs[section.mid] else { throw Finding("a subscription that was not offered") }
            try expect(section.codecs.first?.codec == codec && section.streams.count == 1, "another track than was offered")
            try expect(section.codecs.allSatisfy { $0.payloadType == 45 || $0.payloadType > 95 }, "a payload type that is not ours")
        }
    }
}
