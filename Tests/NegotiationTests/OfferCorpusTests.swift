import Foundation
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

/// What clients of known versions offered, gathered by `deploy/gather-offers`: each offer is read, and answered as the server would.
@Suite("Offers gathered from clients")
struct OfferCorpusTests {
    struct Recorded: CustomTestStringConvertible, Sendable {
        /// `<client>-<version>/<name>`
        var testDescription: String
        var text: String
        var client: Substring { testDescription.prefix { $0 != "-" } }
        var name: Substring { testDescription.split(separator: "/")[1] }
    }

    static let all: [Recorded] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Offers")
        let files = FileManager.default.enumerator(atPath: folder.path(percentEncoded: false))?.compactMap { $0 as? String } ?? []
        return files.filter { $0.hasSuffix(".sdp") }.sorted().compactMap { path in
            guard let data = try? Data(contentsOf: folder.appending(path: path)) else { return nil }
            return Recorded(testDescription: String(path.dropLast(4)), text: String(decoding: data, as: UTF8.self))
        }
    }()

    private static func named(_ prefix: String) -> [Recorded] { all.filter { $0.name.hasPrefix(prefix) } }

    @Test("The clients that the server is for are all here")
    func clients() {
        #expect(Set(Self.all.map(\.client)) == ["chromium", "firefox", "ffmpeg", "gstreamer", "aiortc", "livekit"])
        #expect(Self.all.allSatisfy { ["publish", "watch", "room"].contains($0.name.prefix { $0 != "-" }) })
    }

    @Test("A publisher's offer is answered with every section received, in the codec that it prefers", arguments: named("publish"))
    func publishes(recorded: Recorded) throws {
        let answer = try PublisherAnswer(offer: recorded.text, local: local)
        try expectWellFormed(answer.sdp, for: recorded.text)
        let isAudioOnly = recorded.name == "publish-audio"
        #expect(answer.media.map(\.kind) == (isAudioOnly ? [.audio] : [.audio, .video]))
        #expect(answer.media.first?.codecs.map(\.codec) == (recorded.text.contains(" red/48000/2") ? [.opus, .red] : [.opus]))
        let preferred: [(String, Codec)] = [("h264", .h264), ("vp9", .vp9), ("av1", .av1)]
        let expected = preferred.first { recorded.name.contains($0.0) }?.1 ?? .vp8
        if !isAudioOnly { #expect(answer.media.last?.codecs.first?.codec == expected) }
        #expect(answer.media.last?.rids.count == (recorded.name.contains("simulcast") ? 3 : 0))
        #expect(!answer.transport.fingerprints.isEmpty && !answer.transport.remote.password.isEmpty)
    }

    @Test("A viewer's offer is answered with what it asks for", arguments: named("watch"))
    func watches(recorded: Recorded) throws {
        let answer = try ViewerAnswer(offer: recorded.text, local: local, tracks: [opusTrack, vp8Track], entropy: .seeded(7))
        try expectWellFormed(answer.sdp, for: recorded.text)
        #expect(answer.media.map(\.codecs.first?.codec) == (recorded.name == "watch-audio" ? [.opus] : [.opus, .vp8]))
        #expect(answer.media.allSatisfy { !$0.streams.isEmpty })
    }

    @Test("A room's client is received from, and sent to, by every section that it offers for it", arguments: named("room"))
    func joins(recorded: Recorded) throws {
        let offer = try RoomOffer(recorded.text)
        #expect(offer.hasDataChannels && offer.isFirefox == (recorded.client == "firefox"))
        let sends = offer.sections.filter(\.sends).map(\.mid)
        var tracks: [String: OutgoingTrack] = [:]
        for (number, section) in offer.sections.filter({ $0.receives && !$0.sends }).enumerated() {
            tracks[section.mid] = outgoing(section.kind == .audio ? .opus : .vp8, to: number)
        }
        let answer = try RoomAnswer(
            offer: offer, local: local, version: 1, role: nil, receiving: Set(sends), sending: tracks, cname: "cname",
            publishCodecs: Set(Codec.allCases))
        try expectWellFormed(answer.sdp, for: recorded.text)
        #expect(answer.receiving.map(\.mid) == sends)
        #expect(Set(answer.sending.map(\.mid)) == Set(tracks.keys) && answer.undecodable.isEmpty)
    }
}
