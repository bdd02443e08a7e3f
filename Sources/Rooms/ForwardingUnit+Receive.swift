import Forwarding
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

extension ForwardingUnit {
    /// Takes one datagram that arrived by `path` at `arrival`. It is decrypted in place. Whatever is not authentic changes nothing but a counter.
    ///
    /// The first byte tells what it is (RFC 7983 §7): 0 to 3 STUN, 20 to 63 DTLS, 128 to 191 RTP, or RTCP by its second byte (RFC 5761 §4).
    package func receive(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, into batch: DatagramBatch) {
        receive(datagram, from: path, at: arrival, detour: nil, into: batch)
    }

    /// The same, for a datagram that another worker has handed over after a `detour`, too.
    func receive(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, detour: Detour?, into batch: DatagramBatch
    ) {
        guard let first = datagram.first, datagram.count <= 1_500 else {
            counters.drop(.unknownKind)
            return
        }
        switch first {
        case 0...3:
            counters.received.count(.stun, bytes: datagram.count)
            receiveSTUN(datagram, from: path, at: arrival, detour: detour, into: batch)
        case 20...63:
            counters.received.count(.dtls, bytes: datagram.count)
            receiveDTLS(datagram, from: path, at: arrival, detour: detour, into: batch)
        case 128...191:
            if RTCPPacket.isRTCP(UnsafeRawBufferPointer(datagram).bytes) {
                counters.received.count(.rtcp, bytes: datagram.count)
                receiveRTCP(datagram, from: path, at: arrival, detour: detour)
            } else {
                counters.received.count(.rtp, bytes: datagram.count)
                receiveRTP(datagram, from: path, at: arrival, detour: detour)
            }
        default:
            counters.drop(.unknownKind)
        }
    }

    private func receiveSTUN(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at now: Instant, detour: Detour?, into batch: DatagramBatch
    ) {
        let packet = UnsafeRawBufferPointer(datagram)
        // A check names us by user fragment; a keepalive names nobody, and comes by a known path.
        let ufrag = STUNMessage.localUfrag(of: packet.bytes)
        let named = ufrag.flatMap { slotsByUfrag[$0] }
        if named == nil, detour == nil, let exchange, let owner = ufrag?.worker,
            exchange.handOver(datagram, from: path, at: now, to: owner)
        {
            return
        }
        guard let slot = named ?? slotsByPath[path], let participant = participants[slot] else {
            if detour == nil, ufrag == nil, let exchange, exchange.handOver(datagram, from: path, at: now) { return }
            counters.drop(.invalidSTUN)
            return
        }
        let before = batch.count
        switch participant.transport.receiveSTUN(packet.bytes, from: path, at: now, into: batch) {
        case .dropped(let reason): counters.drop(reason)
        case .answered:
            participant.lastArrival = now
            learn(path, of: participant, detour: detour)
            countSent(from: before, in: batch)
        case .refused: countSent(from: before, in: batch)
        case .ignored: break
        }
        readEvents(of: participant, at: now, into: batch)
    }

    /// Media from `path` is this participant's from now on. What ICE has forgotten is forgotten here, too.
    private func learn(_ path: Path, of participant: Participant, detour: Detour?) {
        exchange?.note(path, detour: detour)
        guard slotsByPath[path] != participant.slot else { return }
        if let former = slotsByPath[path].flatMap({ participants[$0] }) { former.paths.removeAll { $0 == path } }
        for known in participant.paths where !participant.transport.isValidated(known) { forgetSlot(of: known) }
        participant.paths.removeAll { !participant.transport.isValidated($0) }
        participant.paths.append(path)
        slotsByPath[path] = participant.slot
    }

    /// Nobody here is to be found by `path` any more.
    func forgetSlot(of path: Path) {
        slotsByPath[path] = nil
        exchange?.endDetour(of: path)
    }

    /// Whether `path` belongs to a participant: an authentic check came by it. A connection whose first frames do not get it there is closed.
    package func isKnown(_ path: Path) -> Bool { slotsByPath[path] != nil }

    /// The connection behind `path` has ended.
    package func forget(_ path: Path) {
        guard let slot = slotsByPath.removeValue(forKey: path), let participant = participants[slot] else { return }
        participant.paths.removeAll { $0 == path }
        participant.transport.forget(path)
        schedule(participant)
    }

