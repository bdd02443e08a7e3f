// Responses in one line each.
extension Livekit_SignalResponse {
    package static func join(_ join: Livekit_JoinResponse) -> Self { Self(.join(join)) }
    package static func answer(_ description: Livekit_SessionDescription) -> Self { Self(.answer(description)) }
    package static func offer(_ description: Livekit_SessionDescription) -> Self { Self(.offer(description)) }
    package static func pong(_ milliseconds: Int64) -> Self { Self(.pong(milliseconds)) }
    package static func requestResponse(_ response: Livekit_RequestResponse) -> Self { Self(.requestResponse(response)) }
    package static func subscriptionResponse(_ response: Livekit_SubscriptionResponse) -> Self { Self(.subscriptionResponse(response)) }

    /// Milliseconds since 1970.
    package static func pongResp(_ asked: Int64, _ now: Int64) -> Self {
        var pong = Livekit_Pong()
        pong.lastPingTimestamp = asked
        pong.timestamp = now
        return Self(.pongResp(pong))
    }

    package static func update(_ participants: [Livekit_ParticipantInfo]) -> Self {
        var update = Livekit_ParticipantUpdate()
        update.participants = participants
        return Self(.update(update))
    }

    package static func trackPublished(cid: String, _ track: Livekit_TrackInfo) -> Self {
        var published = Livekit_TrackPublishedResponse()
        published.cid = cid
        published.track = track
        return Self(.trackPublished(published))
    }

    package static func trackSubscribed(_ sid: String) -> Self {
        var subscribed = Livekit_TrackSubscribed()
        subscribed.trackSid = sid
        return Self(.trackSubscribed(subscribed))
    }

    package static func roomUpdate(_ room: Livekit_Room) -> Self {
        var update = Livekit_RoomUpdate()
        update.room = room
        return Self(.roomUpdate(update))
    }

    package static func leave(_ reason: Livekit_DisconnectReason, _ action: Livekit_LeaveRequest.Action) -> Self {
        var leave = Livekit_LeaveRequest()
        leave.reason = reason
        leave.action = action
        // Older clients know only this.
        leave.canReconnect = action != .disconnect
        return Self(.leave(leave))
    }

    package static func mediaSectionsRequirement(audios: Int, videos: Int) -> Self {
        var requirement = Livekit_MediaSectionsRequirement()
        requirement.numAudios = UInt32(clamping: audios)
        requirement.numVideos = UInt32(clamping: videos)
        return Self(.mediaSectionsRequirement(requirement))
    }

    package static func speakersChanged(_ speakers: [Livekit_SpeakerInfo]) -> Self {
        var changed = Livekit_SpeakersChanged()
        changed.speakers = speakers
        return Self(.speakersChanged(changed))
    }

    package static func connectionQuality(_ updates: [Livekit_ConnectionQualityInfo]) -> Self {
        var update = Livekit_ConnectionQualityUpdate()
        update.updates = updates
        return Self(.connectionQuality(update))
    }

    package static func streamState(_ states: [Livekit_StreamStateInfo]) -> Self {
        var update = Livekit_StreamStateUpdate()
        update.streamStates = states
        return Self(.streamStateUpdate(update))
    }

    package static func subscribedQualities(_ update: Livekit_SubscribedQualityUpdate) -> Self { Self(.subscribedQualityUpdate(update)) }

    package static func subscriptionPermission(_ update: Livekit_SubscriptionPermissionUpdate) -> Self {
        Self(.subscriptionPermissionUpdate(update))
    }

    private init(_ message: OneOf_Message) {
        self.init()
        self.message = message
    }
}
