import Forwarding
import MediaPrimitives
import RTP

/// The meaning of what passes between workers. The rings, and when they are read and written, are the worker's.
extension ForwardingUnit {
    // MARK: Out

    /// Whether there is anything to tell `other`.
    package func hasNews(for other: Int) -> Bool { exchange.map { !$0.outboxes[other].isEmpty } ?? false }

    /// Hands what is to be told to `other` to `push`, which says whether it has taken a record. Control that was not taken waits for the next
    /// call; everything else is lost, and counted.
    package func tell(_ other: Int, _ push: (UnsafeRawBufferPointer, WorkerOutbox.Urgency) -> Bool) {
        exchange?.outboxes[other].flush(push)
    }

    // MARK: In

    /// Takes one record of what `other` has told. Datagrams in it are decrypted in place.
    package func receive(record: UnsafeMutableRawBufferPointer, from other: Int, at now: Instant, into batch: DatagramBatch) {
        guard let exchange, let record = WorkerRecord(record) else { return }
        switch record {
        case .datagram(let datagram, let path, let arrival, let isKnown):
            exchange.noteHandedOver()
            receive(datagram, from: path, at: arrival, detour: Detour(worker: other, isKnown: isKnown), into: batch)
        case .packet(let packet, let track, let layer, let isRetransmission, let spurt, let number, let arrival):
            guard let (relay, place) = exchange.relay(of: track, from: other) else { return }
            exchange.noteRelayed()
            if relay.receive(
                packet, layer: layer, isRetransmission: isRetransmission, spurt: spurt, number: number, at: arrival, now: now,
                into: &departures)
            {
                scheduleRelay(place)
                guard let publication = relay.publication else { return }
                if !publication.switched.isEmpty { noteSwitches(of: publication, at: now) }
                if publication.kind == .video, publication.encodings[layer].hasBegun { findRoom(forBeginning: publication, at: now) }
            }
        case .report(let track, let layer, let ntp, let timestamp, let arrival, let offset):
            exchange.relay(of: track, from: other)?.relay.noteReport(
                layer: layer, ntp: ntp, timestamp: timestamp, offset: offset, at: arrival)
        case .goodbye(let track, let layer):
            guard let encoding = exchange.relay(of: track, from: other)?.relay.encoding(layer), let ssrc = encoding.ssrc else { return }
            encoding.noteGoodbye(ssrc)
        case .want(let track): want(track, by: other)
        case .unwant(let track):
            exchange.note(unwant: track, by: other)
            tracks[track]?.relays = exchange.wanting(track)
            demand(nil, of: track, by: other, at: now)
        case .began(let track, let offset, let layers):
            guard let (relay, place) = exchange.relay(of: track, from: other), relay.publication == nil else { return }
            tracks.publish(relay.begin(at: place, offset: offset, layers: layers, at: now), at: now)
            scheduleRelay(place)
        case .ended(let track):
            if let publication = exchange.relay(of: track, from: other)?.relay.end() { tracks.withdraw(publication, at: now) }
        case .keyframe(let track, let layer): requestKeyframe(track, layer: layer, at: now)
        case .voice(let track, let participant, let room): addVoice(track, of: participant, in: room, at: now)
        case .voiceless(let track): removeVoice(track, at: now)
        case .speech(let track, let report): note(report, of: track, at: now)
        case .heard(let track, let isHeard): hear(track, isHeard, at: now)
        case .demand(let track, let layers): demand(layers, of: track, by: other, at: now)
        case .supply(let track, let layers): exchange.relay(of: track, from: other)?.relay.publication?.supply(layers: layers, at: now)
        case .learn(let path):
            if let slot = slotsByPath.removeValue(forKey: path) { participants[slot]?.paths.removeAll { $0 == path } }
            exchange.endDetour(of: path)
            exchange.learn(path, of: other)
        case .forget(let path): exchange.forget(path, of: other)
        }
    }

    private func want(_ track: TrackID, by other: Int) {
        guard let exchange else { return }
        exchange.note(want: track, by: other)
        guard let publication = tracks[track], case .participant = publication.origin else { return }
        publication.relays = exchange.wanting(track)
        exchange.tellBeginning(of: publication, offset: clockOffset(of: publication)?.current, to: 1 << UInt64(other))
    }

    /// Somebody on another worker cannot decode. How often one subscriber may say so has been decided there.
    private func requestKeyframe(_ track: TrackID, layer: Int, at now: Instant) {
        guard let publication = tracks[track], case .participant(let slot) = publication.origin, publication.kind == .video,
            layer < publication.encodings.count
        else { return }
        publication.encodings[layer].keyframes.want(at: now)
        if let publisher = participants[slot] { schedule(publisher) }
    }

    // MARK: Within

    /// Tells the other workers what has changed in the directory of tracks.
    func runErrands(at now: Instant) {
        for errand in tracks.takeErrands() {
            switch errand {
            case .began(let publication): beginVoice(publication, at: now)
            case .ended(let publication): endVoice(publication, at: now)
            case .lost(let publication): wakeSource(of: publication)
            case .want, .unwant: break
            }
            guard let exchange else { continue }
            switch errand {
            case .began(let publication):
                publication.relays = exchange.wanting(publication.track)
                exchange.tellBeginning(of: publication, offset: clockOffset(of: publication)?.current, to: publication.relays)
            case .ended(let publication):
                exchange.tell(.ended(publication.track), to: publication.relays)
                publication.relays = 0
            case .want(let reference): exchange.want(reference)
            case .unwant(let reference): if let publication = exchange.unwant(reference) { tracks.withdraw(publication, at: now) }
            case .lost: break
            }
        }
    }

    /// How far the clock behind `publication` is from ours.
    func clockOffset(of publication: Publication) -> ClockOffset? {
        switch publication.origin {
        case .participant(let slot): participants[slot]?.clockOffset
        case .relay(let place): exchange?.relays[place]?.clockOffset
        }
    }

    /// Somebody has asked something of a relayed track.
    func scheduleRelay(_ place: Int) {
        guard let exchange, let publication = exchange.relays[place]?.publication else { return }
        exchange.deadlines.schedule(place, at: publication.nextDeadline)
    }

    func handleRelayTimeouts(at now: Instant) {
        guard let exchange else { return }
        var turns = 64 + 4 * exchange.relays.count
        while turns > 0, let place = exchange.deadlines.popDue(at: now) {
            turns -= 1
            guard let relay = exchange.relays[place] else { continue }
            relay.handleTimeout(at: now) { layer in
                exchange.outboxes[relay.reference.worker].tell(.keyframe(relay.reference.id, layer: layer))
            }
            tellDemand(of: relay, at: now)
            if let publication = relay.publication { serveJoiners(of: publication, at: now) }
            scheduleRelay(place)
        }
    }
}