    private func receiveDTLS(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at now: Instant, detour: Detour?, into batch: DatagramBatch
    ) {
        guard let slot = slotsByPath[path], let participant = participants[slot] else {
            if detour == nil, let exchange, exchange.handOver(datagram, from: path, at: now) { return }
            counters.drop(.unknownAddress)
            return
        }
        if participant.transport.isShakingHands, !handshakes.admits() {
            guard participant.handshakesWaiting < HandshakeQueue.perParticipant,
                handshakes.append(
                    UnsafeRawBufferPointer(datagram), of: participant.id, slot: participant.slot, from: path, at: now)
            else {
                counters.drop(.handshakeQueueFull)
                return
            }
            participant.handshakesWaiting += 1
            return
        }
        receiveDTLS(UnsafeRawBufferPointer(datagram), from: path, of: participant, at: now, into: batch)
    }

    private func receiveDTLS(
        _ datagram: UnsafeRawBufferPointer, from path: Path, of participant: Participant, at now: Instant, into batch: DatagramBatch
    ) {
        let before = batch.count
        if let reason = participant.transport.receiveDTLS(datagram, from: path, at: now, into: batch) { counters.drop(reason) }
        countSent(from: before, in: batch)
        readEvents(of: participant, at: now, into: batch)
    }

    /// Takes a turn's worth of the DTLS datagrams that wait.
    func continueHandshakes(at now: Instant, into batch: DatagramBatch) {
        for _ in 0..<HandshakeQueue.perTurn {
            guard let (entry, datagram) = handshakes.popFirst() else { return }
            guard let participant = participants[entry.slot], participant.id == entry.participant else { continue }
            participant.handshakesWaiting -= 1
            receiveDTLS(datagram, from: entry.path, of: participant, at: now, into: batch)
        }
    }

    /// One RTP packet, from the wire to every subscriber's departure.
    private func receiveRTP(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, detour: Detour?) {
        // 1. Whose is it? Only a path that ICE has validated is in the table, here or at the worker whose it is.
        guard let slot = slotsByPath[path], let participant = participants.borrow(slot) else {
            if detour == nil, let exchange, exchange.handOver(datagram, from: path, at: arrival) { return }
            counters.drop(.unknownAddress)
            return
        }
        participant._withUnsafeGuaranteedRef { receiveRTP(datagram, from: path, at: arrival, of: $0) }
    }

    private func receiveRTP(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, of participant: Participant
    ) {
        // 2. Authenticate and decrypt, in place. Nothing below happens to a packet that is not genuine.
        let length: Int
        switch participant.transport.unprotectRTP(datagram, from: path) {
        case .ok(length: let plain): length = plain
        case .dropped(let reason):
            counters.drop(reason)
            return
        }
        participant.lastArrival = arrival
        let packet = UnsafeRawBufferPointer(rebasing: datagram[..<length])
        // 3. Header and extensions to plain values.
        guard let header = RTPHeader.parse(packet.bytes) else {
            counters.drop(.invalidRTP)
            return
        }
        let values = HeaderExtensionValues.parse(packet.bytes, header, participant.receivedExtensions)
        // 4. The sender's congestion control hears of everything that bears a number, stream or no stream.
        participant.noteArrival(values, at: arrival)
        // 5. Which encoding? Known by SSRC, or found by mid and rid and latched.
        guard let route = participant.route(of: header.ssrc) ?? bind(header, values, of: participant) else {
            if header.ssrc.rawValue != 0 { counters.drop(.unknownStream) }
            // Latched to a section that is gone, and names its section: it may have gone over to another, where its next packet is looked for.
            if values.mid != nil { participant.streams.unbind(header.ssrc) }
            deadlines.schedule(participant.slot, at: participant.nextDeadline)
            return
        }
        route.publication._withUnsafeGuaranteedRef { publication in
            route.encoding._withUnsafeGuaranteedRef { encoding in
                forward(packet, header, values, of: encoding, publication, participant, route.binding, at: arrival)
            }
        }
    }

