import Forwarding
import MediaPrimitives
import RTP

/// Whoever joins when a keyframe has just come is sent it and all that has followed it, from the ring: he sees a picture at once, and nobody is asked
/// for another keyframe.
///
/// The choice of an encoding only notes who could begin so, since it may come from anywhere; the unit sends it when the publisher's deadline comes,
/// in the same turn as a rule. All packets that have come until then are among what is sent, and those that come later follow it.
extension Publication {
    /// Those who are begun with in one turn take one in so many places of the queue: what comes live needs the others, and a turn must not be long.
    private static let shareOfQueue = 8
    /// Whoever found no room is looked at again after this.
    private static let nextTurn = Interval.milliseconds(1)

    /// Whether somebody who has nothing could begin at once with any encoding.
    func hasBeginning(at now: Instant) -> Bool { kind == .video && encodings.contains { $0.beginning(at: now) != nil } }

    /// Whether `subscription` could begin at once with `layer`. Not if it was sent anything since the keyframe came: whoever has pictures would see that
    /// time again, and be behind by it, as timestamps cannot go back.
    func hasBeginning(of layer: Int, for subscription: Subscription, at now: Instant) -> Bool {
        guard kind == .video, let beginning = encodings[layer].beginning(at: now) else { return false }
        return subscription.stream.leg.pointee.newestArrival.map { $0 <= beginning } ?? true
    }

    /// Sends those who wait for it what has come since the keyframe, as far as there is room in `departures`; the others wait for the next turn, until
    /// it is too much to be sent. For whom it is that, or for whose way, which `admits` knows, a keyframe is asked for. Returns how many have begun.
    func serveJoiners(
        at now: Instant, into departures: inout DepartureQueue, admits: (Subscription, _ bytesBehind: Int, _ packets: Int) -> Bool
    ) -> Int {
        guard joinersDue <= now else { return 0 }
        joinersDue = .distantFuture
        var served = 0
        for subscription in takeJoiners() {
            guard subscription.isReady, let layer = subscription.selector.target, layer != subscription.selector.current else { continue }
            guard hasBeginning(of: layer, for: subscription, at: now), var replay = encodings[layer].replay(at: now) else {
                choose(for: subscription, at: now, mayJoin: false)
                continue
            }
            guard departures.hasRoom(for: replay.packets, oneIn: Publication.shareOfQueue) else {
                join(subscription, at: now + Publication.nextTurn)
                continue
            }
            guard admits(subscription, replay.bytesBehind, replay.packets) else {
                choose(for: subscription, at: now, mayJoin: false)
                continue
            }
            departures.keep(encodings[layer].ring)
            send(&replay, from: encodings[layer], to: subscription, into: &departures)
            served += 1
        }
        return served
    }

    /// The same that the fan-out does with packets as they come.
    private func send(
        _ replay: inout KeyframeReplay, from encoding: Encoding, to subscription: Subscription, into departures: inout DepartureQueue
    ) {
        let transport = Int32(truncatingIfNeeded: subscription.transport)
        while let step = replay.next() {
            switch step {
            case .media(let packet):
                guard let shared = SharedPacket(packet, in: encoding.ring) else { continue }
                if packet.isSwitchPoint {
                    guard begins(subscription, with: packet) else { return }
                    subscription.stream.leg.pointee.forward(shared, transport: transport, into: &departures)
                } else {
                    _ = subscription.stream.leg.pointee.take(shared, transport: transport, into: &departures)
                }
            case .padding(let sequence): subscription.stream.leg.pointee.leaveOut(sequence)
            }
        }
    }
}
