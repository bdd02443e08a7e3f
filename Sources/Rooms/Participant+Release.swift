import Congestion
import Forwarding
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

/// When a turn's packets leave.
struct Departing {
    let now: Instant
    /// The same as abs-send-time.
    let sendTime: UInt32

    init(at now: Instant) {
        self.now = now
        sendTime = StampOffsets.absSendTime(now)
    }
}

extension Participant {
    /// Puts what may leave now into `batch`, to be encrypted there when `sealing` is flushed at the latest; false when the batch is full before that.
    ///
    /// What has waited for the pacer goes first, then what is new, where pictures may have to wait in their turn, and then padding if a probe wants
    /// it. The numbers that belong to the moment of sending are given here; after that nothing is dropped.
    func release(
        _ departures: inout DepartureQueue, _ waiting: inout HeldPackets, at moment: Departing, into batch: DatagramBatch,
        sealing: borrowing SealingQueue,
        _ sent: inout Counters.Traffic
    ) -> Bool {
        guard let path = transport.selectedPath else {
            departures.removeAll(of: slot)
            waiting.removeAll(of: &downlink.held)
            repeats?.forgetWanted()
            return true
        }
        downlink.beginTurn(at: moment.now)
        if let repeats, repeats.wanted > 0, !sendAgain(repeats, to: path, at: moment, into: batch, &sent) { return false }
        if downlink.isFlooded {
            downlink.isFlooded = false
            waiting.removeAll(of: &downlink.held)
        }
        while !downlink.held.isEmpty, downlink.allows(at: moment.now) {
            guard let packet = batch.nextSlot() else { return false }
            guard let ready = waiting.takeFirst(of: &downlink.held, into: packet) else { break }
            ready.stamps.stamp(packet, absSendTime: moment.sendTime, transportSequence: downlink.transportSequence)
            _ = send(ready, in: packet, to: path, at: moment, into: batch, sealing: sealing, &sent)
        }
        while let packet = batch.nextSlot() {
            // What finds no room to wait leaves now, and before it what has waited: later ones first would look like loss.
            if !downlink.held.isEmpty, !waiting.hasRoom(in: downlink.held), departures.hasAny(for: slot),
                let ready = waiting.takeFirst(of: &downlink.held, into: packet)
            {
                ready.stamps.stamp(packet, absSendTime: moment.sendTime, transportSequence: downlink.transportSequence)
                _ = send(ready, in: packet, to: path, at: moment, into: batch, sealing: sealing, &sent)
                continue
            }
            guard
                let ready = departures.take(
                    slot, into: packet, room: Transport.trailingRoom, sendTime: moment.sendTime,
                    transportSequence: downlink.transportSequence)
            else {
                return downlink.isProbing ? pad(to: path, at: moment, into: batch, sealing: sealing, &sent) : true
            }
            if !ready.isUrgent, !downlink.held.isEmpty || !downlink.allows(at: moment.now),
                waiting.append(ready, in: packet, to: &downlink.held)
            {
                continue
            }
            _ = send(ready, in: packet, to: path, at: moment, into: batch, sealing: sealing, &sent)
        }
        return false
    }

    /// False where it cannot be encrypted, and does not leave.
    @inline(__always)
    private func send(
        _ ready: ReadyPacket, as kind: Pacer.Kind? = nil, in packet: UnsafeMutableRawBufferPointer, to path: Path, at moment: Departing,
        into batch: DatagramBatch, sealing: borrowing SealingQueue, _ sent: inout Counters.Traffic
    ) -> Bool {
        downlink.noteStream(of: packet)
        let kind = kind ?? (ready.isAudio ? .audio : .media)
        if ready.isAudio || repeatsPictures, let repeats {
            return sendKept(by: repeats, ready, as: kind, in: packet, to: path, at: moment, into: batch, &sent)
        }
        guard let length = transport.protectRTP(packet, length: ready.length, deferring: sealing) else { return false }
        downlink.noteSent(kind, bytes: length, isNumbered: ready.hasTransportSequence, at: moment.now)
        sent.count(ready.kind, bytes: length)
        batch.commit(length, to: path)
        return true
    }

    /// What may have to be sent again as it is, padding among it, which bears numbers of its stream: it is encrypted at once, for in the queue it
    /// would still be plain when it is copied.
    @inline(never)
    private func sendKept(
        by repeats: SealedRepeats, _ ready: ReadyPacket, as kind: Pacer.Kind, in packet: UnsafeMutableRawBufferPointer, to path: Path,
        at moment: Departing, into batch: DatagramBatch, _ sent: inout Counters.Traffic
    ) -> Bool {
        guard let length = transport.protectRTP(packet, length: ready.length) else { return false }
        let number = downlink.nextNumber(isNumbered: ready.hasTransportSequence)
        downlink.noteSent(kind, bytes: length, isNumbered: ready.hasTransportSequence, at: moment.now)
        sent.count(ready.kind, bytes: length)
        repeats.keep(UnsafeRawBufferPointer(rebasing: packet[..<length]), number: number, isSound: ready.isAudio, at: moment.now)
        batch.commit(length, to: path)
        return true
    }

    /// Sends what is wanted of that; false when the batch is full before the end.
    @inline(never)
    private func sendAgain(
        _ repeats: SealedRepeats, to path: Path, at moment: Departing, into batch: DatagramBatch, _ sent: inout Counters.Traffic
    ) -> Bool {
        repeats.sendWanted(at: moment.now) { again in
            guard !batch.isFull, batch.append(to: path, copying: again.datagram) else { return false }
            downlink.noteRepeated(
                again.isSound ? .audio : .media, number: again.number, bytes: again.datagram.count, at: moment.now)
            sent.count(.retransmission, bytes: again.datagram.count)
            return true
        }
        return repeats.wanted == 0
    }

    /// Sends what a probe lacks; false when the batch is full before that.
    @inline(never)
    private func pad(
        to path: Path, at moment: Departing, into batch: DatagramBatch, sealing: borrowing SealingQueue, _ sent: inout Counters.Traffic
    ) -> Bool {
        while case let wanted = downlink.paddingWanted(at: moment.now), wanted > 0 {
            guard let packet = batch.nextSlot() else { return false }
            guard let ready = padding(wanted, in: packet) else {
                downlink.deferPadding()
                return true
            }
            ready.stamps.stamp(packet, absSendTime: moment.sendTime, transportSequence: downlink.transportSequence)
            guard send(ready, as: .padding, in: packet, to: path, at: moment, into: batch, sealing: sealing, &sent) else { return true }
        }
        return true
    }

    /// A packet of padding: of a stream of retransmissions if there is one, or else of pictures, where one of them ends and none waits.
    private func padding(_ bytes: Int, in packet: UnsafeMutableRawBufferPointer) -> ReadyPacket? {
        for subscription in subscriptions {
            if let ready = subscription.stream.leg.pointee.padRetransmissions(bytes, into: packet) { return ready }
        }
        guard downlink.held.isEmpty else { return nil }
        for subscription in subscriptions {
            if let ready = subscription.stream.leg.pointee.padMedia(bytes, into: packet) { return ready }
        }
        return nil
    }
}