    /// A packet whose encoding is known.
    @inline(__always)
    private func forward(
        _ packet: UnsafeRawBufferPointer, _ header: RTPHeader, _ values: HeaderExtensionValues, of encoding: Encoding,
        _ publication: Publication, _ participant: Participant, _ binding: StreamBinding, at arrival: Instant
    ) {
        // 6. What is it? New media, a repetition, padding.
        let payload = UnsafeRawBufferPointer(rebasing: packet[header.payloadOffset..<(header.payloadOffset + header.payloadLength)])
        let descriptor = values.descriptor(of: packet)
        let reception =
            binding.isRetransmission
            ? encoding.receive(retransmission: header, values, payload: payload, descriptor: descriptor, at: arrival)
            : encoding.receive(header, values, payload: payload, descriptor: descriptor, at: arrival)
        // 7. To every subscription.
        switch reception {
        case .media(let media):
            if media.codec.kind == .audio {
                forward(sound: media, of: encoding, publication, participant)
            } else {
                publication.fanOut(media, from: encoding, into: &departures)
                if !publication.switched.isEmpty { noteSwitches(of: publication, at: arrival) }
                if encoding.hasBegun { findRoom(forBeginning: publication, at: arrival) }
            }
        case .padding(let sequence): publication.leaveOut(sequence, layer: binding.layer)
        case .nothing: break
        case .invalid: counters.drop(.invalidRTP)
        }
        // 8. Once to each other worker that has subscriptions.
        if publication.relays != 0 { exchange?.relay(packet, of: publication, binding, reception, at: arrival) }
        deadlines.schedule(participant.slot, at: participant.nextDeadline(afterPacketOf: encoding, of: publication))
    }

    /// Sound is sent if it is heard in its room; what bears no level always is.
    @inline(never)
    private func forward(sound packet: MediaPacket, of encoding: Encoding, _ publication: Publication, _ participant: Participant) {
        noteVoice(packet, of: publication, participant)
        if publication.isHushed {
            guard packet.audioLevel == nil else { return }
            publication.breakOff(at: packet.arrival)
        }
        publication.fanOut(packet, from: encoding, into: &departures)
        if !publication.switched.isEmpty { noteSwitches(of: publication, at: packet.arrival) }
    }

    /// Those for whom another encoding has begun are told of its clock.
    @inline(never)
    func noteSwitches(of publication: Publication, at now: Instant) {
        for slot in publication.takeSwitched() {
            guard let subscriber = participants[Int(slot)] else { continue }
            subscriber.reportSoon(at: now)
            schedule(subscriber)
        }
    }

    private func bind(_ header: RTPHeader, _ values: HeaderExtensionValues, of participant: Participant) -> Route? {
        // One that is bound belongs to a section that is gone.
        guard participant.streams.binding(of: header.ssrc) == nil, let binding = participant.streams.bind(header, values),
            let encoding = participant.encoding(binding)
        else { return nil }
        if binding.isRetransmission { encoding.bind(retransmission: header.ssrc) } else { encoding.bind(header.ssrc) }
        return participant.route(of: header.ssrc)
    }

    /// Encrypts what waits for departure into `batch`, destination by destination, until nothing waits or the batch is full.
    ///
    /// The numbers that belong to the moment of sending are given here; after that nothing is dropped.
    package func release(at now: Instant, into batch: DatagramBatch) {
        handshakes.endTurn()
        release(&departures, &held, at: Departing(at: now), into: batch, &counters.sent)
        // What is in the batch now is nobody's to read before this.
        sealing.flush()
    }

    private func release(
        _ departures: inout DepartureQueue, _ held: inout HeldPackets, at moment: Departing, into batch: DatagramBatch,
        _ sent: inout Counters.Traffic
    ) {
        while let slot = departures.nextDestination() {
            guard let participant = participants.borrow(slot) else {
                departures.removeAll(of: slot)
                continue
            }
            // Two ahead: one packet to somebody takes less time than memory does.
            if let next = departures.destination(ahead: 2) { sendingMemory.prefetch(next) }
            let isDone = participant._withUnsafeGuaranteedRef {
                let isDone = $0.release(&departures, &held, at: moment, into: batch, sealing: sealing, &sent)
                scheduleDownlink(of: $0, at: moment.now)
                return isDone
            }
            if !isDone { return }
        }
        while let slot = woken.last {
            if let participant = participants[Int(slot)] {
                guard participant.release(&departures, &held, at: moment, into: batch, sealing: sealing, &sent) else { return }
                scheduleDownlink(of: participant, at: moment.now)
            }
            woken.removeLast()
        }
    }

    /// Whether `release` has anything left to do.
    package var hasDepartures: Bool { !departures.isEmpty || !woken.isEmpty }

    /// So much waits that it is to be released before anything else is received.
    package var mustRelease: Bool { departures.count > ForwardingUnit.mostGathered }

    /// How many packets wait for `release`.
    package var departureCount: Int { departures.count }

    private func countSent(from index: Int, in batch: DatagramBatch) {
        for index in index..<batch.count {
            let bytes = batch.bytes(index)
            if let first = bytes.first { counters.sent.count(first < 4 ? .stun : .dtls, bytes: bytes.count) }
        }
    }
}
