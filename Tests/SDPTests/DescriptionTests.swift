import SDP
import Testing

let smallest = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

func refusal(_ text: String, limits: SDPLimits = SDPLimits()) -> SDPError? {
    do throws(SDPError) {
        _ = try SessionDescription(parsing: text, limits: limits)
        return nil
    } catch {
        return error
    }
}

@Suite("A description")
struct DescriptionTests {
    @Test("is read into its session part and its media sections")
    func reading() throws {
        let text =
            smallest + "c=IN IP6 ::1\r\na=group:BUNDLE a v\r\na=ice-lite\r\n"
            + "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=rtcp-mux\r\n"
            + "m=video 0/2 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=bundle-only\r\n"
            + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nm=text 9 RTP/AVP 98\r\n"
        let description = try SessionDescription(parsing: text)
        #expect(description.origin == SessionDescription.Origin(sessionID: 1, version: 2))
        #expect(description.connection == Connection(addressType: "IP6", address: "::1"))
        #expect(description.groups.first?.mids == ["a", "v"])
        #expect(description.isICELite)
        #expect(description.media.map(\.kind) == [.audio, .video, .application, .other("text")])
        #expect(description.media.map(\.port) == [9, 0, 9, 9])
        #expect(description.media[0].formats == ["111", "0"])
        #expect(description.media[0].connection == .unspecified)
        #expect(description.media[0].multiplexesRTCP)
        #expect(description.media[1].mid == "v")
        #expect(description.media[1].isBundleOnly)
        #expect(description.media[2].transportProtocol == "UDP/DTLS/SCTP")
    }

    @Test("may end its lines with LF alone, and have blank ones and unknown ones")
    func lineEnds() throws {
        let text = "v=0\n\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\nq=new\ni=words\nb=AS:300\nt=0 0\n\nm=audio 9 RTP/SAVPF 0\na=x:y\n\n\n"
        let description = try SessionDescription(parsing: text)
        #expect(description.media.first?.attributes == [Attribute("x", "y")])
    }

    @Test("is written so that it reads back the same")
    func writing() throws {
        let text =
            "v=0\r\no=me 1 2 IN IP4 127.0.0.1\r\ns=talk\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=flag\r\na=colon:a:b\r\na=empty:\r\n"
            + "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\nm=text 0 RTP/AVP 98\r\n"
        #expect(try SessionDescription(parsing: text).text == text)
    }

    @Test("is never written with a line that a value brought along")
    func injection() {
        var description = SessionDescription(origin: SessionDescription.Origin(sessionID: 1, version: 1))
        description.attributes = [Attribute("msid", "a\r\na=ice-lite\u{0}\nb")]
        #expect(description.text.hasSuffix("t=0 0\r\na=msid:aa=ice-liteb\r\n"))
    }

    @Test("that breaks the grammar is refused with the line at fault")
    func grammar() {
        // Not arguments of the test: their text, NUL and all, would go to the log.
        let cases: [(text: String, line: Int)] = [
            ("", 0), ("\r\n\r\n", 0), ("hello", 1), ("v=1\r\n", 1), ("o=- 1 2 IN IP4 127.0.0.1\r\nv=0\r\n", 1), ("v=0\r\n", 0),
            (smallest + "v=0\r\n", 5), (smallest + "o=- 1 2 IN IP4 127.0.0.1\r\n", 5), (smallest + "m=audio 9 RTP/SAVPF\r\n", 5),
            (smallest + "m=audio -1 RTP/SAVPF 0\r\n", 5), (smallest + "m=audio 65536 RTP/SAVPF 0\r\n", 5),
            (smallest + "m=audio +9 RTP/SAVPF 0\r\n", 5), (smallest + "a=\r\n", 5), (smallest + "a=:x\r\n", 5), (smallest + "a\r\n", 5),
            (smallest + "A=x\r\n", 5), (smallest + " a=x\r\n", 5), (smallest + "c=IN IP4\r\n", 5), (smallest + "a=x\u{0}y\r\n", 5),
            (smallest + "a=x\ry\r\n", 5), (smallest + "a=x\r\r\n", 5), ("v=0\r\no=- x 2 IN IP4 127.0.0.1\r\n", 2),
            ("v=0\r\no=- 18446744073709551616 2 IN IP4 127.0.0.1\r\n", 2), ("v=0\r\no=- 1 2 IN IP4\r\n", 2),
            ("v=0\r\n\u{e9}=x\r\n", 2), (smallest + "a=n\u{e9}:x\r\n", 5),
        ]
        for (text, line) in cases {
            let error = refusal(text)
            #expect(error?.reason == .malformed, "\(text.debugDescription)")
            #expect(error?.line == line, "\(text.debugDescription)")
            #expect(error?.sentence.hasSuffix(".") == true)
        }
    }

