import Congestion
import Forwarding
import MediaPrimitives
import Transports

extension ForwardingUnit {
    /// Has those begin who wait for a track of `participant` and can be sent it from its newest keyframe on.
    func serveJoiners(of participant: Participant, at now: Instant) {
        for case .some(let publication) in participant.publications where publication.joinersDue <= now {
            serveJoiners(of: publication, at: now)
        }
    }

    func serveJoiners(of publication: Publication, at now: Instant) {
        guard publication.joinersDue <= now else { return }
        // What the pacers hold has a bound, too.
        var room = held.capacity / 2 - held.count
        let served = publication.serveJoiners(at: now, into: &departures) { subscription, bytes, packets in
            guard packets <= room, let participant = participants[subscription.transport], participant.admits(bytes) else { return false }
            room -= packets
            return true
        }
        joinersServed &+= UInt64(served)
        if !publication.switched.isEmpty { noteSwitches(of: publication, at: now) }
    }
}

extension Participant {
    /// Whether its way has room for so many bytes beside what it is sent all the time. They are taken as sent if it has.
    fileprivate func admits(_ bytes: Int) -> Bool {
        guard transport.isConnected else { return false }
        let live = subscriptions.reduce(0) { sum, subscription in
            guard subscription.isReady, let publication = subscription.publication,
                let layer = subscription.selector.target ?? subscription.selector.current, layer < publication.encodings.count
            else { return sum }
            return sum + publication.encodings[layer].averageBitrate
        }
        return downlink.admits(bytes, beside: Bitrate(bitsPerSecond: live))
    }
}
