import HTTPTypes
import Logging
import MediaPrimitives
import MediaWorker
import Negotiation
import Rooms

/// Who is in which room, as the control plane knows it: sessions, and the publishers of each room in the order in which they started.
///
/// The media lives on the worker; this is what a request needs to be answered. The worker's events keep it true.
package actor RoomDirectory {
    package struct Limits: Sendable {
        package var sessionsPerRoom = 1_000
        package var sessions = 10_000
        /// Bytes of UTF-8 in a room's name or an identity.
        package var nameBytes = 256
        package init() {}
    }

    private let host: any MediaHost
    private let limits: Limits
    private let logger: Logger
    private let entropy = Entropy.system()
    private var sessions: [String: Session] = [:]
    private var sessionIDs: [ParticipantID: String] = [:]
    private var rooms: [String: Room] = [:]
    private var isDraining = false
    /// A worker may report an end before `open` has returned here; such ends are kept only while something is being opened.
    private var opening = 0
    private var closedWhileOpening: [ParticipantID: String] = [:]

    private struct Room {
        var sessions: Set<String> = []
        /// Being opened.
        var reserved = 0
        /// In order of start.
        var publishers: [String] = []
    }

    package init(host: any MediaHost, limits: Limits = Limits(), logger: Logger) {
        self.host = host
        self.limits = limits
        self.logger = logger
    }

    package var sessionCount: Int { sessions.count }

    /// The tracks that a viewer is offered: those of one publisher, or of whoever has published longest.
    package func tracks(room: String, publisher: String?) throws(Refusal) -> [TrackDescription] {
        let publishers = (rooms[room]?.publishers ?? []).compactMap { sessions[$0] }
        guard let first = publishers.first else {
            throw Refusal(.conflict, "Nobody publishes in this room yet. Try again soon.", headers: [.retryAfter: "2"])
        }
        // As the worker does it: whoever has not connected (and may never) is nobody's first choice.
        guard let publisher else { return (publishers.first(where: \.isConnected) ?? first).tracks }
        guard let found = publishers.first(where: { $0.identity == publisher }) else {
            throw Refusal(.notFound, "Nobody of that identity publishes in this room.")
        }
        return found.tracks
    }

    /// Opens a participant on the worker and remembers the session. A publisher's earlier session of the same identity ends.
    package func open(_ parameters: ParticipantParameters, role: Session.Role, tracks: [TrackDescription]) async throws(Refusal) -> Session
    {
        let (room, identity) = (parameters.room, parameters.identity)
        try admit(room: room, identity: identity)
        if role == .publisher { await replace(room: room, identity: identity) }
        rooms[room, default: Room()].reserved += 1
        opening += 1
        let participant: ParticipantID
        do {
            participant = try await host.open(parameters)
        } catch {
            settle(room)
            throw Refusal(.unprocessableContent, error.sentence)
        }
        let ended = closedWhileOpening[participant]
        settle(room)
        if let ended { throw Refusal(.serviceUnavailable, "The session ended while it was being opened: \(ended)") }
        // Somebody of the same identity may have come while the worker was opening this one: the later takes the place.
        if role == .publisher { await replace(room: room, identity: identity) }
        let session = Session(
            id: entropy.urlText(24), role: role, room: room, identity: identity, participant: participant,
            local: parameters.transport.local, remote: parameters.transport.remote, entityTag: freshTag(), tracks: tracks)
        sessions[session.id] = session
        sessionIDs[participant] = session.id
        rooms[room, default: Room()].sessions.insert(session.id)
        if role == .publisher { rooms[room]?.publishers.append(session.id) }
        logger.info("A session has opened.", metadata: session.metadata)
        return session
    }

    package func session(_ id: String, role: Session.Role, room: String) -> Session? {
        guard let session = sessions[id], session.role == role, session.room == room else { return nil }
        return session
    }

    /// Restarts ICE with the client's new credentials and fresh ones of ours; nil if the session is gone, or the tag is not the current one.
    package func restartICE(_ id: String, replacing entityTag: String, remote: ICECredentials) async -> Session? {
        guard var session = sessions[id], session.entityTag == entityTag else { return nil }
        session.remote = remote
        session.local = ICECredentials.random(entropy)
        session.entityTag = freshTag()
        sessions[id] = session
        guard await host.restartICE(session.participant, local: session.local, remote: remote) else {
            forget(id, reason: "The worker had lost it.")
            return nil
        }
        return session
    }

    /// Ends a session; false if there is none.
    @discardableResult
    package func close(_ id: String, reason: String) async -> Bool {
        guard let session = forget(id, reason: reason) else { return false }
        await host.close(session.participant, reason: reason)
        return true
    }

    /// Keeps the directory true until the worker's events end.
    package func follow(_ events: AsyncStream<RoomEvent>) async {
        for await event in events {
            switch event {
            case .connected(let participant):
                guard let id = sessionIDs[participant], let session = sessions[id] else { break }
                sessions[id]?.isConnected = true
                logger.info("A session is connected.", metadata: session.metadata)
            case .closed(let participant, let reason):
                if let id = sessionIDs[participant] {
                    forget(id, reason: reason)
                } else if opening > 0 {
                    closedWhileOpening[participant] = reason
                }
            }
        }
    }

    /// Refuses new rooms, waits until everybody has left or the time is over, and ends what is left.
    package func drain(timeout: Interval) async {
        isDraining = true
        let end = ContinuousClock.now + .nanoseconds(timeout.nanoseconds)
        if !sessions.isEmpty {
            logger.notice(
                "Draining: waiting for sessions to end.", metadata: ["sessions": "\(sessions.count)", "seconds": "\(timeout.seconds)"])
        }
        while !sessions.isEmpty || opening > 0, ContinuousClock.now < end {
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        for id in sessions.keys.sorted() { await close(id, reason: "The server is shutting down.") }
    }

    package var acceptsNewRooms: Bool { !isDraining }

    private func admit(room: String, identity: String) throws(Refusal) {
        guard room.utf8.count <= limits.nameBytes, identity.utf8.count <= limits.nameBytes else {
            throw Refusal(.unprocessableContent, "Names of rooms and identities may have \(limits.nameBytes) bytes at most.")
        }
        if isDraining, rooms[room] == nil {
            throw Refusal(.serviceUnavailable, "The server is shutting down and opens no new rooms.", headers: [.retryAfter: "10"])
        }
        let inRoom = rooms[room].map { $0.sessions.count + $0.reserved } ?? 0
        guard inRoom < limits.sessionsPerRoom else {
            throw Refusal(.serviceUnavailable, "The room is full (\(limits.sessionsPerRoom) sessions).", headers: [.retryAfter: "30"])
        }
        guard sessions.count + opening < limits.sessions else {
            throw Refusal(.serviceUnavailable, "The server is full (\(limits.sessions) sessions).", headers: [.retryAfter: "30"])
        }
    }

    private func replace(room: String, identity: String) async {
        while let former = rooms[room]?.publishers.first(where: { sessions[$0]?.identity == identity }) {
            await close(former, reason: "The same identity has published again.")
        }
    }

    private func settle(_ room: String) {
        opening -= 1
        if opening == 0 { closedWhileOpening.removeAll() }
        rooms[room]?.reserved -= 1
        removeIfEmpty(room)
    }

    @discardableResult
    private func forget(_ id: String, reason: String) -> Session? {
        guard let session = sessions.removeValue(forKey: id) else { return nil }
        sessionIDs[session.participant] = nil
        rooms[session.room]?.sessions.remove(id)
        rooms[session.room]?.publishers.removeAll { $0 == id }
        removeIfEmpty(session.room)
        logger.info("A session has closed.", metadata: session.metadata.merging(["reason": "\(reason)"]) { $1 })
        return session
    }

    private func removeIfEmpty(_ room: String) {
        if let found = rooms[room], found.sessions.isEmpty, found.reserved == 0 { rooms[room] = nil }
    }

    private func freshTag() -> String { "\"\(entropy.urlText(12))\"" }
}

extension Session {
    /// For log lines; the id stays out of them, because it is a capability.
    fileprivate var metadata: Logger.Metadata {
        [
            "kind": "\(role.rawValue)", "room": "\(room.printable)", "identity": "\(identity.printable)",
            "participant": "\(participant.rawValue)",
        ]
    }
}

extension String {
    /// Without control characters, which would let a name write log lines of its own.
    var printable: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 }))
    }
}
