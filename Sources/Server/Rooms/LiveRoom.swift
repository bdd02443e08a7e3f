import HTTPTypes
import Logging
import MediaPrimitives
import MediaWorker
import Negotiation
import RTP
import Rooms
import Signalling

/// One room: its members, however they came, what they publish, and who gets what. The media itself flows on the workers.
///
/// State changes without a wait, so that whoever looks at it between two waits finds it whole; what workers shall do follows from it (`settle`).
package actor LiveRoom {
    package struct Limits: Sendable {
        /// Members, hidden ones and those who watch by WHEP included.
        package var members = 1_000
        /// Tracks that one member may publish.
        package var tracksPerMember = 16
        /// How long a client may take until its media connects: one that only talks would hold its place for ever.
        package var connectTimeout = Duration.seconds(60)
        /// Members whose media has not connected yet.
        package var waitingMembers = 200
        /// How long one of them keeps its place where so many wait and another comes. Most connect within a second.
        package var waitingPatience = Duration.seconds(5)
        /// Sections of a connection in which we send.
        package var sections = 128
        /// Clients are told which layers of their pictures nobody watches, and need not send them (dynacast).
        package var dynacast = true
        package init() {}
    }

    nonisolated let name: String
    nonisolated let sid: String
    let plane: MediaPlane
    let local: LocalTransport
    let limits: Limits
    let logger: Logger
    let entropy = Entropy.system()
    let createdAt = WallTime.milliseconds
    private let becameEmpty: @Sendable (LiveRoom) -> Void

    /// In the order in which they came.
    private(set) var members: [Member] = []
    private var membersBySID: [String: Member] = [:]
    /// Everything that is published.
    var tracks: [TrackID: PublishedTrack] = [:]
    /// Whose transport is whose.
    private var owners: [ParticipantID: (member: Member, link: MediaLink)] = [:]
    private var opening = 0
    /// What waits for its turn: see `LiveRoom+Overdue`.
    var overdueMembers: Set<String> = []
    var areSourcesOverdue = false
    var isSettlingOverdue = false
    var isCounting = false
    /// As all were told; nil where somebody has come since.
    var numbersTold: RoomNumbers?
    /// Somebody has once said who may have what. Until then nobody need look, for each track of each member.
    var isRestricted = false
    var sourceChecks = RateAllowance(rate: 20, burst: 200)
    /// Eighths, by audio track; silent ones are not here.
    var levels: [TrackID: UInt8] = [:]
    /// By which track somebody has the floor; it may have ended.
    var dominant: TrackID?
    /// By participant of a worker.
    var qualities: [ParticipantID: LinkQuality] = [:]

    package init(
        name: String, plane: MediaPlane, local: LocalTransport, limits: Limits, logger: Logger,
        becameEmpty: @escaping @Sendable (LiveRoom) -> Void
    ) {
        self.name = name
        self.plane = plane
        self.local = local
        self.limits = limits
        self.becameEmpty = becameEmpty
        sid = entropy.sid("RM_")
        var logger = logger
        logger[metadataKey: "room"] = "\(name.printable)"
        self.logger = logger
    }

    package var isEmpty: Bool { members.isEmpty && opening == 0 }

    func freshSID(_ prefix: String) -> String { entropy.sid(prefix) }

    func member(sid: String) -> Member? { membersBySID[sid] }
    /// Whether somebody of this identity takes part, whose place another could take.
    func has(_ identity: String) -> Bool { members.contains { $0.identity == identity && $0.session?.role != .viewer } }

    // MARK: Coming and going

    func add(_ member: Member) {
        members.append(member)
        membersBySID[member.sid] = member
        log("Somebody has come.", member)
    }

    /// Takes a member out and tells everybody. The member itself has been told, or cannot be.
    func remove(_ member: Member, reason: String) {
        guard membersBySID.removeValue(forKey: member.sid) != nil else { return }
        members.removeAll { $0 === member }
        for track in member.tracks { forget(track) }
        for link in member.links { close(link, reason: reason) }
        member.tracks = []
        // Whoever has not been told of it need not be told of its end.
        let isKnown = !member.isComing
        member.state = .disconnected
        log("Somebody has left.", member, ["reason": "\(reason.printable)"])
        if isKnown { announce(member) }
        followSources()
        if members.isEmpty { becameEmpty(self) }
    }

    /// Ends whoever has this identity: the later takes the place.
    func replace(identity: String) {
        while let former = members.first(where: { $0.identity == identity && $0.session?.role != .viewer }) {
            dismiss(former, reason: .duplicateIdentity, action: .disconnect, sentence: "The same identity has joined again.")
        }
    }

    /// Sends a member away, with LiveKit's words for it.
    func dismiss(
        _ member: Member, reason: Livekit_DisconnectReason, action: Livekit_LeaveRequest.Action, sentence: String
    ) {
        sendAway(member, reason, action, sentence)
        remove(member, reason: sentence)
    }

    private func sendAway(
        _ member: Member, _ reason: Livekit_DisconnectReason, _ action: Livekit_LeaveRequest.Action, _ sentence: String
    ) {
        guard let client = member.client, client.hasSocket else { return }
        client.hasSocket = false
        client.sink.send(.leave(reason, action))
        // Whoever shall come back has done nothing wrong.
        client.sink.close(action == .disconnect ? sentence.printable : "")
    }

    /// Ends the room for everybody.
    package func end(reason: Livekit_DisconnectReason, action: Livekit_LeaveRequest.Action, sentence: String) {
        // Nobody needs to hear of the others any more.
        let leaving = members
        members = []
        membersBySID = [:]
        tracks = [:]
        for member in leaving {
            sendAway(member, reason, action, sentence)
            for link in member.links { close(link, reason: sentence) }
            log("Somebody has left.", member, ["reason": "\(sentence)"])
        }
        if !leaving.isEmpty { becameEmpty(self) }
    }

    // MARK: Telling

    /// Tells everybody else how `member` is now; hidden ones nobody but themselves.
    func announce(_ member: Member) {
        member.noteChange()
        if !member.isInvisible, mayAnnounce(member) { tellOthers(of: member) }
        tellNumbersSoon()
    }

    func tellOthers(of member: Member) {
        if !member.isInvisible { tell(.update([member.info]), except: member) }
    }

    /// Tells all clients of the protocol.
    func tell(_ response: Livekit_SignalResponse, except: Member? = nil) {
        let shared = SharedResponse(response)
        for member in members where member !== except {
            if let client = member.client, client.hasSocket { client.sink.send(shared) }
        }
    }

    func tell(_ response: Livekit_SignalResponse, to member: Member) {
        guard let client = member.client, client.hasSocket else { return }
        client.sink.send(response)
    }

    /// The members that others see, without `member`.
    func others(than member: Member) -> [Livekit_ParticipantInfo] {
        members.filter { $0 !== member && !$0.isInvisible }.map(\.info)
    }

    func log(_ message: Logger.Message, _ member: Member, _ more: Logger.Metadata = [:]) {
        let kind = member.session?.role.rawValue ?? "rtc"
        logger.info(
            message, metadata: ["identity": "\(member.identity.printable)", "kind": "\(kind)"].merging(more) { $1 })
    }

    // MARK: Transports

    /// Opens `link` on its worker; nothing happens if its member has left meanwhile.
    func open(_ link: MediaLink, of member: Member, _ transport: TransportParameters) async throws(AdmissionError) {
        link.remote = transport.remote
        let parameters = ParticipantParameters(
            room: name, identity: member.identity, hidden: member.permission.isHidden || member.session?.role == .viewer, cname: link.cname,
            transport: transport, receiving: link.receiving, sending: sections(of: link, for: member))
        opening += 1
        link.isOpening = true
        defer {
            opening -= 1
            if isEmpty { becameEmpty(self) }
        }
        let id = try await plane.open(parameters, on: link.worker)
        link.participant = id
        if link.isClosed {
            // Its member has left meanwhile. The end is told to nobody, and frees the worker's place.
            await link.host.close(id, reason: "The participant has left.")
        } else {
            owners[id] = (member, link)
        }
        await plane.attach(id, to: self)
        if link.isOutdated { await settle(link, of: member) }
    }

    /// Tells the worker what `link` carries now, and returns when it knows.
    func settle(_ link: MediaLink, of member: Member) async { await settling(link, of: member)?.value }

    /// `settle` for those who need not wait for it.
    func settleSoon(_ link: MediaLink, of member: Member) { _ = settling(link, of: member) }

    /// One at a time: what changes while the worker is being told is told after it. nil before there is a transport, which is opened with all
    /// that is known then.
    private func settling(_ link: MediaLink, of member: Member) -> Task<Void, Never>? {
        link.isOutdated = true
        guard link.participant != nil else { return nil }
        if let running = link.settling { return running }
        let task = Task {
            while link.isOutdated, !link.isClosed, let id = link.participant {
                link.isOutdated = false
                let sending = sections(of: link, for: member)
                _ = await link.host.configure(id, receiving: link.receiving, sending: sending)
                noteFed(sending, by: link)
            }
            link.settling = nil
        }
        link.settling = task
        return task
    }

    func close(_ link: MediaLink, reason: String) {
        guard !link.isClosed else { return }
        link.isClosed = true
        let (plane, worker, host) = (plane, link.worker, link.host)
        if let id = link.participant {
            owners[id] = nil
            qualities[id] = nil
            Task { await host.close(id, reason: reason) }
        } else if !link.isOpening {
            Task { await plane.release(worker) }
        }
    }

    private func sections(of link: MediaLink, for member: Member) -> [SendingSection] {
        link.sending.map { outgoing in
            let track = link.held.contains(outgoing.parameters.mid) ? nil : outgoing.track
            return SendingSection(
                parameters: outgoing.parameters,
                source: track.flatMap { tracks[$0] }.flatMap { permits($0, to: member.identity) ? $0.reference : nil },
                wish: wish(of: member, for: track))
        }
    }

    private func wish(of member: Member, for track: TrackID?) -> SubscriptionWish {
        var wish = track.flatMap { member.client?.wishes[$0] } ?? SubscriptionWish()
        // Somebody who shares a screen is to be read.
        wish.priority = track.flatMap { tracks[$0]?.info.source } == .screenShare ? 1 : 0
        return wish
    }

    /// What a worker has to tell of one of ours.
    package func handle(_ event: RoomEvent) {
        let id = event.participant
        guard let (member, link) = owners[id] else { return }
        switch event {
        case .connected: noteConnected(link, of: member)
        case .closed(_, let reason): noteClosed(link, of: member, id, reason: reason)
        case .speaking(_, let track, let level): noteLevel(level, of: track, by: member)
        case .dominant(_, let track): noteDominant(track, by: member)
        case .quality(_, let quality): noteQuality(quality, of: id, member)
        case .paused(_, let track, let isPaused): tell(member, that: track, isPaused: isPaused)
        case .demand(_, let track, let layers): tell(member, toSend: layers, of: track)
        }
    }

    private func noteConnected(_ link: MediaLink, of member: Member) {
        link.isConnected = true
        // In v0 the connection by which a client receives is the one that counts, where it has one.
        let deciding = member.client.flatMap { $0.receivingLink ?? $0.publisher } ?? link
        if deciding === link, member.state != .active {
            member.state = .active
            announce(member)
        }
        noteFed(sections(of: link, for: member), by: link)
        followSources()
    }

    private func noteClosed(_ link: MediaLink, of member: Member, _ id: ParticipantID, reason: String) {
        owners[id] = nil
        qualities[id] = nil
        link.isClosed = true
        // A client whose media has ended while its socket lives begins anew.
        dismiss(member, reason: .connectionTimeout, action: .reconnect, sentence: reason)
    }
}

extension Entropy {
    /// A name of LiveKit's kind: what it is of, and twelve letters and digits (71 bits).
    fileprivate func sid(_ prefix: String) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return prefix + String(decoding: bytes(12).map { letters[Int($0) % letters.count] }, as: UTF8.self)
    }
}

extension RoomEvent {
    /// Whom it is about.
    var participant: ParticipantID {
        switch self {
        case .connected(let id), .closed(let id, _), .speaking(let id, _, _), .dominant(let id, _), .quality(let id, _),
            .paused(let id, _, _), .demand(let id, _, _):
            id
        }
    }
}
