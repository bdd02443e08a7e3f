import HeadlessClients
import MediaPrimitives
import MediaSecurity
import RTP
import Rooms

/// What one simulated client is and does, and what its signalling agreed with the server.
package struct PeerPlan: Sendable {
    package struct Video: Sendable {
        /// With rids one shape each, in the order of the offer; without, only the first shape counts.
        package var rids: [String] = []
        package var shapes = [VideoShape()]
        package var firstSequence: UInt16?
        package var firstTimestamp: UInt32?
        /// One encoder for all encodings, as libvpx's: a request for a keyframe makes all of them send one.
        package var keyframesTogether = false
        /// The encoders' rates follow what the way up carries. Only where frames vary (`VideoShape.bitrate`).
        package var adaptsToUplink = false

        package init() {}
        /// One encoding for each rung, lowest first unless `bestFirst`; browsers offer either order.
        package static func simulcast(bestFirst: Bool = false) -> Video {
            var video = Video()
            video.rids = bestFirst ? ["f", "h", "q"] : ["q", "h", "f"]
            video.shapes = bestFirst ? VideoShape.rungs.reversed() : VideoShape.rungs
            return video
        }
    }

    package struct Audio: Sendable {
        package var firstSequence: UInt16?
        package var firstTimestamp: UInt32?
        /// Each packet repeats the frame before it.
        package var isRedundant = false
        package init() {}
    }

    /// Whose tracks its sections carry.
    package enum Following: Sendable, Hashable {
        /// Whoever has published longest; moves on to the next when they leave.
        case longestPublishing
        case participant(identity: String)
        /// Nobody's, unless the test says so (`SimulatedWorld.negotiate`).
        case nobody
    }

    package var identity: String
    package var room = "room"
    package var video: Video?
    package var audio: Audio?
    /// The worker that the control plane gives it to, and the one to which the kernel gives what it sends; nil for the same.
    package var worker = 0
    package var arrivesAt: Int?
    package var receives = false
    /// Whether its sound is repaired.
    package var repairsSound = false
    /// Whether it takes redundant audio, and in which payload type Opus; nil if not.
    package var redundancyOf: UInt8?
    /// How many sections for pictures it has, if it receives; the first is "video", the next "video2".
    package var screens = 1
    /// How it asks for what it lacks, and whether it plays what it gets.
    package var manner = ReceivedVideo.Manner.plain
    /// Otherwise it has no sections to send on until `SimulatedWorld.negotiate` gives it some (`up`).
    package var publishesAtOnce = true
    /// It sends the layers that the server says are watched, and no others: those of its pictures are in ascending order.
    package var heedsDemand = false
    package var following = Following.longestPublishing
    /// The client's role in DTLS.
    package var role = DTLSRole.client
    /// Otherwise it finds its path and never begins a handshake.
    package var shakesHands = true
    /// Whether the checks that keep consent nominate the path once more, as Chromium's do; Firefox's do not.
    package var renominates = true
    /// Otherwise it agrees to no transport-wide feedback, and tells nothing of what it gets.
    package var tellsOfArrivals = true
    /// It tells of arrivals by stream (RFC 8888) in place of transport-wide numbers.
    package var tellsByStream = false
    /// It agrees to RTCP without a report at the beginning (RFC 5506).
    package var reducesRTCP = false
    /// What it sends to is told, and answered, how long the way is (RFC 3611).
    package var tellsRoundTrip = false
    /// Otherwise it agrees to no stream of retransmissions.
    package var takesRetransmissions = true
    package var profiles = SRTPProfile.allCases
    package var uplink = LinkConditions()
    package var downlink = LinkConditions()
    /// What its SDP says of its certificate, where that is not the truth.
    package var claimedFingerprint: CertificateFingerprint?
    /// How far its time of day is ahead of the server's.
    package var clockSkew = Interval.zero
    /// Milliseconds before its sources begin.
    package var startDelay = Interval.zero

    package init(_ identity: String) { self.identity = identity }

    /// As a WHIP client: picture and sound, up only.
    package static func publisher(_ identity: String = "camera") -> PeerPlan {
        var plan = PeerPlan(identity)
        plan.video = Video()
        plan.audio = Audio()
        plan.clockSkew = .milliseconds(-7_200_400)
        return plan
    }

    /// As a WHEP client: picture and sound, down only.
    package static func viewer(_ identity: String = "viewer") -> PeerPlan {
        var plan = PeerPlan(identity)
        plan.receives = true
        return plan
    }

    // MARK: What was negotiated

    /// The extension ids differ up and down, as do the payload types: nothing may pass the server unchanged by mistake.
    static let upExtensions: HeaderExtensionMap = {
        var map = HeaderExtensionMap()
        for (kind, id) in [
            (HeaderExtension.audioLevel, 1), (.absSendTime, 2), (.transportCC, 3), (.mid, 4), (.rid, 10), (.repairedRid, 11),
            (.dependencyDescriptor, 12),
        ] { map[kind] = UInt8(id) }
        return map
    }()

    static let downExtensions: HeaderExtensionMap = {
        var map = HeaderExtensionMap()
        for (kind, id) in [(HeaderExtension.mid, 9), (.transportCC, 5), (.absSendTime, 6), (.audioLevel, 14), (.dependencyDescriptor, 7)] {
            map[kind] = UInt8(id)
        }
        return map
    }()

    static let upVideo = CodecParameters(
        codec: .vp8, payloadType: 96, rtxPayloadType: 97, nack: true, pli: true, fir: true, transportCC: true)
    static let upAudio = CodecParameters(codec: .opus, payloadType: 111, transportCC: true)
    static let downVideo = CodecParameters(
        codec: .vp8, payloadType: 100, rtxPayloadType: 101, nack: true, pli: true, fir: true, transportCC: true)
    static let upRedundancy = CodecParameters(codec: .red, payloadType: 63, format: "111/111")
    static let downAudio = CodecParameters(codec: .opus, payloadType: 109, transportCC: true)

    /// The sections on which the server receives.
    package var up: [RTPParameters] {
        var sections: [RTPParameters] = []
        var upVideo = Self.upVideo
        upVideo.referenceTime = tellsRoundTrip
        if let audio {
            sections.append(
                RTPParameters(
                    mid: "0", kind: .audio, codecs: audio.isRedundant ? [Self.upAudio, Self.upRedundancy] : [Self.upAudio],
                    extensions: Self.upExtensions))
        }
        if let video {
            sections.append(
                RTPParameters(mid: "1", kind: .video, codecs: [upVideo], extensions: Self.upExtensions, rids: video.rids))
        }
        for index in sections.indices { sections[index].reducedSizeRTCP = reducesRTCP }
        return sections
    }

    /// The sections on which the server sends.
    func down(_ entropy: Entropy) -> [RTPParameters] {
        guard receives else { return [] }
        var (videoCodec, audioCodec, extensions) = (Self.downVideo, Self.downAudio, Self.downExtensions)
        videoCodec.congestionFeedback = tellsByStream
        if !tellsOfArrivals || tellsByStream {
            (videoCodec.transportCC, audioCodec.transportCC) = (false, false)
            extensions[.transportCC] = 0
        }
        audioCodec.nack = repairsSound
        var audioCodecs = [audioCodec]
        if let redundancyOf {
            audioCodecs[0].payloadType = redundancyOf
            audioCodecs.append(CodecParameters(codec: .red, payloadType: 62, format: "\(redundancyOf)/\(redundancyOf)"))
        }
        if !takesRetransmissions { videoCodec.rtxPayloadType = nil }
        let pictures = (1...max(1, screens)).map { number in
            RTPParameters(
                mid: number == 1 ? "video" : "video\(number)", kind: .video, codecs: [videoCodec], extensions: extensions,
                streams: [RTPParameters.Stream(ssrc: entropy.ssrc(), rtxSSRC: takesRetransmissions ? entropy.ssrc() : nil)])
        }
        return pictures + [
            RTPParameters(
                mid: "audio", kind: .audio, codecs: audioCodecs, extensions: extensions,
                streams: [RTPParameters.Stream(ssrc: entropy.ssrc())])
        ]
    }
}
