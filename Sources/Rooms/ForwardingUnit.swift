import Congestion
import Forwarding
import ICE
import MediaPrimitives
import MediaSecurity
import RTP
import Transports

/// All rooms and transports of one worker, sans-IO: datagrams and instants in, datagrams, events and a next deadline out.
///
/// The worker's loop drives it on real sockets and the simulator in virtual time; it cannot tell them apart. The contract of every turn:
/// `receive` each datagram (or `handleTimeout`), then `release` until no departure waits, then send what the batch holds. Where many watch, that is due
/// before a turn has ended: `mustRelease` is asked after each `receive`.
package final class ForwardingUnit {
    /// Bounds of what one worker takes on.
    package struct Limits: Sendable {
        package var participants = 20_000
        package var rooms = 10_000
        /// What participants are sent is adapted to what their ways carry. Without, everything that they want leaves at once.
        package var controlsCongestion = true
        /// So many of a room's tracks of sound are sent at a time, those that speak; 0 for all.
        package var audioTop = 0
        /// Packets that wait for their pacers.
        package var heldPackets = 16_384
        package init() {}
    }

    let certificate: Certificate
    let entropy: Entropy
    let clock: WallClock
    private let limits: Limits
    /// This unit's number among those of the server; below 256.
    package let worker: Int
    /// How many participants each room has here.
    private var rooms: [String: Int] = [:]
    var tracks: TrackDirectory
    /// Who speaks, and who has the floor.
    var speech: SpeakerDirectory
    /// What concerns the other workers' units; nil where there are none.
    let exchange: WorkerExchange?
    @exclusivity(unchecked) var participants = ParticipantTable()  // Changed only when somebody comes or goes.
    @exclusivity(unchecked) var sendingMemory = SendingMemoryTable()  // Changed when somebody has come, and once a second.
    private var slotsByID: [ParticipantID: Int] = [:]
    var slotsByUfrag: [UfragKey: Int] = [:]
    let slotsByPath = PathTable()
    var deadlines = DeadlineQueue()
    var departures: DepartureQueue
    /// More departures than this are not gathered.
    static let mostGathered = 8_192
    /// What waits for its pacer.
    @exclusivity(unchecked) var held: HeldPackets
    /// Participants, by slot, for whom something is to be released though nothing came for them in this turn.
    @exclusivity(unchecked) var woken: ContiguousArray<Int32> = []
    var handshakes = HandshakeQueue()
    /// Packets of one call of `release` that are still to be encrypted; empty between two of them.
    let sealing = SealingQueue()
    package internal(set) var counters = Counters()
    var events: [RoomEvent] = []
    private var nextNumber: UInt64 = 1
    /// How many subscriptions have begun with what was in a ring.
    var joinersServed: UInt64 = 0

    /// Unit number `worker` of `workers`, which are at most 64.
    package init(
        worker: Int = 0, of workers: Int = 1, certificate: Certificate, clock: WallClock, entropy: Entropy, limits: Limits = Limits()
    ) {
        precondition((1...ICECredentials.maximumWorkers).contains(workers), "a user fragment names one of 64 workers")
        precondition(
            (0..<256).contains(worker) && (workers == 1 || worker < workers), "a worker's number has 8 bits, and is one of its group's")
        self.worker = worker
        tracks = TrackDirectory(worker: worker)
        speech = SpeakerDirectory(heard: limits.audioTop)
        exchange = workers == 1 ? nil : WorkerExchange(worker: worker, of: workers)
        self.certificate = certificate
        self.clock = clock
        self.entropy = entropy
        self.limits = limits
        // Behind what is gathered, everybody can still be sent a packet: one without a place would be a hole that nothing repairs.
        held = HeldPackets(capacity: limits.heldPackets)
        departures = DepartureQueue(capacity: ForwardingUnit.mostGathered + max(limits.participants, ForwardingUnit.mostGathered))
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
        guard let key = usable(parameters.transport.local.ufrag) else { throw .unusableUserFragment }
        guard rooms[parameters.room] != nil || rooms.count < limits.rooms else { throw .tooManyRooms }
        let id = ParticipantID(worker: worker, number: nextNumber)
        nextNumber += 1
        let slot = participants.takeSlot()
        let transport = Transport(parameters.transport, certificate: certificate, at: now, entropy: entropy)
        let participant = Participant(
            id: id, slot: slot, parameters: parameters, transport: transport, isControlled: limits.controlsCongestion, at: now,
            entropy: entropy)
        participants.put(participant)
        slotsByID[id] = slot
        slotsByUfrag[key] = slot
        rooms[parameters.room, default: 0] += 1
        configure(participant, receiving: parameters.receiving, sending: parameters.sending, at: now)
        return id
    }

    /// Takes the outcome of a negotiation: all sections of a participant as they are from now on. False if the participant is gone.
    ///
    /// Sections are the same if their mids are. On those that the participant sends on, the same track goes on undisturbed; another one, or a
    /// section that is gone, ends the former. Those that it receives on keep their SSRC and their numbers, whatever they carry, and take them up
    /// again should they come back after having been gone; one that names an SSRC which another section has or had is left out.
    package func configure(
        _ id: ParticipantID, receiving: [ReceivingSection], sending: [SendingSection], at now: Instant, into batch: DatagramBatch
    ) -> Bool {
        guard let participant = participant(id) else { return false }
        configure(participant, receiving: receiving, sending: sending, at: now)
        return true
    }

    private func configure(
        _ participant: Participant, receiving: [ReceivingSection], sending: [SendingSection], at now: Instant
    ) {
        participant.configure(receiving: receiving, &tracks, at: now, &events)
        let changed = participant.configure(sending: sending, &tracks, at: now, entropy: entropy)
        runErrands(at: now)
        for subscription in changed { wakePublisher(of: subscription) }
        schedule(participant)
    }

    /// The key of a user fragment that a transport may have here: nobody's yet, and of this worker where there are others.
    private func usable(_ ufrag: String) -> UfragKey? {
        guard let key = UfragKey(ufrag), slotsByUfrag[key] == nil, exchange == nil || key.worker == worker else { return nil }
        return key
    }

    /// Takes new ICE credentials; the old ones stay valid until the new ones have nominated a path. False if the participant is gone.
    package func restartICE(
        _ id: ParticipantID, local: ICECredentials, remote: ICECredentials, at now: Instant, into batch: DatagramBatch
    ) -> Bool {
        guard let participant = participant(id), let key = usable(local.ufrag) else { return false }
        slotsByUfrag[key] = participant.slot
        participant.ufrags.append(local.ufrag)
        participant.transport.restartICE(local: local, remote: remote, at: now, into: batch)
        readEvents(of: participant, at: now, into: batch)
        return true
    }

    /// Ends a participant; `closed` is told like any other end.
    package func close(_ id: ParticipantID, reason: String, at now: Instant, into batch: DatagramBatch) {
        guard let participant = participant(id) else { return }
        participant.sayGoodbye(into: batch, counters: &counters)
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
                sendingMemory.note(participant)
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
        for path in participant.paths { forgetSlot(of: path) }
        slotsByID[participant.id] = nil
        participants.remove(participant)
        held.removeAll(of: &participant.downlink.held)
        woken.removeAll { $0 == Int32(truncatingIfNeeded: participant.slot) }
        deadlines.cancel(participant.slot)
        participant.endSections(&tracks, at: now, &events)
        runErrands(at: now)
        if let others = rooms[participant.room], others > 1 { rooms[participant.room] = others - 1 } else { rooms[participant.room] = nil }
    }

    private func forget(ufrag: String, of participant: Participant) {
        participant.ufrags.removeAll { $0 == ufrag }
        if let key = UfragKey(ufrag), slotsByUfrag[key] == participant.slot { slotsByUfrag[key] = nil }
    }

    /// A subscription has asked its publisher for something: the publisher's deadline has moved.
    func wakePublisher(of subscription: Subscription) {
        if let publication = subscription.publication { wakeSource(of: publication) }
    }

    /// Something is asked of a publication: the deadline of what it comes from has moved.
    func wakeSource(of publication: Publication) {
        switch publication.origin {
        case .participant(let slot): if let publisher = participants[slot] { schedule(publisher) }
        case .relay(let place): scheduleRelay(place)
        }
    }

    func schedule(_ participant: Participant) { deadlines.schedule(participant.slot, at: participant.nextDeadline) }

    /// The same for what sending alone has changed.
    @inline(__always)
    func scheduleDownlink(of participant: Participant, at now: Instant) {
        let deadline = participant.downlink.nextDeadline(at: now)
        guard deadline < participant.downlink.scheduled else { return }
        participant.downlink.scheduled = deadline
        deadlines.schedule(participant.slot, at: deadline)
    }

    // MARK: Time

    /// When `handleTimeout` is due next.
    package var nextDeadline: Instant {
        let own = min(deadlines.next, handshakes.nextDeadline, speech.nextTurn, held.nextDeadline)
        return exchange.map { min(own, $0.deadlines.next) } ?? own
    }

    /// Does what is due. Stops early when `batch` nears its end, or after a few rounds of everybody (a state machine whose deadline does not
    /// move must not stop the worker); `nextDeadline` then stays in the past, so that the caller comes back at once.
    package func handleTimeout(at now: Instant, into batch: DatagramBatch) {
        var turns = 64 + 4 * participants.count
        while turns > 0, batch.count < batch.capacity / 2, let slot = deadlines.popDue(at: now) {
            turns -= 1
            guard let participant = participants[slot] else { continue }
            participant.downlink.scheduled = .distantFuture
            if participant.transport.isConnected, participant.downlink.handleTimeout(at: now) {
                woken.append(Int32(truncatingIfNeeded: slot))
            }
            participant.handleTimeout(
                at: now, clock: clock, offset: { self.clockOffset(of: $0) }, into: batch, counters: &counters, events: &events)
            if participant.transport.isConnected {
                tellDemand(of: participant, at: now)
                serveJoiners(of: participant, at: now)
            }
            if participant.wantsPublishers {
                participant.wantsPublishers = false
                for subscription in participant.subscriptions { wakePublisher(of: subscription) }
            }
            // Each second at least: it moves when a stream comes.
            sendingMemory.note(participant)
            scheduleDownlink(of: participant, at: now)
            readEvents(of: participant, at: now, into: batch)
        }
        handleRelayTimeouts(at: now)
        handleSpeechTurn(at: now)
        held.handleTimeout(at: now)
        if batch.count < batch.capacity / 2 { continueHandshakes(at: now, into: batch) }
    }

    // MARK: Figures

    package func statistics() -> WorkerStatistics {
        var statistics = WorkerStatistics()
        statistics.counters = counters
        statistics.counters.drop(.sendQueueFull, count: departures.refused &+ departures.outdated)
        statistics.rooms = rooms.count
        statistics.joinersServed = joinersServed
        for participant in participants.all {
            statistics.transports += 1
            if !participant.isHidden { statistics.participants += 1 }
            statistics.publications += participant.publications.count { $0 != nil }
            statistics.subscriptions += participant.subscriptions.count { $0.publication != nil }
            guard participant.transport.isConnected, participant.downlink.isControlled else { continue }
            statistics.downlinks += 1
            statistics.downlinkEstimates += participant.downlink.estimator.target.bitsPerSecond
            statistics.pausedSubscriptions += participant.subscriptions.count { $0.isPausedForBandwidth }
            statistics.limitedSubscriptions += participant.subscriptions.count {
                $0.isWanted && !$0.isPausedForBandwidth && $0.allocated != $0.best
            }
        }
        exchange?.add(to: &statistics)
        return statistics
    }
}
