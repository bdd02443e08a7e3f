import EventLoop
import MediaPrimitives
import MediaSecurity
import Rooms

/// The forwarding unit on real sockets: the only place where media meets a clock, entropy and the network.
///
/// Confined to its loop's thread; sockets call it there, and so does the worker's actor, whose executor the loop is. One turn: datagrams are
/// received and answered into `batch`, timers are served, and at the turn's end what other workers have told is heard, they are told what there is
/// to tell, and everything that leaves is encrypted and sent together.
final class MediaLoop {
    private let loop: EventLoop
    private let unit: ForwardingUnit
    private let timer: LoopTimer
    private var sockets: [UDPSocket] = []
    private let listener: TCPListener
    /// The path of each TCP connection that carries a participant, by its number.
    private var pathsByConnection: [UInt32: Path] = [:]
    private(set) var tcpAddresses: [SocketAddress] = []
    private let batch = DatagramBatch(capacity: 512)
    /// Nil where there is no other worker.
    private let links: WorkerLinks?
    private let events: AsyncStream<RoomEvent>.Continuation
    private var oversized: UInt64 = 0
    /// Another worker's ring has not taken all that it must be told.
    private var isKeptWaiting = false
    /// How soon that is tried again.
    private static let patience = Interval.milliseconds(1)
    /// When the others are rung for.
    private var bells: BellSchedule
    /// Datagrams taken in since something was last sent.
    private var unsent = 0
    /// More than this are not gathered in one turn: half of the smallest payload ring, which must not come round before its packets have left.
    private static let longestGathering = 64

    init(
        _ loop: EventLoop, _ configuration: WorkerConfiguration, links: WorkerLinks?, certificate: Certificate,
        events: AsyncStream<RoomEvent>.Continuation
    ) throws(SocketError) {
        self.loop = loop
        self.links = links
        self.events = events
        bells = BellSchedule(workers: links?.bells.count ?? 0)
        let clock = WallClock(instant: loop.now, unixNanoseconds: loop.unixNanoseconds)
        var limits = ForwardingUnit.Limits()
        limits.controlsCongestion = configuration.controlsCongestion
        limits.audioTop = configuration.audioTop
        unit = ForwardingUnit(
            worker: configuration.number, of: links?.bells.count ?? 1, certificate: certificate, clock: clock, entropy: .system(),
            limits: limits)
        timer = LoopTimer(loop)
        var tcp = TCPListener.Options()
        tcp.maximumConnections = configuration.tcpConnections
        tcp.maximumPerAddress = max(1, configuration.tcpConnections / 2)
        listener = TCPListener(loop, options: tcp)
        var options = UDPSocket.Options()
        options.lendsPort = configuration.portSharing == .lends
        options.reusePort = configuration.portSharing == .joins
        options.receivesRuns = true
        for (index, address) in configuration.addresses.enumerated() {
            let socket = try UDPSocket(loop, channel: UInt32(index), address: address, options: options)
            socket.onReadable = { [unowned self] in receive($0) }
            sockets.append(socket)
            if let port = configuration.tcpPort {
                tcpAddresses.append(try listener.listen(on: address.with(port: port)))
            }
        }
        listener.onFrames = { [unowned self] in receiveFrames($0) }
        listener.onClose = { [unowned self] connection, _ in
            if let path = pathsByConnection.removeValue(forKey: connection) { unit.forget(path) }
        }
        timer.onFire = { [unowned self] now in
            wakeUp()
            unit.handleTimeout(at: now, into: batch)
        }
        loop.onTurnEnd = { [unowned self] in endTurn() }
    }

    var udpAddresses: [SocketAddress] { sockets.map(\.address) }

    // MARK: A turn

    private func receive(_ received: ReceiveBatch) {
        wakeUp()
        // Whose a path is was told before the answer left that has brought a datagram by it.
        hear(at: loop.now)
        for index in 0..<received.count {
            if received.isOversized(index) {
                oversized &+= 1
                continue
            }
            unit.receive(received.bytes(index), from: received.path(index), at: received.arrival(index), into: batch)
            noteTaken()
        }
    }

    /// A turn may bring more than the batch, the payload rings and the queue of what leaves are made for: what is ready leaves now.
    private func noteTaken() {
        unsent += 1
        if unsent >= MediaLoop.longestGathering || unit.mustRelease || batch.count > batch.capacity / 2 { send(at: loop.now) }
    }