    @Test("is read up to each limit and refused past it")
    func limits() {
        let media = String(repeating: "m=audio 9 RTP/SAVPF 0\r\n", count: 64)
        #expect(refusal(smallest + media) == nil)
        #expect(refusal(smallest + media + "m=audio 9 RTP/SAVPF 0\r\n")?.reason == .tooBig)

        let lines = String(repeating: "a=x\r\n", count: 4_000 - 4)
        #expect(refusal(smallest + lines) == nil)
        #expect(refusal(smallest + lines + "a=x\r\n")?.line == 4_001)

        let long = "a=x:" + String(repeating: "y", count: 4_096 - 4)
        #expect(refusal(smallest + long + "\r\n") == nil)
        #expect(refusal(smallest + long + "y\r\n")?.reason == .tooBig)

        var limits = SDPLimits()
        limits.bytes = smallest.utf8.count
        #expect(refusal(smallest, limits: limits) == nil)
        #expect(refusal(smallest + "\n", limits: limits)?.reason == .tooBig)
        #expect(refusal(String(repeating: "\n", count: 200_000))?.reason == .tooBig)
    }

    @Test("separates at bytes: what a combining mark does to a Character does not matter")
    func combiningMarks() throws {
        let description = try SessionDescription(parsing: smallest + "a=x:\u{301}y\r\n\u{0a}m=audio 9 RTP/SAVPF \u{301}0\r\n")
        #expect(description.attributes.first?.name == "x")
        #expect(description.media.first?.formats == ["\u{301}0"])
    }

    @Test("cut short, with bits flipped or made of noise never traps")
    func hostile() {
        var generator = Noise(state: 1)
        let whole = Array(kitchenSink.utf8)
        for length in 0...whole.count { exercise(whole.prefix(length)) }
        for _ in 0..<1_000 {
            var flipped = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                flipped[Int.random(in: 0..<flipped.count, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            }
            exercise(flipped[...])
        }
        for _ in 0..<500 {
            let noise = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
            exercise(noise[...])
            exercise((Array((smallest + "a=").utf8) + noise)[...])
        }
    }

    /// Reads the bytes and everything that can be read from them.
    private func exercise(_ bytes: ArraySlice<UInt8>) {
        guard let description = try? SessionDescription(parsing: String(decoding: bytes, as: UTF8.self)) else { return }
        var found = description.groups.count + description.extensionMappings.count + description.fingerprints.count
        for section in description.media {
            found += section.rtpMaps.count + section.formatAttributes.count + section.feedback.count + section.extensionMappings.count
            found += section.sourceAttributes.count + section.sourceGroups.count + section.mediaStreamIDs.count
            found += section.restrictionIdentifiers.count + (section.simulcast?.send.count ?? 0) + section.candidates.count
            found += section.formatAttributes.reduce(0) { $0 + FormatParameters(parsing: $1.parameters).items.count }
        }
        // Whatever was accepted can be written, and what is written is accepted.
        let again = try? SessionDescription(parsing: description.text)
        #expect(again?.media.count == description.media.count)
        #expect(found >= 0)
    }
}

/// A repeatable source of numbers (a linear congruential generator).
struct Noise: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

/// One of everything.
let kitchenSink =
    smallest + "a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=fingerprint:sha-256 AB:CD\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n"
    + "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=fmtp:97 apt=96\r\na=rtcp-fb:* nack pli\r\n"
    + "a=extmap:3/sendonly urn:x\r\na=ssrc:1 cname:x\r\na=ssrc-group:FID 1 2\r\na=msid:a b\r\na=rid:h send pt=96,97;max-width=100\r\n"
    + "a=simulcast:send h;~m,l recv x\r\na=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host tcptype passive\r\na=setup:actpass\r\n"
