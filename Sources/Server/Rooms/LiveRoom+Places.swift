import HTTPTypes
import Signalling

// A room has so many places, and a part of them for those whose media is not there yet: an invitation and a socket are all that it takes to be one
// of these, and whoever needs no more could keep everybody else out.
extension LiveRoom {
    private var isFull: Bool { members.count >= limits.members }

    /// Those whose media has not connected yet, in the order in which they came.
    private var waiting: [Member] { members.filter { !$0.hasArrived } }

    /// Whether somebody of this identity could come now: who takes part already takes the place of their former self. Changes nothing.
    package func refuseIfNoPlace(for identity: String?) throws(Refusal) {
        if let identity, has(identity) { return }
        try refuse(waiting)
    }

    /// Makes a place for a newcomer, or refuses. An earlier member of the same identity ends; so does whoever has waited in vain for longer than
    /// media takes, where too many wait.
    func takePlace(of identity: String?) throws(Refusal) {
        if let identity, has(identity) { return replace(identity: identity) }
        let waiting = waiting
        try refuse(waiting)
        guard waiting.count >= limits.waitingMembers, let first = waiting.first else { return }
        dismiss(first, reason: .connectionTimeout, action: .reconnect, sentence: "The client's media has not connected, and others wait.")
    }

    private func refuse(_ waiting: [Member]) throws(Refusal) {
        guard !isFull else {
            throw Refusal(.forbidden, "The room is full (\(limits.members) participants).", headers: [.retryAfter: "30"])
        }
        guard waiting.count < limits.waitingMembers || waiting.first.map({ $0.cameAt.duration(to: .now) > limits.waitingPatience }) ?? false
        else {
            throw Refusal(.serviceUnavailable, "Too many participants are connecting. Try again soon.", headers: [.retryAfter: "5"])
        }
    }
}
