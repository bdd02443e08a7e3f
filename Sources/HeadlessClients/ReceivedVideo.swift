import Forwarding
import MediaPrimitives
import RTP

/// A receiver of one video section: puts packets in order, asks for missing ones and for keyframes, and hands whole frames to a decoder.
package final class ReceivedVideo {
    /// How long a keyframe behind a hole waits for the hole to be filled: as long as a browser's jitter buffer keeps a frame.
    static let patience = Interval.milliseconds(50)

    /// How it asks for what it lacks.
    package enum Manner: Sendable {
        /// By the server's own rules for packets, and for a keyframe after half a second.
        case plain
        /// As libwebrtc does, with a jitter buffer.
        case browser
    }

    /// Nothing for so long is a pause, not a freeze (libwebrtc).
    private static let inactivity = Interval.seconds(5)

    /// Numbers that never came although later ones did.
    package struct Hole: Sendable {
        package var count: Int
        /// What came before was a whole frame. Otherwise the hole tells the decoder that a frame has no end.
        package var isAfterWholeFrame: Bool
    }

    package let ssrc: SSRC
    private let rtxSSRC: SSRC?
    private var types: PayloadTypeTable
    let repairs: Bool
    var unwrapper = SequenceUnwrapper()
    private var rtxUnwrapper = SequenceUnwrapper()
    var buffer: [Int64: DecodedVideo.Packet] = [:]
    /// The first number that has not been decoded; nil before the first keyframe.
    var next: Int64?
    var missing = MissingPackets()
    /// What asks in place of `missing`, as a browser.
    var nacks: NackRequests?
    /// When frames are shown; nil where they are not played.
    package internal(set) var playout: PlayoutBuffer?
    /// Numbers that carried nothing.
    var empty: Set<Int64> = []
    private var lastArrival: Instant?
    var statistics = ReceptionStatistics(clockRate: 90_000)
    var blockedSince: Instant?
    var waitingKeyframe: (position: Int64, since: Instant)?
    var lastRequest: Instant?
    /// So much is missing that repair was given up.
    var wantsKeyframe = false
    /// When it was last tried to go on.
    var triedAt = Instant(nanoseconds: 0)

    package internal(set) var decoder = DecodedVideo()
    package internal(set) var holes: [Hole] = []
    package private(set) var packets = 0
    /// What came, by kind.
    package private(set) var received = ReceivedBytes()
    /// Bytes of payload of the frames that were decoded.
    package internal(set) var decodedBytes = 0
    /// Whole frames that were of no use after a switch to their encoding: the keyframe that it began with never came, or too late.
    package internal(set) var discardedAfterSwitch = 0
    /// The newest sequence number.
    package var newest: UInt16 { UInt16(truncatingIfNeeded: unwrapper.highest ?? 0) }
    package private(set) var repaired = 0
    package internal(set) var nacked = 0
    package internal(set) var keyframeRequests = 0
    package private(set) var senderReports = 0
    var clock = SenderClock(clockRate: 90_000)

    private var reader: PayloadReader

    package init(
        _ parameters: RTPParameters, manner: Manner = .plain, reader: PayloadReader = .stamps, temporalLayers: Int = 1
    ) {
        self.reader = reader
        decoder.temporalLayers = temporalLayers
        ssrc = parameters.streams.first?.ssrc ?? SSRC(0)
        rtxSSRC = parameters.streams.first?.rtxSSRC
        types = PayloadTypeTable(parameters.codecs)
        repairs = parameters.codecs.contains { $0.nack }
        guard manner == .browser else { return }
        nacks = NackRequests()
        playout = PlayoutBuffer()
    }

    package func owns(_ ssrc: SSRC) -> Bool { ssrc == self.ssrc || ssrc == rtxSSRC }

    package func receive(_ packet: RawSpan, _ header: RTPHeader, _ values: HeaderExtensionValues, at now: Instant) {
        var payload = packet.extracting(header.payloadOffset..<(header.payloadOffset + header.payloadLength))
        if header.payloadLength == 0 { return receivePadding(header, length: packet.byteCount, at: now) }
        if let lastArrival, now - lastArrival >= ReceivedVideo.inactivity { playout?.pause() }
        lastArrival = now
        let isRetransmission = header.ssrc != ssrc
        let sequence: Int64
        let codec: Codec
        if header.ssrc == ssrc {
            guard let known = types.codec(header.payloadType) else { return decoder.fault("payload type \(header.payloadType)") }
            codec = known
            sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        } else {
            guard let known = types.codec(retransmission: header.payloadType), let original = payload.uint16(at: 0) else {
                return decoder.fault("payload type \(header.payloadType) on the retransmission stream")
            }
            codec = known
            _ = rtxUnwrapper.unwrap(header.sequenceNumber.rawValue)
            sequence = unwrapper.peek(original)
            payload = payload.extracting(2...)
            // Before the first packet there is nothing to repair.
            if payload.byteCount == 0 || unwrapper.highest == nil { return received.note(.padding, length: packet.byteCount) }
        }
        let descriptor = PayloadDescriptor.parse(codec: codec, payload: payload)
        guard let stamp = reader.read(codec, payload, sequence: sequence, at: now)?.stamp else {
            return decoder.fault("packet \(sequence) is not what was sent")
        }
        packets += 1
        var entry = DecodedVideo.Packet(
            timestamp: header.timestamp, marker: header.marker,
            // A recorded keyframe may have its slices in other packets than its parameter sets.
            isKeyframeStart: descriptor.isKeyframeStart && stamp.index == 0,
            // With H.264 and AV1 the payload need not tell.
            startsFrame: descriptor.startsFrame || stamp.index == 0, stamp: stamp, length: payload.byteCount, arrival: now,
            isRepair: isRetransmission)
        switch descriptor {
        case .vp8(let numbers): entry.descriptor = numbers
        case .vp9(let vp9): entry.endsLayer = vp9.endsFrame
        // Each layer is one OBU.
        case .av1(let av1): entry.endsLayer = !av1.isContinued
        case .empty, .opaque, .redundant, .h264, .malformed: break
        }
        if let known = buffer[sequence] {
            if known.stamp != stamp || known.timestamp != entry.timestamp { decoder.fault("packet \(sequence) came twice and differs") }
            return noteRepeat(sequence, isRetransmission, length: packet.byteCount)
        }
        switch missing.note(sequence, at: now) {
        case .repeated: return noteRepeat(sequence, isRetransmission, length: packet.byteCount)
        case .inOrder: break
        case .gap(let count):
            if nacks?.note(missing: (sequence - Int64(count))..<sequence, at: now) == false { wantsKeyframe = true }
        case .filled:
            nacks?.note(filled: sequence, isRetransmission: isRetransmission, at: now)
            // Without a stream of retransmissions it comes as it was: it is taken for one if it was asked for.
            if rtxSSRC == nil, repairs, nacks?.wasAsked(sequence) ?? true { entry.isRepair = true }
        case .overflow:
            nacks?.forget(before: sequence)
            wantsKeyframe = nacks != nil
        }
        received.note(entry.isRepair ? .repair : .media, length: packet.byteCount)
        if entry.isRepair { repaired += 1 }
        // A report is about its own stream: what the other one repaired was lost.
        if !isRetransmission { statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: now, retransmitted: false) }
        buffer[sequence] = entry
        advance(at: now)
    }

    private func noteRepeat(_ sequence: Int64, _ isRetransmission: Bool, length: Int) {
        received.note(isRetransmission && nacks?.wasAsked(sequence) == false ? .padding : .repeated, length: length)
    }

    /// A packet without a payload: on the retransmission stream it is worth nothing, on the other it uses up a number.
    private func receivePadding(_ header: RTPHeader, length: Int, at now: Instant) {
        received.note(.padding, length: length)
        guard header.ssrc == ssrc else { return }
        let sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        switch missing.note(sequence, at: now) {
        case .repeated: return
        case .gap(let count): _ = nacks?.note(missing: (sequence - Int64(count))..<sequence, at: now)
        case .filled: nacks?.note(filled: sequence, isRetransmission: false, at: now)
        case .inOrder, .overflow: break
        }
        statistics.note(sequence: sequence, timestamp: header.timestamp, arrival: now, retransmitted: false)
        empty.insert(sequence)
        advance(at: now)
    }

    /// Nothing is published for a while: the time until the next frame is no freeze.
    package func pause() {
        decoder.pause()
        playout?.pause()
    }

    package func noteReport(_ report: SenderReport, at now: Instant) {
        senderReports += 1
        clock.note(ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now)
    }

    /// How long after its capture the newest frame would be shown, by the server's reports: sound and picture must agree in this.
    package func displayDelay(_ wallClock: WallClock) -> Interval? {
        guard let last = decoder.last, let ntp = clock.ntp(of: last.timestamp) else { return nil }
        return ntp.since(wallClock.ntp(at: last.stamp.captured))
    }
}
