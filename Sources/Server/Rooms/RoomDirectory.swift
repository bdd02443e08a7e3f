import HTTPTypes
import Logging
import MediaPrimitives
import MediaWorker
import Negotiation
import Rooms
import Signalling

/// The rooms by name: made when somebody first comes, kept a while when everybody has left.
package actor RoomDirectory {
    package struct Limits: Sendable {
        package var rooms = 10_000
        /// Bytes of UTF-8 in a room's name or an identity.
        package var nameBytes = 256
        /// How long a room outlives its last member, so that whoever comes back finds the same one.
        package var departureTimeout = Interval.seconds(20)
        package var room = LiveRoom.Limits()
        package init() {}
    }

    private struct Entry {
        let room: LiveRoom
        /// Calls that are under way in it.
        var visitors = 0
        /// Counts those calls, so that a check that waited notices whether there was one.
        var visits = 0
    }

    private let plane: MediaPlane
    private let local: LocalTransport
    private let limits: Limits
    private let logger: Logger
    private var rooms: [String: Entry] = [:]
    private var isDraining = false

    package init(plane: MediaPlane, local: LocalTransport, limits: Limits = Limits(), logger: Logger) {
        self.plane = plane
        self.local = local
        self.limits = limits
        self.logger = logger
    }

    package var acceptsNewRooms: Bool { !isDraining }
    package var roomCount: Int { rooms.count }

    package var census: RoomCensus {
        get async {
            var census = RoomCensus()
            for entry in rooms.values { census = census + (await entry.room.census) }
            return census
        }
    }

    /// Lets `body` into a room, which is made if there is none.
    package func enter<Result: Sendable>(
        _ name: String, identity: String, _ body: (LiveRoom) async throws(Refusal) -> Result
    ) async throws(Refusal) -> Result {
        guard name.utf8.count <= limits.nameBytes, identity.utf8.count <= limits.nameBytes else {
            throw Refusal(.unprocessableContent, "Names of rooms and identities may have \(limits.nameBytes) bytes at most.")
        }
        try make(name)
        return try await visit(name, body)
    }

    /// Lets `body` into a room that there is; nil without one.
    package func find<Result: Sendable>(_ name: String, _ body: (LiveRoom) async -> Result?) async -> Result? {
        guard rooms[name] != nil else { return nil }
        return try? await visit(name) { room in await body(room) }
    }

    /// Whether somebody could come into the room of that name now. Makes nothing.
    package func admit(_ name: String, identity: String) async throws(Refusal) {
        guard name.utf8.count <= limits.nameBytes, identity.utf8.count <= limits.nameBytes else {
            throw Refusal(.badRequest, "Names of rooms and identities may have \(limits.nameBytes) bytes at most.")
        }
        guard let room = rooms[name]?.room else {
            try refuseNewRoom()
            return
        }
        try await room.refuseIfNoPlace(for: identity)
    }

    private func refuseNewRoom() throws(Refusal) {
        if isDraining {
            throw Refusal(.serviceUnavailable, "The server is shutting down and opens no new rooms.", headers: [.retryAfter: "10"])
        }
        guard rooms.count < limits.rooms else {
            throw Refusal(.serviceUnavailable, "The server has as many rooms as it takes (\(limits.rooms)).", headers: [.retryAfter: "30"])
        }
    }

    private func make(_ name: String) throws(Refusal) {
        guard rooms[name] == nil else { return }
        try refuseNewRoom()
        let room = LiveRoom(
            name: name, plane: plane, local: local, limits: limits.room, logger: logger,
            becameEmpty: { [weak self] room in Task { await self?.noteEmpty(room) } })
        rooms[name] = Entry(room: room)
        logger.info("A room has opened.", metadata: ["room": "\(name.printable)"])
    }

    private func visit<Result: Sendable>(
        _ name: String, _ body: (LiveRoom) async throws(Refusal) -> Result
    ) async throws(Refusal) -> Result {
        guard let room = rooms[name]?.room else { throw Refusal(.notFound, "There is no such room.") }
        rooms[name]?.visitors += 1
        rooms[name]?.visits += 1
        defer {
            rooms[name]?.visitors -= 1
            Task { await noteEmpty(room) }
        }
        return try await body(room)
    }

    /// A room may be empty: if it is still so in a while, it is no more.
    private func noteEmpty(_ room: LiveRoom) async {
        guard await room.isEmpty, let entry = rooms[room.name], entry.room === room, entry.visitors == 0 else { return }
        if !isDraining { try? await Task.sleep(for: .nanoseconds(limits.departureTimeout.nanoseconds)) }
        guard let later = rooms[room.name], later.room === room, later.visits == entry.visits, await room.isEmpty,
            rooms[room.name]?.visits == entry.visits
        else { return }
        rooms[room.name] = nil
        logger.info("A room has closed.", metadata: ["room": "\(room.name.printable)"])
    }

    /// Refuses new rooms, waits until everybody has left or the time is over, and ends what is left.
    package func drain(timeout: Interval) async {
        isDraining = true
        let end = ContinuousClock.now + .nanoseconds(timeout.nanoseconds)
        let count = await census.members
        if count > 0 {
            logger.notice(
                "Draining: waiting for participants to leave.", metadata: ["participants": "\(count)", "seconds": "\(timeout.seconds)"])
        }
        while ContinuousClock.now < end {
            let left = await census.members
            guard left > 0 || hasVisitors else { break }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        for name in rooms.keys.sorted() {
            // Clients come back by themselves, to whoever serves then.
            await rooms[name]?.room.end(reason: .serverShutdown, action: .reconnect, sentence: "The server is shutting down.")
        }
    }

    private var hasVisitors: Bool { rooms.values.contains { $0.visitors > 0 } }
}

/// A joined client's way back to its room.
struct RoomMembership: SignalSession {
    let room: LiveRoom
    let sid: String

    func receive(_ request: Livekit_SignalRequest) async {
        if case .offer(let offer) = request.message {
            await room.receive(offer.read, id: offer.id, from: sid)
        } else {
            await room.receive(request, from: sid)
        }
    }
    func ended() async { await room.socketEnded(sid) }
}

extension Livekit_SessionDescription {
    /// As an offer.
    fileprivate var read: Result<RoomOffer, NegotiationError> {
        do throws(NegotiationError) { return .success(try RoomOffer(sdp)) } catch { return .failure(error) }
    }
}

extension RoomDirectory: SignalHost {
    package func admit(_ token: AccessToken, room: String, _ parameters: JoinParameters) async throws(Refusal) {
        try await admit(room, identity: token.identity ?? "")
    }

    @concurrent package nonisolated func join(
        _ token: AccessToken, room: String, _ parameters: JoinParameters, sink: any SignalSink
    ) async -> (any SignalSession)? {
        let offer = parameters.request.hasPublisherOffer ? parameters.request.publisherOffer.read : nil
        do throws(Refusal) {
            return try await enter(room, identity: token.identity ?? "") { room throws(Refusal) -> RoomMembership? in
                await room.join(token, parameters, offer: offer, sink: sink).map { RoomMembership(room: room, sid: $0) }
            }
        } catch {
            sink.send(.leave(.joinFailure, .disconnect))
            sink.close(error.sentence)
            return nil
        }
    }
}
