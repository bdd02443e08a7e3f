import Forwarding
import MediaPrimitives
import RTP

/// A receiver of one section of sound. It repairs nothing; it remembers what came, by sequence number.
package final class ReceivedAudio {
    private struct Packet {
        var sequence: Int64
        var timestamp: UInt32
        var marker: Bool
        var stamp: PayloadStamp
        var arrival: Instant
    }

    package let ssrc: SSRC
    private let codecs: [UInt8: Codec]
    private let opus: UInt8?
    /// Packets that repeated older frames, and frames that came only so, by publisher.
    package private(set) var redundantPackets = 0
    private var frames: [UInt16: Set<UInt32>] = [:]
    private var unwrapper = SequenceUnwrapper()
    private var packets: [Packet] = []
    package private(set) var faults: [String] = []
    package private(set) var senderReports = 0
    private var clock = SenderClock(clockRate: 48_000)

    package init(_ parameters: RTPParameters) {
        ssrc = parameters.streams.first?.ssrc ?? SSRC(0)
        codecs = Dictionary(parameters.codecs.map { ($0.payloadType, $0.codec) }) { first, _ in first }
        opus = parameters.codecs.first { $0.codec == .opus }?.payloadType
    }

    package var count: Int { packets.count }
    /// The number of the newest.
    package var newest: SequenceNumber { SequenceNumber(UInt16(truncatingIfNeeded: packets.map(\.sequence).max() ?? 0)) }
    /// The numbers that are missing of all that came so far.
    package var missing: [SequenceNumber] {
        let numbers = Set(packets.map(\.sequence))
        guard let first = numbers.min(), let last = numbers.max() else { return [] }
        return (first...last).filter { !numbers.contains($0) }.map { SequenceNumber(UInt16(truncatingIfNeeded: $0)) }
    }
    package var lastArrival: Instant? { packets.last?.arrival }
    /// When which packets of `source` came, by their levels.
    package func arrivals(of source: UInt16) -> [(at: Instant, level: UInt8)] {
        packets.filter { $0.stamp.source == source }.map { ($0.arrival, $0.stamp.layer) }
    }

    package func receive(_ packet: RawSpan, _ header: RTPHeader, _ values: HeaderExtensionValues, at now: Instant) {
        let payload = packet.extracting(header.payloadOffset..<(header.payloadOffset + header.payloadLength))
        guard let codec = codecs[header.payloadType], let stamp = PayloadStamp.parse(codec, payload) else {
            return faults.append("packet \(header.sequenceNumber.rawValue) is not what was sent")
        }
        if codec == .red { noteOlderFrames(payload) }
        frames[stamp.source, default: []].insert(stamp.frame)
        if values.audioLevel != stamp.layer { faults.append("a wrong audio level") }
        let sequence = unwrapper.unwrap(header.sequenceNumber.rawValue)
        packets.append(Packet(sequence: sequence, timestamp: header.timestamp, marker: header.marker, stamp: stamp, arrival: now))
    }

    /// How many frames of `source` came, in whatever packet.
    package func frameCount(of source: UInt16) -> Int { frames[source]?.count ?? 0 }

    /// Whoever decodes looks only at blocks of the codec that it has agreed to.
    private func noteOlderFrames(_ payload: RawSpan) {
        guard let audio = RedundantAudio.parse(payload), audio.primaryType == opus else {
            return faults.append("redundancy of a codec that was not agreed to")
        }
        redundantPackets += 1
        for index in 0..<audio.blocks {
            guard let block = audio.block(index, in: payload), block.payloadType == opus,
                let stamp = PayloadStamp.parse(opus: payload.extracting(block.range))
            else {
                faults.append("an older frame is not what was sent")
                continue
            }
            frames[stamp.source, default: []].insert(stamp.frame)
        }
    }

    package func noteReport(_ report: SenderReport, at now: Instant) {
        senderReports += 1
        clock.note(ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now)
    }

    /// How long after its capture the newest packet would be played, by the server's reports.
    package func displayDelay(_ wallClock: WallClock) -> Interval? {
        guard let last = packets.last, let ntp = clock.ntp(of: last.timestamp) else { return nil }
        return ntp.since(wallClock.ntp(at: last.stamp.captured))
    }

    /// What a player would notice of the whole: numbers missing and repeated, timestamps that go back, publishers heard in turn.
    package func review() -> (missing: Int, sources: [UInt16], faults: [String]) {
        var faults = self.faults
        var missing = 0
        var sources: [UInt16] = []
        var last: Packet?
        for packet in packets.sorted(by: { $0.sequence < $1.sequence }) {
            if sources.last != packet.stamp.source { sources.append(packet.stamp.source) }
            defer { last = packet }
            guard let last else { continue }
            if packet.sequence == last.sequence {
                faults.append("number \(packet.sequence) came twice")
                continue
            }
            missing += Int(packet.sequence - last.sequence) - 1
            let advance = Int32(bitPattern: packet.timestamp &- last.timestamp)
            if advance <= 0 { faults.append("the timestamp goes back by \(-advance) at \(packet.sequence)") }
            let elapsed = packet.stamp.captured - last.stamp.captured
            if abs(Double(advance) / 48 - elapsed.milliseconds) > (packet.stamp.source == last.stamp.source ? 1 : 300) {
                faults.append("the timestamp moves by \(advance) in \(elapsed.milliseconds) ms")
            }
            if packet.stamp.source == last.stamp.source, packet.stamp.frame <= last.stamp.frame {
                faults.append("frame \(packet.stamp.frame) after \(last.stamp.frame)")
            }
            // Something was left out on purpose.
            if packet.sequence == last.sequence + 1, packet.stamp.frame != last.stamp.frame + 1 || packet.stamp.source != last.stamp.source,
                !packet.marker
            {
                faults.append("no marker at \(packet.sequence), where sound begins again")
            }
        }
        return (missing, sources, faults)
    }
}
