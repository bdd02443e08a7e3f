import HTTPTypes
import Logging
import MediaPrimitives
import MediaWorker
import Negotiation
import RTP
import Rooms
import Signalling

// Members who come by HTTP: WHIP publishers, whom everybody sees, and WHEP viewers, whom nobody does.
extension LiveRoom {
    /// A WHIP publisher. An earlier member of the same identity ends.
    package func publish(_ token: AccessToken, offer: String) async throws(Refusal) -> SessionAnswer {
        try refuseIfNoPlace(for: token.identity)
        let link = try await place()
        let answer: PublisherAnswer
        do throws(Refusal) {
            answer = try Refusal.negotiating { () throws(NegotiationError) in
                try PublisherAnswer(offer: offer, local: local.description(link.local, sessionID: link.sessionID))
            }
            guard answer.media.count <= limits.tracksPerMember else {
                throw Refusal(.unprocessableContent, "A participant may publish \(limits.tracksPerMember) tracks.")
            }
            for media in answer.media where !token.permits(source: media.kind == .audio ? "microphone" : "camera") {
                throw Refusal(.forbidden, "The token does not permit publishing \(media.kind.rawValue) (canPublishSources).")
            }
            try takePlace(of: token.identity)
        } catch {
            close(link, reason: error.sentence)
            throw error
        }
        let session = HTTPSession(role: .publisher, link: link, publisher: nil, entropy: entropy)
        let member = admit(token, session)
        for parameters in answer.media {
            var info = Livekit_TrackInfo()
            info.sid = freshSID("TR_")
            info.type = parameters.kind.type
            info.source = parameters.kind == .audio ? .microphone : .camera
            guard let track = publish(info, cid: "", by: member, on: link, parameters) else { continue }
            link.receiving.append(ReceivingSection(track: track, parameters: parameters))
        }
        try await begin(member, session, answer.transport)
        return SessionAnswer(id: session.id, entityTag: session.entityTag, sdp: answer.sdp)
    }

    /// A WHEP viewer of `publisher`, or of whoever has published longest.
    package func watch(_ token: AccessToken, publisher: String?, offer: String) async throws(Refusal) -> SessionAnswer {
        try refuseIfNoPlace(for: nil)
        let offered = try tracks(of: publisher, for: token.identity ?? "")
        let link = try await place()
        let answer: ViewerAnswer
        do throws(Refusal) {
            answer = try Refusal.negotiating { () throws(NegotiationError) in
                try ViewerAnswer(
                    offer: offer, local: local.description(link.local, sessionID: link.sessionID), tracks: offered, entropy: entropy)
            }
            // Any number of viewers may share an identity.
            try takePlace(of: nil)
        } catch {
            close(link, reason: error.sentence)
            throw error
        }
        link.cname = answer.cname
        link.sending = answer.media.map { MediaLink.Outgoing(parameters: $0, track: nil) }
        let session = HTTPSession(role: .viewer, link: link, publisher: publisher, entropy: entropy)
        let member = admit(token, session)
        followSources()
        try await begin(member, session, answer.transport)
        return SessionAnswer(id: session.id, entityTag: session.entityTag, sdp: answer.sdp)
    }

    private func place() async throws(Refusal) -> MediaLink {
        let (worker, host) = try await plane.place()
        return MediaLink(worker: worker, host: host, entropy: entropy)
    }

    private func admit(_ token: AccessToken, _ session: HTTPSession) -> Member {
        let member = Member(
            sid: freshSID("PA_"), token: token, permission: MemberPermission(token.video), joinedAt: WallTime.milliseconds,
            attachment: .session(session))
        add(member)
        return member
    }

    private func begin(_ member: Member, _ session: HTTPSession, _ transport: TransportParameters) async throws(Refusal) {
        do throws(AdmissionError) {
            try await open(session.link, of: member, transport)
        } catch {
            remove(member, reason: error.sentence)
            throw Refusal(.unprocessableContent, error.sentence)
        }
        guard self.member(sid: member.sid) === member else {
            throw Refusal(.serviceUnavailable, "The session ended while it was being opened.")
        }
    }

    /// What a viewer is offered: the tracks of one publisher, or of whoever has published longest.
    private func tracks(of publisher: String?, for identity: String) throws(Refusal) -> [TrackDescription] {
        let permitted = { (member: Member) in member.tracks.filter { self.permits($0, to: identity) } }
        let publishers = members.filter { !$0.permission.isHidden && !permitted($0).isEmpty }
        guard let first = publishers.first else {
            throw Refusal(.conflict, "Nobody publishes in this room yet. Try again soon.", headers: [.retryAfter: "2"])
        }
        guard let publisher else {
            // Whoever has not connected (and may never) is nobody's first choice.
            let connected = publishers.first { $0.publishingLink?.isConnected ?? false }
            return permitted(connected ?? first).map(\.description)
        }
        guard let found = publishers.first(where: { $0.identity == publisher }) else {
            throw Refusal(.notFound, "Nobody of that identity publishes in this room.")
        }
        return permitted(found).map(\.description)
    }

    // MARK: Later

    private func member(session id: String, _ role: HTTPSession.Role) -> (Member, HTTPSession)? {
        for member in members { if let session = member.session, session.id == id, session.role == role { return (member, session) } }
        return nil
    }

    func session(_ id: String, _ role: HTTPSession.Role) -> SessionState? {
        member(session: id, role).map { member, session in
            SessionState(id: session.id, identity: member.identity, entityTag: session.entityTag, remote: session.link.remote)
        }
    }

    /// Restarts ICE with the client's new credentials and fresh ones of ours; nil if the session is gone, or the tag is not the current one.
    func restartICE(
        _ id: String, _ role: HTTPSession.Role, replacing entityTag: String, remote: ICECredentials
    ) async -> (local: LocalDescription, entityTag: String)? {
        guard let (member, session) = member(session: id, role), session.entityTag == entityTag, let participant = session.link.participant
        else { return nil }
        let link = session.link
        link.remote = remote
        link.local = link.freshCredentials(entropy)
        session.renewTag(entropy)
        let (local, tag) = (link.local, session.entityTag)
        guard await link.host.restartICE(participant, local: local, remote: remote) else {
            remove(member, reason: "The worker had lost it.")
            return nil
        }
        return (self.local.description(local, sessionID: link.sessionID), tag)
    }

    /// Ends a session; nothing happens if there is none.
    func endSession(_ id: String, _ role: HTTPSession.Role) {
        if let (member, _) = member(session: id, role) { remove(member, reason: "The client has left.") }
    }
}
