import MediaPrimitives
import Negotiation
import RTP
import Rooms
import Signalling

/// A participant of a room, however it came: over LiveKit's protocol, WHIP or WHEP. Confined to its room's actor.
final class Member {
    /// How it is reached.
    enum Attachment {
        case signalled(SignalledClient)
        case session(HTTPSession)
    }

    let sid: String
    let identity: String
    var name: String
    var metadata: String
    var attributes: [String: String]
    /// Applications look for agents by it, and count people.
    let kind: Livekit_ParticipantInfo.Kind
    let permission: MemberPermission
    /// Milliseconds since 1970.
    let joinedAt: Int64
    let cameAt = ContinuousClock.now
    let attachment: Attachment
    var state = Livekit_ParticipantInfo.State.joined {
        didSet { hasArrived = hasArrived || state == .active }
    }
    /// Its media has been there.
    private(set) var hasArrived = false
    /// What it publishes, in the order in which it began.
    var tracks: [PublishedTrack] = []
    var announcements = RateAllowance(rate: 5, burst: 50)
    /// Counts the changes that others are told of.
    private(set) var version: UInt32 = 0

    init(sid: String, token: AccessToken, permission: MemberPermission, joinedAt: Int64, attachment: Attachment) {
        self.sid = sid
        identity = token.identity ?? ""
        name = token.name ?? ""
        metadata = token.metadata ?? ""
        attributes = token.attributes ?? [:]
        // WHIP is LiveKit's ingress.
        if case .session = attachment { kind = .ingress } else { kind = Livekit_ParticipantInfo.Kind(claim: token.kind) }
        self.permission = permission
        self.joinedAt = joinedAt
        self.attachment = attachment
    }

    var client: SignalledClient? { if case .signalled(let client) = attachment { client } else { nil } }
    var session: HTTPSession? { if case .session(let session) = attachment { session } else { nil } }

    /// Its transports: one, or two for those who keep sending and receiving apart.
    var links: [MediaLink] {
        switch attachment {
        case .signalled(let client): [client.publisher, client.subscriber].compactMap { $0 }
        case .session(let session): [session.link]
        }
    }

    /// Others do not hear of it.
    var isInvisible: Bool { permission.isHidden || session?.role == .viewer || isComing }

    /// A WHIP publisher whose media is not there yet: others hear of it when it is.
    var isComing: Bool { session?.role == .publisher && !hasArrived }

    func track(sid: String) -> PublishedTrack? { tracks.first { $0.sid == sid } }

    func noteChange() { version += 1 }

    /// Bytes of metadata, of a name, and of all attributes together that a member may set: everybody in the room is told.
    static let metadataLimit = 16 * 1024
    static let nameLimit = 256

    /// Takes attributes over; an empty value takes one away. False, and nothing is taken, where they would be too many.
    @discardableResult
    func merge(attributes changes: [String: String]) -> Bool {
        let merged = attributes.merging(changes) { $1 }.filter { !$0.value.isEmpty }
        let size = merged.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard merged.count <= 64, size <= Self.metadataLimit else { return false }
        attributes = merged
        return true
    }

    /// As others are told of it.
    var info: Livekit_ParticipantInfo {
        var info = Livekit_ParticipantInfo()
        info.sid = sid
        info.identity = identity
        info.name = name
        info.metadata = metadata
        info.attributes = attributes
        info.state = state
        info.version = version
        info.permission = permission.message
        info.isPublisher = !tracks.isEmpty
        info.joinedAt = joinedAt / 1000
        info.joinedAtMs = joinedAt
        info.tracks = tracks.map(\.info)
        info.kind = kind
        return info
    }
}

extension Livekit_ParticipantInfo.Kind {
    /// A token's claim; whatever we do not know is a standard participant.
    fileprivate init(claim: String?) {
        switch claim {
        case "ingress": self = .ingress
        case "egress": self = .egress
        case "sip": self = .sip
        case "agent": self = .agent
        default: self = .standard
        }
    }
}

/// What a member may do: its token's grants, with LiveKit's defaults.
struct MemberPermission {
    var canPublish: Bool
    var canSubscribe: Bool
    /// Lower-case names of sources; empty for all.
    var sources: [String]
    var canUpdateMetadata: Bool
    var isHidden: Bool
    var isRecorder: Bool

    init(_ grant: VideoGrant?) {
        canPublish = grant?.canPublish ?? true
        canSubscribe = grant?.canSubscribe ?? true
        sources = grant?.canPublishSources ?? []
        canUpdateMetadata = grant?.canUpdateOwnMetadata ?? false
        isHidden = grant?.hidden ?? false
        isRecorder = grant?.recorder ?? false
    }

    func permitsPublishing(_ source: Livekit_TrackSource) -> Bool {
        guard canPublish else { return false }
        return sources.isEmpty || source.name.map(sources.contains) ?? false
    }

    var message: Livekit_ParticipantPermission {
        var message = Livekit_ParticipantPermission()
        message.canSubscribe = canSubscribe
        message.canPublish = canPublish
        // Whatever the token says: there are no data channels, and whoever looks here need not wait for one.
        message.canPublishData = false
        message.canUpdateMetadata = canUpdateMetadata
        message.hidden = isHidden
        message.recorder = isRecorder
        message.canPublishSources = Livekit_TrackSource.allCases.filter { $0.name.map(sources.contains) ?? false }
        return message
    }
}

/// A track that a member publishes, as the room knows it. Confined to its room's actor.
final class PublishedTrack {
    var info: Livekit_TrackInfo
    /// How its publisher called it when announcing it; empty for WHIP.
    let cid: String
    /// What workers and answers need to know of it.
    let reference: TrackReference
    let description: TrackDescription
    private(set) weak var publisher: Member?
    /// Somebody has been fed it.
    var hasBeenSubscribed = false

    init(
        info: Livekit_TrackInfo, cid: String, publisher: Member, reference: TrackReference, description: TrackDescription
    ) {
        self.info = info
        self.cid = cid
        self.publisher = publisher
        self.reference = reference
        self.description = description
    }

    var sid: String { info.sid }
    var id: TrackID { reference.id }
    /// The section by which it comes, of its publisher's connection.
    var mid: String { reference.parameters.mid }
}
