import Forwarding
import MediaPrimitives
import RTP
import Transports

extension Participant {
    /// It is about to be removed: what it was sent ends, and so do we as who reports on what it sends (RFC 3550 §6.3.7). While there are keys and a path,
    /// and before close_notify, which is left a place in `batch`.
    ///
    /// Nowhere else: a section whose source ends keeps its SSRC, which goes on with the next source, and one that is gone from the negotiation may come
    /// back with it.
    func sayGoodbye(into batch: DatagramBatch, counters: inout Counters) {
        guard transport.isConnected else { return }
        // Whoever has sent nothing says nothing.
        var leaving: [SSRC] = []
        for stream in subscriptions.map(\.stream) + restingStreams.values where stream.packetsSent > 0 {
            leaving.append(stream.ssrc)
            if let rtx = stream.rtxSSRC { leaving.append(rtx) }
        }
        // Resting ones lie in no order.
        leaving.sort { $0.rawValue < $1.rawValue }
        if lastReport != nil, publications.contains(where: { $0 != nil }) { leaving.append(feedbackSSRC) }
        while let first = leaving.first, batch.capacity - batch.count > 1 {
            var said = 0
            sendRTCP(into: batch, counters: &counters) { writer in
                // A compound, which everybody understands, agreed to reduced size or not (RFC 3550 §6.1).
                ReceiverReport(ssrc: first).write(into: &writer)
                SourceDescription.write(into: &writer, ssrc: first, cname: cname)
                said = Goodbye.write(into: &writer, ssrcs: leaving.span)
            }
            guard said > 0 else { return }
            leaving.removeFirst(said)
        }
    }
}
