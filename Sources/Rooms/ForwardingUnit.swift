import Forwarding
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

/// All rooms and transports of one worker, sans-IO: datagrams and instants in, datagrams, events and a next deadline out.
///
/// The worker's loop drives it on real sockets and the simulator in virtual time; it cannot tell them apart. The contract of every turn:
/// `receive` each datagram (or `handleTimeout`), then `release` until no departure waits, then send what the batch holds.
package final class ForwardingUnit {
    /// Bounds of what one worker takes on.
    package struct Limits: Sendable {
        package var participants = 20_000
        package var rooms = 10_000
        package init() {}
    }

    let certificate: Certificate
    let entropy: Entropy
    let clock: WallClock
    private let limits: Limits
    private var rooms: [String: Room] = [:]
    var participants: [Participant?] = []
    private var freeSlots: [Int] = []
    private var slotsByID: [ParticipantID: Int] = [:]
    var slotsByUfrag: [UfragKey: Int] = [:]
    var slotsByPath: [Path: Int] = [:]
    var deadlines = DeadlineQueue()
    var departures = DepartureQueue(capacity: 16_384)
    package internal(set) var counters = Counters()
    private var events: [RoomEvent] = []
    private var nextID: UInt64 = 1

    package init(certificate: Certificate, clock: WallClock, entropy: Entropy, limits: Limits = Limits()) {
        self.certificate = certificate
        self.clock = clock
        self.entropy = entropy
        self.limits = limits
    }

    // MARK: Participants

    /// Why a participant was not taken in.
    package enum Refusal: Error, Sendable {
        case tooManyParticipants, tooManyRooms
        /// The user fragment is another transport's, or not one that we would have made.
        case unusableUserFragment
    }

    package func open(_ parameters: ParticipantParameters, at now: Instant) throws(Refusal) -> ParticipantID {
        guard slotsByID.count < limits.participants else { throw .tooManyParticipants }
        guard let key = UfragKey(parameters.transport.local.ufrag), slotsByUfrag[key] == nil else { throw .unusableUserFragment }
        let room: Room
        if let existing = rooms[parameters.room] {
            room = existing
        } else {
            guard rooms.count < limits.rooms else { throw .tooManyRooms }
            room = Room(name: parameters.room)
            rooms[parameters.room] = room
        }
        let id = ParticipantID(rawValue: nextID)
        nextID += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = participants.count
            participants.append(nil)
        }
        let transport = Transport(parameters.transport, certificate: certificate, at: now, entropy: entropy)
        let participant = Participant(
            id: id, slot: slot, parameters: parameters, room: room, transport: transport, at: now, entropy: entropy)
        participants[slot] = participant
        slotsByID[id] = slot
        slotsByUfrag[key] = slot
        room.add(participant, at: now)
        schedule(participant)
        return id
    }

    /// Takes new ICE credentials; the old ones stay valid until the new ones have nominated a path. False if the participant is gone.
    package func restartICE(
        _ id: ParticipantID, local: ICECredentials, remote: ICECredentials, at now: Instant, into batch: DatagramBatch
    ) -> Bool {
        guard let participant = participant(id), let key = UfragKey(local.ufrag), slotsByUfrag[key] == nil else { return false }
        slotsByUfrag[key] = participant.slot
        participant.ufrags.append(local.ufrag)
        participant.transport.restartICE(local: local, remote: remote, at: now, into: batch)
        readEvents(of: participant, at: now, into: batch)
        return true
    }

    /// Ends a participant; `closed` is told like any other end.
    package func close(_ id: ParticipantID, reason: String, at now: Instant, into batch: DatagramBatch) {
        guard let participant = participant(id) else { return }
        participant.transport.close(reason: reason, into: batch)
        readEvents(of: participant, at: now, into: batch)
    }

    /// All who are here, oldest first.
    package var participantIDs: [ParticipantID] { slotsByID.keys.sorted { $0.rawValue < $1.rawValue } }

    private func participant(_ id: ParticipantID) -> Participant? { slotsByID[id].flatMap { participants[$0] } }

    /// Takes what has happened since this was last asked.
    package func takeEvents() -> [RoomEvent] {
        guard !events.isEmpty else { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    /// Acts on what a participant's transport has to tell, and renews its deadline.
    func readEvents(of participant: Participant, at now: Instant, into batch: DatagramBatch) {
        while let event = participant.transport.nextEvent() {
            switch event {
            case .connected:
                participant.start(at: now)
                participant.room.noteConnected(participant, at: now)
                for subscription in participant.subscriptions { wakePublisher(of: subscription) }
                events.append(.connected(participant.id))
            case .retired(let ufrag):
                forget(ufrag: ufrag, of: participant)
            case .closed(let reason):
                remove(participant, at: now)
                events.append(.closed(participant.id, reason: reason))
                return
            }
        }
        schedule(participant)
    }

    private func remove(_ participant: Participant, at now: Instant) {
        for ufrag in participant.ufrags { if let key = UfragKey(ufrag) { slotsByUfrag[key] = nil } }
        for path in participant.paths { slotsByPath[path] = nil }
        slotsByID[participant.id] = nil
        participants[participant.slot] = nil
        deadlines.cancel(participant.slot)
        freeSlots.append(participant.slot)
        let room = participant.room
        room.remove(participant, at: now)
        if room.isEmpty { rooms[room.name] = nil }
        // Whose viewers came over from the one who left: they wait for a keyframe.
        for other in room.participants where !other.publications.isEmpty { schedule(other) }
    }

    private func forget(ufrag: String, of participant: Participant) {
        participant.ufrags.removeAll { $0 == ufrag }
        if let key = UfragKey(ufrag), slotsByUfrag[key] == participant.slot { slotsByUfrag[key] = nil }
    }

    /// A subscription has asked its publisher for something: the publisher's deadline has moved.
    func wakePublisher(of subscription: Subscription) {
        if let publication = subscription.publication, let publisher = participants[publication.publisher] { schedule(publisher) }
    }

    func schedule(_ participant: Participant) { deadlines.schedule(participant.slot, at: participant.nextDeadline) }

    // MARK: Time

    /// When `handleTimeout` is due next.
    package var nextDeadline: Instant { deadlines.next }

    /// Does what is due. Stops early when `batch` nears its end, or after a few rounds of everybody (a state machine whose deadline does not
    /// move must not stop the worker); `nextDeadline` then stays in the past, so that the caller comes back at once.
    package func handleTimeout(at now: Instant, into batch: DatagramBatch) {
        var turns = 64 + 4 * participants.count
        while turns > 0, batch.count < batch.capacity / 2, let slot = deadlines.popDue(at: now) {
            turns -= 1
            guard let participant = participants[slot] else { continue }
            participant.handleTimeout(
                at: now, clock: clock, sources: { self.participants[$0.publisher] }, into: batch, counters: &counters)
            readEvents(of: participant, at: now, into: batch)
        }
    }

    // MARK: Figures

    package func statistics() -> WorkerStatistics {
        var statistics = WorkerStatistics()
        statistics.counters = counters
        statistics.counters.drop(.sendQueueFull, count: departures.refused &+ departures.outdated)
        statistics.rooms = rooms.count
        for participant in participants {
            guard let participant else { continue }
            statistics.transports += 1
            if !participant.isHidden { statistics.participants += 1 }
            statistics.publications += participant.publications.count
            statistics.subscriptions += participant.subscriptions.count
        }
        return statistics
    }
}
