import MediaPrimitives
import RTP

/// What one client sends: its cameras and microphones, the server's word on them, and their reports.
package final class PublishedMedia {
    /// One for each encoding, in the order of the rids.
    package var cameras: [VideoSource] = []
    package var microphones: [AudioSource] = []
    /// What the server told of each stream, last.
    package private(set) var reports: [SSRC: ReportBlock] = [:]

    /// One encoder for all encodings, as libvpx's: a request for a keyframe makes all of them send one.
    package var keyframesTogether = false
    private var uplink: UplinkControl?
    /// Bits of payload a second that each encoding has at most.
    private var bitrates: [Int] = []

    package init() {}

    package var isEmpty: Bool { cameras.isEmpty && microphones.isEmpty }

    package var nextDeadline: Instant {
        var deadline = Instant.distantFuture
        for camera in cameras { deadline = min(deadline, camera.nextDeadline) }
        for microphone in microphones { deadline = min(deadline, microphone.nextDeadline) }
        return deadline
    }

    package func handleTimeout(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        let (number, count) = (transport.transportSequence, batch.count)
        for camera in cameras { camera.handleTimeout(at: now, over: transport, into: batch) }
        for microphone in microphones { microphone.handleTimeout(at: now, over: transport, into: batch) }
        guard uplink != nil else { return }
        let probe = transport.transportSequence
        if uplink?.takeProbe(beginningWith: probe, at: now) == true {
            cameras.first { $0.stream.packets > 0 }?.stream.repeatNewest(UplinkControl.probePackets, at: now, over: transport, into: batch)
        }
        for index in count..<batch.count {
            uplink?.noteSent(number &+ UInt16(truncatingIfNeeded: index - count), bytes: batch.bytes(index).count, at: now)
        }
    }

    /// From now on the encoders' rates follow what the way up carries: the lowest encoding is served first, and one that would have less than half
    /// of its rate is not sent, nor are those above it (libwebrtc's rule, nearly).
    package func adapt(to bitrates: [Int]) {
        self.bitrates = bitrates
        uplink = UplinkControl(ceiling: bitrates.reduce(0, +) * 5 / 4)
    }

    /// The server tells of the arrival of what was sent.
    package func receive(_ feedback: TransportFeedback, in bytes: RawSpan, at now: Instant) {
        uplink?.receive(feedback, in: bytes, at: now)
        guard let uplink else { return }
        // What is not payload, and what is sent again, has its share.
        var rest = Int(uplink.rate * 0.9)
        for (camera, bitrate) in zip(cameras, bitrates) where !camera.isSwitchedOff {
            let share = rest >= bitrate / 2 ? min(rest, bitrate) : 0
            camera.setBitrate(share)
            rest = share == 0 ? 0 : rest - share
        }
    }

    /// The server says that so many layers, from the lowest, are of use; encodings are in that order. One encoder for all begins anew with more.
    package func send(layers: Int, at now: Instant) {
        for (index, camera) in cameras.enumerated() {
            let isMore = camera.isSwitchedOff && index < layers
            camera.isSwitchedOff = index >= layers
            if keyframesTogether, isMore { for other in cameras where other !== camera { other.joinKeyframe(at: now) } }
        }
    }

    /// Takes one packet of a decrypted RTCP datagram; what is not about what is sent is passed over.
    package func receive(
        _ packet: RTCPPacket, in bytes: RawSpan, at now: Instant, over transport: ClientTransport, into batch: DatagramBatch
    ) {
        switch packet.kind {
        case .nack:
            guard let nack = Nack.parse(bytes, packet) else { break }
            let camera = cameras.first { $0.stream.ssrc == nack.media }
            nack.forEach(in: bytes) { camera?.stream.resend($0.rawValue, at: now, over: transport, into: batch) }
        case .pictureLossIndication:
            guard let request = PictureLossIndication.parse(bytes, packet) else { break }
            let camera = cameras.first { $0.stream.ssrc == request.media }
            camera?.requestKeyframe(at: now)
            if keyframesTogether, camera != nil { for other in cameras where other !== camera { other.joinKeyframe(at: now) } }
            microphones.first { $0.stream.ssrc == request.media }?.noteKeyframeRequest()
        case .receiverReport:
            guard let report = ReceiverReport.parse(bytes, packet) else { break }
            for index in 0..<report.blocks.count {
                guard let block = report.blocks.block(index, in: bytes) else { continue }
                reports[block.ssrc] = block
                for stream in streams { stream.noteReport(about: block.ssrc) }
            }
        case .extendedReport:
            // Whoever tells its time of day is told how long it was kept: not at all.
            guard let report = ExtendedReport.parse(bytes, packet), let time = report.referenceTime, let sender = streams.first?.ssrc else {
                break
            }
            let delay = [ExtendedReport.Delay(receiver: report.sender, lastReference: time.middle, delay: 0)]
            transport.sendRTCP(into: batch) { ExtendedReport.write(into: &$0, sender: sender, delays: delay.span) }
        default: break
        }
    }

    /// Sends a report on each stream.
    package func report(at now: Instant, over transport: ClientTransport, into batch: DatagramBatch) {
        for stream in streams { transport.sendRTCP(into: batch) { stream.writeReport(at: now, into: &$0) } }
    }

    private var streams: [PublishedStream] { cameras.map(\.stream) + microphones.map(\.stream) }
}
