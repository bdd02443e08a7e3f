import MediaPrimitives
import Rooms
import Server
import Signalling
import SwiftProtobuf
import Testing

/// A client of LiveKit's protocol, as a room sees it. What is asked of it is answered before the call returns.
final class TestClient {
    let identity: String
    let version: JoinParameters.Version
    let sink = FakeSink()
    fileprivate(set) var session: (any SignalSession)?
    /// What it offers: all of v1's sections, or those by which a v0 client sends.
    var offer: ClientOffer
    private var offerID: UInt32 = 0
    private var taken = 0
    private var cids = 0

    fileprivate init(_ identity: String, _ version: JoinParameters.Version, _ offer: ClientOffer) {
        self.identity = identity
        self.version = version
        self.offer = offer
    }

    var all: [Livekit_SignalResponse] { sink.memory.current.responses }
    var isClosed: Bool { sink.memory.current.isClosed }
    /// The room's numbers, as they were told after the join.
    var roomUpdates: [Livekit_Room] { sink.memory.current.roomUpdates }
    /// What the server said when it closed the socket.
    var goodbye: String? { sink.memory.current.goodbye }
    var sid: String { all.first?.join.participant.sid ?? "" }

    /// What has come since the last time.
    func take() -> [Livekit_SignalResponse] {
        defer { taken = all.count }
        return Array(all[taken...])
    }

    /// Waits for a response, of those not taken yet.
    func until(_ condition: @escaping @Sendable (Livekit_SignalResponse) -> Bool) async -> Bool {
        await sink.memory.until { [taken] in $0.responses.dropFirst(taken).contains(where: condition) }
    }

    // MARK: What it says

    func send(_ change: (inout Livekit_SignalRequest) -> Void) async {
        var request = Livekit_SignalRequest()
        change(&request)
        await session?.receive(request)
    }

    /// Offers what it has to offer now; the answer, where there is one.
    @discardableResult
    func sendOffer() async -> Livekit_SessionDescription? {
        let description = nextOffer()
        await send { $0.offer = description }
        return all.last { $0.answer.id == description.id }?.answer
    }

    func nextOffer() -> Livekit_SessionDescription {
        offerID += 1
        sink.memory.record { [offerID] in $0.rules.noteOffer(offerID) }
        return .with {
            $0.type = "offer"
            $0.sdp = offer.text
            $0.id = offerID
        }
    }

    /// Answers the last offer (v0).
    func sendAnswer(decoding: Set<String> = ["VP8", "H264"]) async throws {
        let offer = try #require(all.last { $0.message?.isOffer ?? false }?.offer)
        let text = try ClientAnswer.text(to: offer.sdp, decoding: decoding)
        sink.memory.record { $0.rules.noteAnswer() }
        await send { request in
            request.answer = .with {
                $0.type = "answer"
                $0.sdp = text
                $0.id = offer.id
            }
        }
    }

    /// Announces a track; as it was told of it.
    func announce(
        _ source: Livekit_TrackSource, _ change: (inout Livekit_AddTrackRequest) -> Void = { _ in }
    ) async -> (cid: String, info: Livekit_TrackInfo?) {
        cids += 1
        var request = Livekit_AddTrackRequest()
        request.cid = "\(identity)-\(cids)"
        request.type = source == .microphone || source == .screenShareAudio ? .audio : .video
        request.source = source
        if request.type == .video { request.layers = Self.layers }
        change(&request)
        await send { $0.addTrack = request }
        return (request.cid, all.last { $0.trackPublished.cid == request.cid && !request.cid.isEmpty }?.trackPublished.track)
    }

    /// Announces and sends a track by a new section.
    func publish(
        _ source: Livekit_TrackSource, _ change: (inout Livekit_AddTrackRequest) -> Void = { _ in }
    ) async throws -> (sid: String, mid: String) {
        let (cid, info) = await announce(source, change)
        let sid = try #require(info?.sid)
        let mid = offer.send(cid, kind: source == .microphone || source == .screenShareAudio ? "audio" : "video")
        try #require(await sendOffer() != nil)
        return (sid, mid)
    }

    /// A camera's, as SDKs describe them: the best first.
    private static let layers: [Livekit_VideoLayer] = [(.high, 1280, 720), (.medium, 640, 360), (.low, 320, 180)].map { layer in
        .with { ($0.quality, $0.width, $0.height) = layer }
    }
}

extension RoomBench {
    @discardableResult
    func join(
        _ identity: String, _ version: JoinParameters.Version = .v1, room: String = "room", offer: ClientOffer? = nil,
        grant: (inout VideoGrant) -> Void = { _ in }, claims: (inout AccessToken) -> Void = { _ in },
        request change: (inout Livekit_JoinRequest) -> Void = { _ in }
    ) async throws -> TestClient {
        let client = TestClient(identity, version, offer ?? (version == .v1 ? .liveKit : .publisherOnly))
        var parameters = try JoinParameters(version: version, query: [("json", "1")])
        if version == .v1 { parameters.request.publisherOffer = client.nextOffer() }
        change(&parameters.request)
        var token = Self.token(identity, change: grant)
        claims(&token)
        client.session = await directory.join(token, room: room, parameters, sink: client.sink)
        return client
    }

    /// The transports of `identity`, in the order in which they were opened.
    func transports(of identity: String) -> [FakeHost.Opened] {
        hosts.flatMap(\.memory.current.opened).filter { $0.parameters.identity == identity }
    }

    /// All transports that there are connect.
    func connect(_ identities: String...) async throws {
        for identity in identities {
            for opened in transports(of: identity) where !hosts[opened.id.worker].closed.contains(where: { $0.id == opened.id }) {
                await hosts[opened.id.worker].report(.connected(opened.id))
            }
        }
    }
}

extension Livekit_SignalResponse.OneOf_Message {
    var isOffer: Bool { if case .offer = self { true } else { false } }
    var isUpdate: Bool { if case .update = self { true } else { false } }

    /// The member's name.
    var kind: String {
        switch self {
        case .join: "join"
        case .answer: "answer"
        case .offer: "offer"
        case .update: "update"
        case .trackPublished: "trackPublished"
        case .leave: "leave"
        case .speakersChanged: "speakersChanged"
        case .connectionQuality: "connectionQuality"
        case .pong: "pong"
        case .pongResp: "pongResp"
        case .subscriptionResponse: "subscriptionResponse"
        case .requestResponse: "requestResponse"
        case .trackSubscribed: "trackSubscribed"
        case .subscriptionPermissionUpdate: "permission"
        case .mediaSectionsRequirement: "requirement"
        default: "other"
        }
    }
}

extension [Livekit_SignalResponse] {
    var kinds: [String] { map { $0.message?.kind ?? "" } }
    /// What `identity` was like in each update.
    func updates(of identity: String) -> [Livekit_ParticipantInfo] {
        filter { $0.message?.isUpdate ?? false }.flatMap(\.update.participants).filter { $0.identity == identity }
    }
}