    /// Frames of one TCP connection (RFC 4571). It stays only if what it brings first is an authentic ICE check.
    private func receiveFrames(_ received: ReceiveBatch) {
        receive(received)
        guard received.count > 0 else { return }
        let path = received.path(0)
        if pathsByConnection[path.channel] != nil { return }
        if unit.isKnown(path) {
            pathsByConnection[path.channel] = path
            listener.confirm(path.channel)
        } else {
            listener.close(path.channel)
        }
    }

    private func endTurn() {
        let now = loop.now
        hear(at: now)
        // What a deadline left undone because the batch was full is due at once.
        send(at: now)
        for event in unit.takeEvents() { events.yield(event) }
        var deadline = min(unit.nextDeadline, ring(at: now))
        if isKeptWaiting { deadline = min(deadline, now + MediaLoop.patience) }
        timer.arm(at: deadline)
        listen()
    }

    /// Encrypts what waits and sends all of it: answers first, then media, in as many batches as it takes.
    private func send(at now: Instant) {
        unsent = 0
        tell(at: now)
        repeat {
            unit.release(at: now, into: batch)
            for socket in sockets { socket.send(batch) }
            listener.send(batch)
            batch.removeAll()
        } while unit.hasDepartures
    }

    // MARK: Other workers

    /// What the others ring for from now on is heard at the end of this turn.
    private func wakeUp() { if let links { links.bells[links.number].silence() } }

    /// Takes in what the other workers have told.
    private func hear(at now: Instant) {
        guard let links else { return }
        for (other, ring) in links.incoming.enumerated() {
            ring?.drain { record in
                unit.receive(record: record, from: other, at: now, into: batch)
                noteTaken()
            }
        }
    }

    /// Tells the other workers what there is to tell. Before our own sending, which they need not wait for.
    private func tell(at now: Instant) {
        guard let links else { return }
        isKeptWaiting = false
        for (other, ring) in links.outgoing.enumerated() {
            guard let ring, unit.hasNews(for: other) else { continue }
            var isPressing = false
            unit.tell(other) { record, urgency in
                isPressing = isPressing || urgency != .feedback
                return ring.push(record, keepingFree: urgency.reserve(of: ring.capacity))
            }
            if unit.hasNews(for: other) { isKeptWaiting = true }
            if ring.publish(), bells.noteNews(for: other, isPressing: isPressing, at: now) { links.bells[other].ring() }
        }
    }

    /// Rings for what has lain too long. When the next will have.
    private func ring(at now: Instant) -> Instant {
        guard let links else { return .distantFuture }
        return bells.handleTimeout(at: now) {
            links.outgoing[$0]?.isEmpty ?? true
        } ring: {
            links.bells[$0].ring()
        }
    }

    /// The turn is over: be woken for what others tell from now on, and turn again for what they have told meanwhile.
    private func listen() {
        guard let links else { return }
        links.bells[links.number].listen()
        if links.incoming.contains(where: { $0?.isEmpty == false }) { loop.wake() }
    }

    // MARK: Commands

    func open(_ parameters: ParticipantParameters) throws(AdmissionError) -> ParticipantID {
        do throws(ForwardingUnit.Refusal) {
            return try unit.open(parameters, at: loop.now)
        } catch {
            switch error {
            case .tooManyParticipants: throw AdmissionError("This server has as many participants as it takes; try again later.")
            case .tooManyRooms: throw AdmissionError("This server has as many rooms as it takes; try again later.")
            case .unusableUserFragment: throw AdmissionError("The ICE user fragment is in use.")
            }
        }
    }

    func configure(_ id: ParticipantID, receiving: [ReceivingSection], sending: [SendingSection]) -> Bool {
        unit.configure(id, receiving: receiving, sending: sending, at: loop.now, into: batch)
    }

    func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) -> Bool {
        unit.restartICE(id, local: local, remote: remote, at: loop.now, into: batch)
    }

    func close(_ id: ParticipantID, reason: String) { unit.close(id, reason: reason, at: loop.now, into: batch) }

    func closeAll(reason: String) {
        for id in unit.participantIDs {
            unit.close(id, reason: reason, at: loop.now, into: batch)
            if batch.count > batch.capacity / 2 { send(at: loop.now) }
        }
        endTurn()
        events.finish()
    }

    func explain(_ room: String) -> [SubscriptionExplanation] { unit.explain(room, at: loop.now) }

    func statistics() -> WorkerStatistics {
        var statistics = unit.statistics()
        for socket in sockets { statistics.counters.drop(.sendQueueFull, count: socket.counters.dropped) }
        statistics.counters.drop(.unknownKind, count: oversized)
        statistics.loopLag = timer.takeLag().worst
        return statistics
    }
}
