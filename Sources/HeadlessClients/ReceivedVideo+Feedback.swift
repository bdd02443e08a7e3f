import Forwarding
import MediaPrimitives
import RTP

// What it asks of the server, and what it reports.
extension ReceivedVideo {
    package var nextDeadline: Instant {
        min(nextAdvance, repairs ? nacks?.nextDeadline ?? missing.nextDeadline : .distantFuture, nextRequest)
    }

    /// When a keyframe is asked for, unless it can go on before.
    private var nextRequest: Instant {
        guard let blockedSince else { return .distantFuture }
        guard nacks != nil else { return max(blockedSince, lastRequest ?? blockedSince) + .milliseconds(500) }
        // libwebrtc: while it waits for a keyframe it asks five times a second; otherwise it hopes for repair, and asks after three seconds.
        if wantsKeyframe { return max(blockedSince, lastRequest.map { $0 + .milliseconds(200) } ?? blockedSince) }
        if next == nil { return max(blockedSince, lastRequest ?? blockedSince) + .milliseconds(200) }
        return max(blockedSince, lastRequest ?? blockedSince) + .seconds(3)
    }

    package func handleTimeout(at now: Instant, sender: SSRC, over transport: ClientTransport, into batch: DatagramBatch) {
        advance(at: now)
        var wanted: [SequenceNumber] = []
        if let due = nacks?.takeDue(at: now, room: 200) {
            wanted = due
        } else if repairs {
            _ = missing.takeDue(at: now, room: 200, into: &wanted)
        }
        if !wanted.isEmpty {
            nacked += wanted.count
            transport.sendRTCP(into: batch) { writer in
                ReceiverReport(ssrc: sender).write(into: &writer)
                _ = Nack.write(into: &writer, sender: sender, media: ssrc, sequences: wanted.span)
            }
        }
        if nextRequest <= now {
            lastRequest = now
            keyframeRequests += 1
            transport.sendRTCP(into: batch) { writer in
                ReceiverReport(ssrc: sender).write(into: &writer)
                PictureLossIndication(sender: sender, media: ssrc).write(into: &writer)
            }
        }
    }

    package func takeReport(at now: Instant) -> ReportBlock? { statistics.reportBlock(on: ssrc, clock, at: now) }
}
