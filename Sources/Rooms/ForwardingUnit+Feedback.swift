import Forwarding
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

extension ForwardingUnit {
    /// One RTCP datagram, compound or reduced-size: reports from publishers, wishes from subscribers.
    func receiveRTCP(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at now: Instant, detour: Detour?) {
        guard let slot = slotsByPath[path], let participant = participants[slot] else {
            if detour == nil, let exchange, exchange.handOver(datagram, from: path, at: now, .feedback) { return }
            counters.drop(.unknownAddress)
            return
        }
        let length: Int
        switch participant.transport.unprotectRTCP(datagram, from: path) {
        case .ok(length: let plain): length = plain
        case .dropped(let reason):
            counters.drop(reason)
            return
        }
        participant.lastArrival = now
        let bytes = UnsafeRawBufferPointer(rebasing: datagram[..<length]).bytes
        guard RTCPPacketIterator.isValid(bytes) else {
            counters.drop(.invalidRTCP)
            return
        }
        var packets = RTCPPacketIterator()
        // A few bytes tell of 8,191 packets, and a datagram holds many messages: together they may tell of as many as one may.
        var statuses = TransportFeedback.maximumStatusCount
        // Streams that it has said goodbye to: it may name each as often as it likes.
        var ended: Set<SSRC> = []
        while let packet = packets.next(in: bytes) {
            switch packet.kind {
            case .senderReport:
                guard let report = SenderReport.parse(bytes, packet) else { break }
                participant.noteReport(report, at: now, clock: clock)
                exchange?.relay(report, from: participant, at: now)
                participant.noteReports(report.blocks, in: bytes, at: now, clock: clock)
            case .receiverReport:
                if let report = ReceiverReport.parse(bytes, packet) {
                    participant.noteReports(report.blocks, in: bytes, at: now, clock: clock)
                }
            case .goodbye:
                receiveGoodbye(bytes, packet, from: participant, &ended)
            case .nack:
                if let nack = Nack.parse(bytes, packet) { receive(nack, in: bytes, from: participant, at: now) }
            case .pictureLossIndication:
                if let request = PictureLossIndication.parse(bytes, packet) { requestKeyframe(request.media, for: participant, at: now) }
            case .fullIntraRequest:
                guard let request = FullIntraRequest.parse(bytes, packet) else { break }
                for index in 0..<request.entryCount {
                    if let entry = request.entry(index, in: bytes) { requestKeyframe(entry.ssrc, for: participant, at: now) }
                }
            case .transportFeedback:
                guard let feedback = TransportFeedback.parse(bytes, packet) else { break }
                guard feedback.statusCount <= statuses else {
                    counters.drop(.invalidRTCP)
                    break
                }
                statuses -= feedback.statusCount
                participant.downlink.note(feedback, in: bytes, at: now)
            case .congestionControlFeedback:
                if let feedback = CongestionControlFeedback.parse(bytes, packet) { participant.downlink.note(feedback, in: bytes, at: now) }
            case .extendedReport:
                if let report = ExtendedReport.parse(bytes, packet) { participant.note(report, in: bytes, at: now, clock: clock) }
            case .applicationLayerFeedback:
                if let limit = ReceiverEstimatedMaximumBitrate.parse(bytes, packet) { participant.downlink.note(limit, at: now) }
            case .sourceDescription, .other:
                break
            }
        }
        participant.noteEstimate(at: now)
        deadlines.schedule(participant.slot, at: participant.nextAllocation)
        scheduleDownlink(of: participant, at: now)
    }

    private func receiveGoodbye(_ bytes: RawSpan, _ packet: RTCPPacket, from participant: Participant, _ ended: inout Set<SSRC>) {
        guard let goodbye = Goodbye.parse(bytes, packet) else { return }
        for index in 0..<goodbye.count {
            guard let ssrc = goodbye.source(index, in: bytes), let binding = participant.streams.binding(of: ssrc),
                ended.insert(ssrc).inserted
            else { continue }
            participant.encoding(binding)?.noteGoodbye(ssrc)
            if let publication = participant.publications[binding.publication], publication.relays != 0, !binding.isRetransmission {
                exchange?.offer(.goodbye(publication.track, layer: binding.layer), to: publication.relays)
            }
        }
    }

    /// One message can name 6,000 packets; no honest receiver misses as many as are remembered.
    private static let mostAskedFor = 1_024

    private func receive(_ nack: Nack, in bytes: RawSpan, from participant: Participant, at now: Instant) {
        if let repeats = participant.repeats, repeats.ssrcs.contains(nack.media) {
            return sendAgain(nack, in: bytes, from: repeats, to: participant, at: now)
        }
        guard let subscription = participant.subscriptions.first(where: { $0.stream.ssrc == nack.media }),
            let publication = subscription.publication
        else { return }
        var looked = 0
        let insistence = participant.downlink.insistence
        nack.forEach(in: bytes) { sequence in
            looked += 1
            guard looked <= ForwardingUnit.mostAskedFor else { return }
            counters.requestsReceived.packets &+= 1
            _ = subscription.stream.resend(
                sequence.rawValue, insisting: insistence, at: now,
                ring: { $0 < publication.encodings.count ? publication.encodings[$0].ring : nil },
                transport: subscription.transport, into: &departures)
        }
    }

    /// What is repaired without RTX, as it left.
    private func sendAgain(_ nack: Nack, in bytes: RawSpan, from repeats: SealedRepeats, to participant: Participant, at now: Instant) {
        let wanted = repeats.wanted
        var looked = 0
        let insistence = participant.downlink.insistence
        nack.forEach(in: bytes) { sequence in
            looked += 1
            guard looked <= ForwardingUnit.mostAskedFor else { return }
            counters.requestsReceived.packets &+= 1
            repeats.want(sequence.rawValue, of: nack.media, insisting: insistence, at: now)
        }
        if wanted == 0, repeats.wanted > 0 { woken.append(Int32(truncatingIfNeeded: participant.slot)) }
    }

    private func requestKeyframe(_ media: SSRC, for participant: Participant, at now: Instant) {
        counters.requestsReceived.keyframes &+= 1
        guard let subscription = participant.subscriptions.first(where: { $0.stream.ssrc == media }) else { return }
        subscription.publication?.requestKeyframe(for: subscription, at: now)
        wakePublisher(of: subscription)
    }
}
