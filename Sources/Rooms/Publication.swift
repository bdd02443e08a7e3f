import Forwarding
import MediaPrimitives
import RTP

/// A track that a participant offers to the room: its encodings, and the subscriptions that are fed from it.
package final class Publication {
    private static let selectionInterval = Interval.milliseconds(250)

    /// The slot of the participant whose it is: where keyframe requests go.
    let publisher: Int
    let parameters: RTPParameters
    let encodings: [Encoding]
    private(set) var subscriptions: ContiguousArray<Subscription> = []
    /// When the subscriptions' choice of an encoding is next looked at; never, where there is no choice.
    private(set) var nextSelection = Instant.distantFuture

    init(publisher: Int, parameters: RTPParameters, at now: Instant) {
        self.publisher = publisher
        self.parameters = parameters
        if parameters.rids.isEmpty {
            encodings = [Encoding(layer: 0, rid: nil, parameters: parameters)]
        } else {
            encodings = parameters.rids.enumerated().map { Encoding(layer: $0, rid: $1, parameters: parameters) }
            nextSelection = now
        }
    }

    var kind: MediaKind { parameters.kind }

    func add(_ subscription: Subscription, at now: Instant) {
        subscriptions.append(subscription)
        choose(for: subscription, at: now)
    }

    func remove(_ subscription: Subscription) { subscriptions.removeAll { $0 === subscription } }

    func removeAllSubscriptions() -> ContiguousArray<Subscription> {
        defer { subscriptions = [] }
        return subscriptions
    }

    /// The fan-out: one packet, every subscription, one loop. Nothing here waits, allocates or encrypts.
    func fanOut(_ packet: MediaPacket, into departures: DepartureQueue) {
        let ring = encodings[packet.layer].ring
        for subscription in subscriptions where subscription.isReady {
            switch subscription.selector.decide(layer: packet.layer, isSwitchPoint: packet.isSwitchPoint) {
            case .forward:
                guard subscription.epoch == packet.epoch else {
                    // The encoding came back under another SSRC: its numbers are new, and so is its first frame.
                    subscription.selector.restart()
                    choose(for: subscription, at: packet.arrival, served: packet.isSwitchPoint ? packet.layer : nil)
                    if packet.isSwitchPoint, subscription.selector.decide(layer: packet.layer, isSwitchPoint: true) == .switchHere {
                        start(subscription, with: packet)
                        subscription.stream.forward(packet, from: ring, transport: subscription.transport, into: departures)
                    }
                    continue
                }
            case .switchHere:
                start(subscription, with: packet)
            case .drop:
                continue
            }
            subscription.stream.forward(packet, from: ring, transport: subscription.transport, into: departures)
        }
    }

    /// Tells all that get `layer` that `sequence` carries nothing.
    func leaveOut(_ sequence: Int64, layer: Int) {
        let epoch = encodings[layer].epoch
        for subscription in subscriptions where subscription.selector.current == layer && subscription.epoch == epoch {
            subscription.stream.leaveOut(sequence)
        }
    }

    private func start(_ subscription: Subscription, with packet: MediaPacket) {
        var elapsed: Interval?
        // Encodings of one publication share a clock, which their sender reports tell; those of different publishers share only ours, and an
        // encoding's clock says nothing of the timestamps that it had under another SSRC.
        if let former = subscription.layer, former < encodings.count, encodings[former].epoch == subscription.epoch,
            let timestamp = subscription.stream.lastSourceTimestamp,
            let before = encodings[former].clock.ntp(of: timestamp), let after = encodings[packet.layer].clock.ntp(of: packet.timestamp)
        {
            elapsed = after.since(before)
        }
        subscription.stream.align(to: packet, elapsed: elapsed)
        subscription.layer = packet.layer
        subscription.epoch = packet.epoch
    }

    /// Renews one subscription's choice, and asks for the keyframe that it needs, unless that of encoding `served` is here already.
    func choose(for subscription: Subscription, at now: Instant, served: Int? = nil) {
        guard subscription.isReady else { return }
        let needed = subscription.selector.choose(among: encodings.map { $0.state(at: now) })
        if let needed, needed != served, kind == .video { encodings[needed].keyframes.want(at: now) }
    }

    /// Renews everybody's choice when it is due.
    func handleTimeout(at now: Instant) {
        guard nextSelection <= now else { return }
        nextSelection = now + Publication.selectionInterval
        for subscription in subscriptions { choose(for: subscription, at: now) }
    }

    /// A subscriber cannot decode what it gets. One that says so all the time does not spoil the picture of the others.
    func requestKeyframe(for subscription: Subscription, at now: Instant) {
        guard kind == .video, let layer = subscription.selector.current ?? subscription.selector.target else { return }
        guard encodings[layer].keyframes.isWanted || subscription.keyframeAllowance.take(at: now) else { return }
        encodings[layer].keyframes.want(at: now)
    }

    /// The earliest instant at which this publication has something to ask or to choose.
    var nextDeadline: Instant { encodings.reduce(nextSelection) { min($0, $1.nextDeadline) } }
}
