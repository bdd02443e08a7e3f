import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("A hostile offer")
struct HostileOfferTests {
    private let tracks = [
        opusTrack, vp8Track, TrackDescription(codec: .h264, format: "profile-level-id=42", streamID: "", trackID: ""),
    ]

    /// Answers the bytes in each way; whatever is answered must be readable, and whatever is refused has a proper status.
    private func exercise(_ bytes: some Collection<UInt8>) {
        let text = String(decoding: bytes, as: UTF8.self)
        do throws(NegotiationError) {
            let answer = try PublisherAnswer(offer: text, local: local)
            #expect(
                answer.media.allSatisfy { !$0.codecs.isEmpty && $0.mid.utf8.count <= 16 && $0.rids.count <= 4 && $0.streams.count <= 8 })
            #expect(!answer.transport.fingerprints.isEmpty)
            #expect((try? SessionDescription(parsing: answer.sdp)) != nil)
        } catch {
            #expect([400, 413, 422].contains(error.status))
        }
        do throws(NegotiationError) {
            let answer = try ViewerAnswer(offer: text, local: local, tracks: tracks, entropy: .seeded(1))
            #expect(answer.media.allSatisfy { !$0.codecs.isEmpty && $0.streams.count == 1 })
            #expect((try? SessionDescription(parsing: answer.sdp)) != nil)
        } catch {
            #expect([400, 413, 422].contains(error.status))
        }
        do throws(NegotiationError) {
            let offer = try RoomOffer(text)
            let mids = offer.sections.map(\.mid)
            let sending = Dictionary(uniqueKeysWithValues: mids.enumerated().map { ($1, outgoing(.vp8, to: $0)) })
            let answer = try RoomAnswer(
                offer: offer, local: local, version: 1, receiving: Set(mids), sending: sending, cname: "c", publishCodecs: [.vp8, .opus])
            #expect(answer.receiving.allSatisfy { $0.codecs.count == 1 && $0.rids.count <= 4 && $0.streams.count <= 8 })
            #expect(answer.sending.allSatisfy { $0.codecs.first?.codec == .vp8 && $0.streams.count == 1 })
            #expect((try? SessionDescription(parsing: answer.sdp)) != nil)
        } catch {
            #expect([400, 413, 422].contains(error.status))
        }
        if let fragment = try? TrickleFragment(parsing: text) { #expect(!fragment.restartAnswer(local: local).isEmpty) }
    }

    @Test("cut short at any byte is answered or refused")
    func truncations() {
        let text = Array(FFmpegOffers.publish.utf8)
        for length in 0...text.count { exercise(text.prefix(length)) }
    }

    @Test("with flipped bits, lost lines or repeated lines is answered or refused")
    func mutations() {
        let random = Entropy.seeded(3)
        for offer in [FFmpegOffers.publish, AiortcOffers.publish, FirefoxOffers.publishSimulcast] {
            let text = Array(offer.utf8)
            for _ in 0..<150 {
                var flipped = text
                for _ in 0...(random.next() % 4) { flipped[Int(random.next() % UInt64(text.count))] ^= 1 << UInt8(random.next() % 8) }
                exercise(flipped)
            }
            let lines = text.split(separator: 0x0a)
            for _ in 0..<100 {
                var shuffled = lines
                for _ in 0...(random.next() % 4) {
                    let at = Int(random.next() % UInt64(shuffled.count))
                    if random.next() % 2 == 0 {
                        shuffled.remove(at: at)
                    } else {
                        shuffled.insert(lines[Int(random.next() % UInt64(lines.count))], at: at)
                    }
                }
                exercise(Array(shuffled.joined(separator: [0x0a])))
            }
        }
    }

    @Test("that answers ours, with flipped bits, lost lines or repeated lines, is read or refused")
    func answers() {
        let random = Entropy.seeded(4)
        let sections: [SubscriberOffer.Section] = [
            .init(mid: "a0", kind: .audio, outgoing: outgoing(.opus, to: 0)),
            .init(mid: "v0", kind: .video, outgoing: outgoing(.vp8, to: 1)),
            .init(mid: "v1", kind: .video, outgoing: outgoing(.h264, to: 2)), .init(mid: "v2", kind: .video),
        ]
        let offer = SubscriberOffer(sections: sections, offersData: true, local: local, version: 1, cname: "c")
        let text = Array(FirefoxRoomOffers.subscriberAnswer.utf8)
        for _ in 0..<400 {
            var bytes = text
            for _ in 0...(random.next() % 4) {
                let at = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[at] ^= 1 << UInt8(random.next() % 8)
                case 1: bytes.removeSubrange(at..<min(at + 40, bytes.count))
                default: bytes.insert(contentsOf: bytes[at..<min(at + 80, bytes.count)], at: at)
                }
            }
            do throws(NegotiationError) {
                let answer = try offer.read(answer: String(decoding: bytes, as: UTF8.self))
                #expect(answer.sending.allSatisfy { !$0.codecs.isEmpty && $0.streams.count == 1 })
                #expect(Set(answer.sending.map(\.mid)).isSubset(of: ["a0", "v0", "v1"]))
            } catch {
                #expect([400, 413, 422].contains(error.status))
            }
        }
    }

    @Test("of as much as the limits allow is answered or refused within bounds")
    func abundance() {
        let sections = (0..<64).map { section(mid: "\($0)", ["96 VP8/90000"], Array(repeating: "extmap:1 urn:x", count: 50)) }
        let group = "BUNDLE " + (0..<1_000).map { "\($0 % 200)" }.joined(separator: " ")
        exercise(offer(group: group, sections.flatMap(\.self)).utf8)
        exercise(
            offer(
                group: group, session: theirTransport + Array(repeating: "a=extmap:1 urn:x", count: 3_000),
                sections.flatMap { $0.prefix(6) }
            ).utf8)
        let formats = (0..<128).map { "\($0) H264/90000" }
        let parameters = (0..<128).map {
            "fmtp:\($0) packetization-mode=1;profile-level-id=42e01f;" + String(repeating: "x=y;", count: 100)
        }
        exercise(offer(section(formats, parameters)).utf8)
        let rids = (0..<1_000).map { "rid:r\($0) send pt=" + String(repeating: "96,", count: 20) }
        exercise(
            offer(
                section(
                    ["96 VP8/90000"],
                    ["extmap:1 \(HeaderExtension.rid.uri)"] + rids + ["simulcast:send " + (0..<500).map { "r\($0)" }.joined(separator: ",")]
                )
            ).utf8)
    }

    @Test("cannot put a line of its own into the answer")
    func injection() throws {
        let stray = "x\u{2028}a=ice-lite\u{85}"
        let video = section(mid: "1", ["96 VP8/90000"], ["fmtp:96 \(stray)", "extmap:1 \(HeaderExtension.mid.uri) \(stray)"])
        let odd = section(mid: "2", ["96 H265/90000"]).map { $0.hasPrefix("m=") ? "m=video 9 \(stray) \(stray)" : $0 }
        let answer = try PublisherAnswer(offer: offer(group: "BUNDLE 1 2 \(stray)", video, odd), local: local)
        #expect(answer.sdp.utf8.split(separator: 0x0a).count { $0.starts(with: "a=ice-lite".utf8) } == 1)
    }
}
