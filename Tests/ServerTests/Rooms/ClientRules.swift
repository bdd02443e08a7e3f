import SDP
import Signalling

/// What clients need of everything that they are sent, or they crash, hang or lose tracks: checked with each response of each test.
struct ClientRules: Sendable {
    private var isJoined = false
    private var isDismissed = false
    /// The last version of each participant, and the tracks that it had; nil for those who have left.
    private var versions: [String: UInt32?] = [:]
    private var known: Set<String> = []
    /// Ids of offers that the client has made and nobody has answered.
    private var unanswered: [UInt32] = []
    private var isAsked = false
    private var isOffered = false

    /// The client offers.
    mutating func noteOffer(_ id: UInt32) {
        unanswered.append(id)
        isAsked = false
    }

    /// The client answers.
    mutating func noteAnswer() { isOffered = false }

    /// What is wrong with `response`, coming after all that came before it.
    mutating func objections(to response: Livekit_SignalResponse) -> [String] {
        var broken: [String] = []
        func need(_ condition: Bool, _ sentence: String) { if !condition { broken.append(sentence) } }
        need(!isDismissed, "Something follows `leave`.")
        if case .leave? = response.message {
            isDismissed = true
        } else if case .join? = response.message {
            need(!isJoined, "`join` comes twice.")
            isJoined = true
        } else {
            need(isJoined, "`join` is not the first frame.")
        }
        switch response.message {
        case .join(let join):
            need(join.hasRoom && join.room.sid.hasPrefix("RM_"), "The room has no RM_ sid.")
            need(join.pingInterval > 0 && join.pingTimeout > join.pingInterval, "Pings have no interval, or no timeout.")
            for participant in [join.participant] + join.otherParticipants { broken += note(participant) }
            known.formUnion(join.otherParticipants.flatMap(\.tracks).map(\.sid))
        case .update(let update):
            for participant in update.participants { broken += note(participant) }
            known.formUnion(update.participants.flatMap(\.tracks).map(\.sid))
        case .trackPublished(let published):
            need(published.track.sid.hasPrefix("TR_"), "A track has no TR_ sid.")
        case .trickle:
            broken.append("A candidate is trickled.")
        case .answer(let answer):
            need(answer.type == "answer" && !unanswered.isEmpty && unanswered.removeFirst() == answer.id, "An answer is to no offer.")
            broken += objections(to: answer)
        case .offer(let offer):
            need(!isOffered, "An offer comes before the last one has been answered.")
            isOffered = true
            need(offer.type == "offer" && offer.id > 0, "An offer has no id.")
            broken += objections(to: offer)
        case .mediaSectionsRequirement:
            need(!isAsked, "Sections are asked for again before the client has offered.")
            isAsked = true
        default: break
        }
        return broken
    }

    private mutating func note(_ participant: Livekit_ParticipantInfo) -> [String] {
        var broken: [String] = []
        let sid = participant.sid
        if !sid.hasPrefix("PA_") { broken.append("A participant has no PA_ sid.") }
        if participant.tracks.contains(where: { !$0.sid.hasPrefix("TR_") }) { broken.append("A track has no TR_ sid.") }
        switch versions[sid] {
        case nil: if participant.state == .disconnected { broken.append("\(participant.identity) leaves who was never there.") }
        case .some(nil): broken.append("\(participant.identity) comes back after having left.")
        case .some(let before?):
            if participant.version <= before { broken.append("\(participant.identity)'s version does not increase.") }
        }
        versions[sid] = .some(participant.state == .disconnected ? nil : participant.version)
        return broken
    }

    /// Sections that send must be named in the map, by tracks that the client has heard of, and name their publisher.
    private func objections(to description: Livekit_SessionDescription) -> [String] {
        guard let session = try? SessionDescription(parsing: description.sdp, limits: .client) else { return ["A description is not SDP."] }
        var broken: [String] = []
        let sending = session.media.filter { $0.port != 0 && ($0.direction == .sendonly || $0.direction == .sendrecv) }
        if Set(sending.compactMap(\.mid)) != Set(description.midToTrackID.keys) { broken.append("Tracks and sections do not match.") }
        for section in sending {
            let sid = section.mid.flatMap { description.midToTrackID[$0] } ?? ""
            let msid = section.mediaStreamIDs.first
            if !known.contains(sid) { broken.append("A track comes before the participant's update: \(sid).") }
            let parts = msid?.stream.split(separator: "|") ?? []
            if parts.count != 2 || !parts[0].hasPrefix("PA_") || msid?.track != sid { broken.append("A section's msid names nobody.") }
        }
        return broken
    }
}

extension SDPLimits {
    fileprivate static var client: SDPLimits {
        var limits = SDPLimits()
        limits.bytes = 2 << 20
        limits.lines = 50_000
        limits.mediaSections = 300
        return limits
    }
}
