import Forwarding
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

extension Participant {
    /// Puts what waits for it into `batch`, to be encrypted there when `sealing` is flushed at the latest; false when the batch is full before
    /// everything has left.
    ///
    /// The numbers that belong to the moment of sending are given here; after that nothing is dropped. `sendTime` is the turn's abs-send-time.
    func release(
        _ departures: inout DepartureQueue, sendTime: UInt32, into batch: DatagramBatch, sealing: borrowing SealingQueue,
        _ sent: inout Counters.Traffic
    ) -> Bool {
        guard let path = transport.selectedPath else {
            departures.removeAll(of: slot)
            return true
        }
        var sequence = transportSequence
        defer { transportSequence = sequence }
        while let packet = batch.nextSlot() {
            guard
                let ready = departures.take(
                    slot, into: packet, room: Transport.trailingRoom, sendTime: sendTime, transportSequence: sequence)
            else { return true }
            guard let length = transport.protectRTP(packet, length: ready.length, deferring: sealing) else { continue }
            // Only what leaves has a number: one that nobody ever sees would count as lost.
            if ready.hasTransportSequence { sequence &+= 1 }
            sent.count(ready.kind, bytes: length)
            batch.commit(length, to: path)
        }
        return false
    }
}
