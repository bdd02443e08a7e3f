import ClientOffers
import MediaPrimitives
import Negotiation
import RTP
import SDP
import Testing

@Suite("Offers of real clients")
struct RealOfferTests {
    private func publish(_ offer: String) throws -> PublisherAnswer {
        let answer = try PublisherAnswer(offer: offer, local: local)
        try expectWellFormed(answer.sdp, for: offer)
        return answer
    }

    private func watch(_ offer: String, _ tracks: [TrackDescription]) throws -> ViewerAnswer {
        let answer = try ViewerAnswer(offer: offer, local: local, tracks: tracks, entropy: .seeded(7))
        try expectWellFormed(answer.sdp, for: offer)
        return answer
    }

    @Test("Chromium publishes Opus and VP8 with RTX and transport-wide feedback")
    func chromiumPublishes() throws {
        let answer = try publish(ChromiumOffers.publish)
        let audio = try #require(answer.media.first)
        let video = try #require(answer.media.last)
        #expect(
            audio.codecs == [
                CodecParameters(codec: .opus, payloadType: 111, format: "minptime=10;useinbandfec=1", transportCC: true),
                CodecParameters(codec: .red, payloadType: 63, format: "111/111"),
            ])
        #expect(
            video.codecs == [
                CodecParameters(codec: .vp8, payloadType: 96, rtxPayloadType: 97, nack: true, pli: true, fir: true, transportCC: true)
            ])
        #expect(audio.extensions[.audioLevel] == 1)
        #expect(audio.extensions[.rid] == 0)
        #expect(HeaderExtension.allCases.map { video.extensions[$0] } == [4, 10, 11, 2, 3, 0, 0])
        #expect(audio.reducedSizeRTCP && video.reducedSizeRTCP)
        #expect(audio.streams.count == 1 && audio.streams.first?.rtxSSRC == nil)
        #expect(video.streams.count == 1 && video.streams.first?.rtxSSRC != nil)
        #expect(video.rids.isEmpty)
        #expect(answer.transport.role == .server)
        #expect(answer.transport.remote.ufrag.utf8.count == 4)
        #expect(answer.transport.fingerprints.map(\.algorithm) == [.sha256])
        let written = try SessionDescription(parsing: answer.sdp)
        #expect(written.allowsMixedExtensions)
        #expect(!answer.sdp.contains("goog-remb"))
    }

    @Test(
        "Chromium and Firefox publish three layers, named by rid and not by SSRC order",
        arguments: [ChromiumOffers.publishSimulcast, FirefoxOffers.publishSimulcast])
    func simulcast(offer: String) throws {
        let answer = try publish(offer)
        #expect(answer.media.last?.rids == ["h", "m", "l"])
        let section = try #require(SessionDescription(parsing: answer.sdp).media.last)
        #expect(section.simulcast?.receive.map { $0.map(\.rid) } == [["h"], ["m"], ["l"]])
        #expect(section.simulcast?.send.isEmpty == true)
        #expect(section.restrictionIdentifiers.map(\.side) == [.recv, .recv, .recv])
        // Chromium offers the extension both ways, Firefox as `sendonly`: the answer turns it round.
        let mapping = try #require(section.extensionMappings.first { $0.uri == HeaderExtension.rid.uri })
        #expect(answer.media.last?.extensions[.rid] == UInt8(mapping.id))
        #expect(mapping.direction == (offer == FirefoxOffers.publishSimulcast ? .recvonly : nil))
    }

    @Test("Chromium that prefers H264 publishes it in packetization mode 1")
    func chromiumH264() throws {
        let codec = try #require(try publish(ChromiumOffers.publishH264).media.last?.codecs.first)
        #expect(codec.codec == .h264)
        #expect(codec.format == "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f")
        #expect(codec.rtxPayloadType == codec.payloadType + 1)
    }

    @Test("Firefox publishes: its bundle-only section has port 0 and is received all the same")
    func firefoxPublishes() throws {
        #expect(FirefoxOffers.publish.contains("m=video 0 "))
        let answer = try publish(FirefoxOffers.publish)
        #expect(answer.media.map(\.codecs.first?.codec) == [.opus, .vp8])
        #expect(answer.media.first?.codecs.first?.format == "maxplaybackrate=48000;stereo=1;useinbandfec=1")
        // What the offerer's own decoder can take is no business of ours to repeat.
        #expect(answer.media.last?.codecs.first?.format == "")
    }

    @Test(
        "a browser that offers both ways and a data channel is received, and the channel refused",
        arguments: [ChromiumOffers.room, FirefoxOffers.room])
    func room(offer: String) throws {
        let answer = try publish(offer)
        let written = try SessionDescription(parsing: answer.sdp)
        #expect(written.media.map(\.direction) == [.recvonly, .recvonly, .inactive])
        #expect(written.media.map { $0.port == 0 } == [false, false, true])
        #expect(written.groups.first?.mids == ["0", "1"])
        #expect(answer.media.count == 2)
    }

    @Test("FFmpeg publishes H264 as the DTLS server, with SSRCs and no extensions at all")
    func ffmpegPublishes() throws {
        let answer = try publish(FFmpegOffers.publish)
        #expect(answer.transport.role == .client)
        #expect(answer.sdp.contains("a=setup:active\r\n"))
        let video = try #require(answer.media.last)
        #expect(video.codecs.first?.codec == .h264)
        #expect(video.codecs.first?.payloadType == 106)
        #expect(video.codecs.first?.rtxPayloadType == 105)
        #expect(video.codecs.first?.pli == false)
        #expect(video.extensions == HeaderExtensionMap())
        #expect(video.streams.count == 1 && video.streams.first?.rtxSSRC != nil)
        // It takes the first candidate and no other.
        let first = answer.sdp.fields(separatedBy: "\n").first { $0.hasPrefix("a=candidate:") }
        #expect(first == "a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host\r")
    }

    @Test("aiortc publishes: three fingerprints, and REMB because it has no transport-wide feedback")
    func aiortcPublishes() throws {
        let answer = try publish(AiortcOffers.publish)
        #expect(answer.transport.fingerprints.map(\.algorithm) == [.sha256, .sha384, .sha512])
        #expect(answer.media.last?.codecs.first?.codec == .vp8)
        #expect(answer.media.last?.codecs.first?.transportCC == false)
        #expect(answer.sdp.contains("a=rtcp-fb:97 goog-remb\r\n"))
    }

    @Test(
        "every client watches Opus and VP8",
        arguments: [ChromiumOffers.watch, FirefoxOffers.watch, AiortcOffers.watch, ChromiumOffers.room])
    func watching(offer: String) throws {
        let answer = try watch(offer, [vp8Track, opusTrack])
        #expect(answer.media.map(\.kind) == [.audio, .video])
        #expect(answer.media.map(\.codecs.first?.codec) == [.opus, .vp8])
        let written = try SessionDescription(parsing: answer.sdp)
        #expect(written.media.prefix(2).map(\.direction) == [.sendonly, .sendonly])
        #expect(written.media.prefix(2).map { $0.mediaStreamIDs.first?.track } == ["microphone", "camera"])
        for (parameters, section) in zip(answer.media, written.media) {
            let stream = try #require(parameters.streams.first)
            #expect(parameters.streams.count == 1)
            #expect(section.sourceAttributes.first?.ssrc == stream.ssrc.rawValue)
            #expect(section.sourceAttributes.first?.attribute == Attribute("cname", answer.cname))
            #expect((stream.rtxSSRC != nil) == (parameters.kind == .video))
            #expect(section.sourceGroups.first?.ssrcs == stream.rtxSSRC.map { [stream.ssrc.rawValue, $0.rawValue] })
            #expect(parameters.rids.isEmpty)
        }
    }

    @Test("Chromium watches H264 of FFmpeg in the very profile, and keeps the other codecs for later")
    func chromiumWatchesFFmpeg() throws {
        let format = try #require(try publish(FFmpegOffers.publish).media.last?.codecs.first?.format)
        let track = TrackDescription(codec: .h264, format: format, streamID: "FFmpeg", trackID: "video")
        let video = try #require(try watch(ChromiumOffers.watch, [track]).media.first)
        #expect(video.codecs.first?.format == "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f")
        #expect(Set(video.codecs.map(\.codec)) == [.h264, .vp8, .vp9, .av1])
        #expect(video.codecs.allSatisfy { !$0.format.contains("packetization-mode=0") })
        #expect(video.codecs.allSatisfy { $0.rtxPayloadType != nil })
    }
}
