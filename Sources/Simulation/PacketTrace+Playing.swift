import HeadlessClients
import MediaPrimitives
import RTP

extension PacketTrace {
    /// What a simulated viewer makes of the packets, at the instants at which they arrived. Nobody hears its feedback.
    package func play() -> DecodedVideo { watch(.plain).decoder }

    /// The same, and what else can be asked of the viewer.
    package func watch(_ manner: ReceivedVideo.Manner) -> ReceivedVideo {
        let video = ReceivedVideo(PacketTrace.section, manner: manner)
        let arriving = packets.indices.filter { packets[$0].arrival != nil }.sorted {
            (packets[$0].arrival ?? .zero, $0) < (packets[$1].arrival ?? .zero, $1)
        }
        let keyframes = numberedKeyframes()
        for index in arriving {
            let packet = packets[index]
            let now = PacketTrace.begin + (packet.arrival ?? .zero)
            while video.nextAdvance <= now { video.advance(at: video.nextAdvance) }
            let bytes = PacketTrace.bytes(of: packet, keyframe: keyframes[index])
            guard let header = RTPHeader.parse(bytes.span.bytes) else { continue }
            video.receive(bytes.span.bytes, header, HeaderExtensionValues(), at: now)
        }
        while video.nextAdvance < .distantFuture { video.advance(at: video.nextAdvance) }
        return video
    }

    /// The instant that is a trace's zero.
    package static let begin = Instant(nanoseconds: 1_000_000_000)
    private static let ssrc = SSRC(0x7ace)

    private static var section: RTPParameters {
        RTPParameters(
            mid: "video", kind: .video, codecs: [PeerPlan.downVideo], extensions: HeaderExtensionMap(),
            streams: [RTPParameters.Stream(ssrc: ssrc)])
    }

    /// For each packet, how many keyframes have begun with its frame.
    private func numberedKeyframes() -> [Int] {
        var keyframes = 0
        return packets.map { packet in
            if packet.isKeyframe, packet.index == 0 { keyframes += 1 }
            return keyframes
        }
    }

    private static func bytes(of packet: Packet, keyframe: Int) -> [UInt8] {
        let captured = begin + Interval(nanoseconds: Int64(packet.timestamp) * 1_000_000 / 90)
        let stamp = PayloadStamp(
            source: 0, layer: 0, isKeyframe: packet.isKeyframe, frame: packet.frame, index: packet.index, count: packet.count,
            ordinal: 0, captured: captured)
        let payload = stamp.vp8(
            pictureID: UInt16(truncatingIfNeeded: packet.frame) & 0x7fff, tl0PicIdx: UInt8(truncatingIfNeeded: packet.frame),
            keyIndex: UInt8(truncatingIfNeeded: keyframe) & 0x1f, width: 640, height: 360, length: packet.length)
        let header = OutgoingHeader(
            payloadType: PeerPlan.downVideo.payloadType, marker: packet.index == packet.count - 1,
            sequenceNumber: SequenceNumber(packet.sequence), timestamp: packet.timestamp, ssrc: ssrc)
        return ByteWriter.array { writer in
            _ = header.write(into: &writer, HeaderExtensionMap())
            for byte in payload { writer.uint8(byte) }
        } ?? []
    }
}
