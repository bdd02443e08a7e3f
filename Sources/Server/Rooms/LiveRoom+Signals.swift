import Logging
import MediaPrimitives
import Negotiation
import Rooms
import Signalling

// What clients of LiveKit's protocol say, and what they are answered.
extension LiveRoom {
    /// Seconds between a client's pings, and until it gives up on an answer.
    static let pingInterval: Int32 = 5
    static let pingTimeout: Int32 = 15
    /// The version of the protocol that we say we speak: without data channels' newer forms.
    static let protocolVersion: Int32 = 16
    /// SDKs compare it with versions of LiveKit's server, to know what it can do.
    static let version = "1.8.0"

    // MARK: Joining

    /// Takes a client in; nil if it may not come after all, and it has been told.
    package func join(
        _ token: AccessToken, _ parameters: JoinParameters, offer first: Result<RoomOffer, NegotiationError>?, sink: any SignalSink
    ) async -> String? {
        // Sessions are not kept for those who come back: they begin anew, which they do by themselves.
        guard !parameters.request.reconnect else {
            sink.send(.leave(.stateMismatch, .reconnect))
            sink.close()
            return nil
        }
        do throws(Refusal) { try takePlace(of: token.identity) } catch {
            sink.send(.leave(.joinFailure, .disconnect))
            sink.close(error.sentence)
            return nil
        }
        let client = SignalledClient(sink: sink, parameters: parameters)
        let member = Member(
            sid: freshSID("PA_"), token: token, permission: MemberPermission(token.video),
            joinedAt: WallTime.milliseconds, attachment: .signalled(client))
        if member.permission.canUpdateMetadata { member.merge(attributes: parameters.request.participantAttributes) }
        add(member)
        sink.send(joinResponse(to: member, client))
        tellSpeakersAndQualities(to: member)
        announce(member)
        expectMedia(of: member)
        for request in parameters.request.addTrackRequests { announceTrack(request, by: member, client) }
        if client.isDual {
            if member.permission.canSubscribe, let link = await makeLink(for: member) {
                client.subscriber = link
                updateSubscriptions(of: member)
            }
        } else if let first {
            await receive(first, id: parameters.request.publisherOffer.id, from: member, client)
        }
        return member.sid
    }

    private func expectMedia(of member: Member) {
        Task { [weak self, sid = member.sid, timeout = limits.connectTimeout] in
            try? await Task.sleep(for: timeout)
            await self?.dismissUnlessActive(sid)
        }
    }

    private func dismissUnlessActive(_ sid: String) {
        guard let member = member(sid: sid), member.state != .active else { return }
        dismiss(member, reason: .connectionTimeout, action: .disconnect, sentence: "The client's media never connected.")
    }

    private func joinResponse(to member: Member, _ client: SignalledClient) -> Livekit_SignalResponse {
        var join = Livekit_JoinResponse()
        join.room = info
        numbersTold = nil
        join.participant = member.info
        join.otherParticipants = others(than: member)
        join.serverInfo = serverInfo
        join.serverVersion = serverInfo.version
        join.subscriberPrimary = client.isDual && member.permission.canSubscribe
        join.clientConfiguration = Livekit_ClientConfiguration()
        join.pingInterval = Self.pingInterval
        join.pingTimeout = Self.pingTimeout
        join.enabledPublishCodecs = PublishCodecs.messages
        return .join(join)
    }

    private var serverInfo: Livekit_ServerInfo {
        var server = Livekit_ServerInfo()
        server.version = Self.version
        server.protocol = Self.protocolVersion
        server.nodeID = "apus"
        return server
    }

    /// The room as clients are told of it.
    var info: Livekit_Room {
        var room = Livekit_Room()
        room.sid = sid
        room.name = name
        room.creationTime = createdAt / 1000
        room.creationTimeMs = createdAt
        room.maxParticipants = UInt32(clamping: limits.members)
        room.numParticipants = numbers.participants
        room.numPublishers = numbers.publishers
        room.enabledCodecs = PublishCodecs.messages
        return room
    }

    // MARK: Requests

    /// One request of a member; whoever has left is not heard any more.
    package func receive(_ request: Livekit_SignalRequest, from sid: String) async {
        guard let member = member(sid: sid), let client = member.client else { return }
        switch request.message {
        // `RoomMembership` reads offers before they come here.
        case .offer: break
        case .answer(let answer): await receiveAnswer(answer, from: member, client)
        case .addTrack(let request): announceTrack(request, by: member, client)
        case .mute(let request): mute(request, by: member)
        case .subscription(let request): choose(request, by: member, client)
        case .trackSetting(let request): wish(request, by: member, client)
        case .subscriptionPermission(let request): permit(request, by: member, client)
        case .leave:
            client.hasSocket = false
            client.sink.close()
            remove(member, reason: "The client has left.")
        case .ping: client.sink.send(.pong(WallTime.milliseconds))
        case .pingReq(let ping): client.sink.send(.pongResp(ping.timestamp, WallTime.milliseconds))
        case .updateMetadata(let request): update(request, by: member)
        // Candidates: we are ICE lite, and learn addresses from the checks. The others have nothing to act on.
        case .trickle, .updateLayers, .syncState, nil: break
        }
    }

    /// The socket of a member is gone. While its media flows it stays; the transport's end is then its end.
    package func socketEnded(_ sid: String) {
        guard let member = member(sid: sid), let client = member.client else { return }
        client.hasSocket = false
        if !member.links.contains(where: \.isConnected) { remove(member, reason: "The connection was lost.") }
    }

    private func mute(_ request: Livekit_MuteTrackRequest, by member: Member) {
        if let track = member.track(sid: request.sid) {
            // Clients repeat what they were asked to do.
            guard track.info.muted != request.muted else { return }
            track.info.muted = request.muted
            announce(member)
        } else if let client = member.client, let index = client.announced.firstIndex(where: { $0.info.sid == request.sid }) {
            // It has no media yet.
            client.announced[index].info.muted = request.muted
        }
    }

    private func update(_ request: Livekit_UpdateParticipantMetadata, by member: Member) {
        var reason = Livekit_RequestResponse.Reason.ok
        if !member.permission.canUpdateMetadata {
            reason = .notAllowed
        } else if request.metadata.utf8.count > Member.metadataLimit || request.name.utf8.count > Member.nameLimit
            || !member.merge(attributes: request.attributes)
        {
            reason = .limitExceeded
        } else {
            if !request.metadata.isEmpty { member.metadata = request.metadata }
            if !request.name.isEmpty { member.name = request.name }
            announce(member)
            tell(.update([member.info]), to: member)
        }
        var response = Livekit_RequestResponse()
        response.requestID = request.requestID
        response.reason = reason
        response.message = reason == .notAllowed ? "The token does not permit it (canUpdateOwnMetadata)." : ""
        response.request = .updateMetadata(request)
        tell(.requestResponse(response), to: member)
    }
}
