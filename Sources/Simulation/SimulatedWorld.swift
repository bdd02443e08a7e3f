import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import Rooms

/// One server and its clients in virtual time: the production `ForwardingUnit` (one, or one for each worker, with rings between them), a network of
/// seeded links, and clients made from the same modules.
///
/// Every turn follows the unit's contract: what has arrived (or is due), then `release` until nothing waits, then everything is sent. A seed gives
/// the same run each time, to the bit.
package final class SimulatedWorld {
    package static let serverAddress = SocketAddress(ipv4: 0xc633_6401, port: 7_882)
    /// The time of day at the world's beginning.
    package static let wallClock = WallClock(instant: Instant(nanoseconds: 0), unixNanoseconds: Int64(beginning) * 1_000_000_000)
    /// The same in seconds since 1970.
    private static let beginning = 1_750_000_000

    /// One for each worker.
    package let units: [ForwardingUnit]
    /// The first worker's, and mostly the only one.
    package var unit: ForwardingUnit { units[0] }
    package private(set) var now = Instant(nanoseconds: 3_000_000_000)
    /// What the server told, and when.
    package private(set) var events: [(at: Instant, event: RoomEvent)] = []
    package private(set) var peers: [SimulatedPeer] = []
    /// Shown every datagram when it is sent, for tests that want to send it again.
    package var tap: ((_ bytes: [UInt8], _ from: SocketAddress, _ to: SocketAddress) -> Void)?
    /// Asked about every datagram when it is sent, for tests that lose particular ones: false for what vanishes on its way.
    package var passes: ((_ bytes: [UInt8], _ from: SocketAddress, _ to: SocketAddress) -> Bool)?
    /// Called before a unit works at something that has arrived, is due or leaves, and after it: for those who count what that costs.
    package var whenWorking: (() -> Void)?

    /// The server's loops are in a long turn: they receive and answer, and release nothing until this is false again.
    package var holdsTurns = false
    /// How many bytes the ring between two workers holds.
    package var ringCapacity: Int {
        get { rings.capacity }
        set { rings.capacity = newValue }
    }

    private let openSSL: SeededOpenSSL
    private let certificate: Certificate
    private let clientCertificate: Certificate
    private let entropy: Entropy
    private var network = SimulatedNetwork()
    private var rings = SimulatedRings()
    /// How many records of each kind workers have told each other.
    package var told: [WorkerOutbox.Urgency: Int] { rings.pushed }
    private var peersByAddress: [SocketAddress: Int] = [:]
    private var deadlines = DeadlineQueue()
    private var replacements = 0
    /// What the control plane knows of each room.
    var rosters: [String: Roster] = [:]
    private var lastTrack: UInt64 = 0
    private let serverBatch = DatagramBatch(capacity: 512)
    private let peerBatch = DatagramBatch(capacity: 1_024)

    package init(seed: UInt64, workers: Int = 1, limits: ForwardingUnit.Limits = ForwardingUnit.Limits()) throws {
        let openSSL = SeededOpenSSL(seed: seed ^ 0x6f70_656e_7373_6c21)
        self.openSSL = openSSL
        let certificate = try openSSL.drawing { try Certificate.generate(unixSeconds: SimulatedWorld.beginning) }
        clientCertificate = try openSSL.drawing { try Certificate.generate(unixSeconds: SimulatedWorld.beginning) }
        self.certificate = certificate
        entropy = .seeded(seed)
        units = (0..<workers).map { worker in
            ForwardingUnit(
                worker: worker, of: workers, certificate: certificate, clock: SimulatedWorld.wallClock,
                entropy: .seeded(seed &+ 1 &+ UInt64(worker) << 32), limits: limits)
        }
    }

    // MARK: Joining and leaving

    /// A client joins: signalling is over at once, and its first check is on the way.
    package func join(_ plan: PeerPlan) throws -> SimulatedPeer { try openSSL.drawing { try admit(plan) } }

    private func admit(_ plan: PeerPlan) throws -> SimulatedPeer {
        let number = peers.count
        let address = freshAddress(number)
        let server = ICECredentials.random(entropy, worker: plan.worker)
        let client = ICECredentials.random(entropy)
        let ours = TransportParameters(
            local: client, remote: server, fingerprints: [certificate.fingerprint], role: plan.role)
        let theirs = TransportParameters(
            local: server, remote: client, fingerprints: [plan.claimedFingerprint ?? clientCertificate.fingerprint],
            role: plan.role == .client ? .server : .client)
        let receiving = (plan.publishesAtOnce ? plan.up : []).map {
            ReceivingSection(track: newTrack(), parameters: $0, heedsDemand: plan.heedsDemand)
        }
        var sending = plan.down(entropy).map { SendingSection(parameters: $0, source: nil) }
        point(&sending, following: plan.following, in: plan.room, of: nil)
        let id = try units[plan.worker].open(
            ParticipantParameters(
                room: plan.room, identity: plan.identity, hidden: plan.receives && plan.video == nil, cname: "apus", transport: theirs,
                receiving: receiving, sending: sending), at: now)
        let generator = Entropy.seeded(entropy.next())
        let transport = ClientTransport(
            ours, certificate: clientCertificate, profiles: plan.profiles, path: path(from: address), extensions: PeerPlan.upExtensions,
            shakesHands: plan.shakesHands, renominates: plan.renominates, at: now, entropy: generator)
        let peer = SimulatedPeer(
            plan, id: id, number: UInt16(number), transport: transport, credentials: ours, receiving: receiving, sending: sending,
            address: address, at: now, entropy: generator)
        peers.append(peer)
        rosters[plan.room, default: Roster()].add(id, identity: plan.identity, publishing: peer.tracks)
        peersByAddress[address] = number
        deadlines.schedule(number, at: peer.nextDeadline)
        endTurn()
        return peer
    }

    /// A name for a track that has not been given to any.
    package func newTrack() -> TrackID {
        lastTrack += 1
        return TrackID(rawValue: lastTrack)
    }

    /// Tells the unit what has been agreed with a client. False if it is gone.
    func configure(_ peer: SimulatedPeer) -> Bool {
        units[peer.id.worker].configure(peer.id, receiving: peer.receiving, sending: peer.sending, at: now, into: serverBatch)
    }

    /// The control plane ends a participant.
    package func close(_ peer: SimulatedPeer, reason: String = "asked to") {
        openSSL.drawing { units[peer.id.worker].close(peer.id, reason: reason, at: now, into: serverBatch) }
        endTurn()
    }

    /// The client says goodbye.
    package func leave(_ peer: SimulatedPeer) {
        guard let index = index(of: peer) else { return }
        openSSL.drawing { peer.transport.close(into: peerBatch) }
        send(from: index)
    }

    /// Both sides of the client's ICE get new credentials, by signalling.
    package func restartICE(_ peer: SimulatedPeer) -> Bool {
        guard let tellClient = beginICERestart(of: peer) else { return false }
        tellClient()
        return true
    }

    /// The server's side gets new credentials; what is returned gives them to the client, whose signalling may be slow. Nil if it is gone.
    package func beginICERestart(of peer: SimulatedPeer) -> (() -> Void)? {
        guard let index = index(of: peer) else { return nil }
        let server = ICECredentials.random(entropy, worker: peer.id.worker)
        let client = ICECredentials.random(entropy)
        guard units[peer.id.worker].restartICE(peer.id, local: server, remote: client, at: now, into: serverBatch) else { return nil }
        endTurn()
        return { [self] in
            peer.credentials.local = client
            peer.credentials.remote = server
            peer.transport.ice.restart(local: client, remote: server, at: now)
            openSSL.drawing { peer.transport.readICE(at: now, into: peerBatch) }
            send(from: index)
        }
    }

    /// The client gets another address and knows it: it nominates the new way. The old address is gone.
    package func move(_ peer: SimulatedPeer) {
        guard let index = index(of: peer) else { return }
        let address = replaceAddress(index)
        peer.routes = [SimulatedPeer.Route(local: address, outer: address)]
        peer.transport.ice.check(path(from: address), at: now)
        openSSL.drawing { peer.transport.readICE(at: now, into: peerBatch) }
        send(from: index)
    }

    /// A translator on the way gives the client another outer address; the client does not know.
    package func rebind(_ peer: SimulatedPeer) {
        guard let index = index(of: peer) else { return }
        let address = replaceAddress(index)
        for route in peer.routes.indices { peer.routes[route].outer = address }
    }

    /// A translator on the way gives one client's outer address to another, whose own is gone.
    package func exchangeAddresses(of peer: SimulatedPeer, _ former: SimulatedPeer) {
        guard let index = index(of: peer), let taken = former.routes.first?.outer else { return }
        for route in peer.routes { peersByAddress[route.outer] = nil }
        peersByAddress[taken] = index
        for route in peer.routes.indices { peer.routes[route].outer = taken }
    }

    private func replaceAddress(_ index: Int) -> SocketAddress {
        for route in peers[index].routes { peersByAddress[route.outer] = nil }
        replacements += 1
        let address = freshAddress(100_000 + replacements)
        peersByAddress[address] = index
        return address
    }

    /// Somebody sends a datagram from wherever he likes.
    package func inject(_ bytes: [UInt8], from address: SocketAddress) {
        openSSL.drawing { deliver(bytes, from: address) }
        endTurn()
    }

    /// A client sends feedback of a test's making.
    package func sendRTCP(from peer: SimulatedPeer, _ body: (inout ByteWriter) -> Void) {
        guard let index = index(of: peer) else { return }
        peer.transport.sendRTCP(into: peerBatch, body)
        send(from: index)
    }

    /// A client with valid keys sends what no client should: RTP and RTCP whose contents are noise, under many SSRCs.
    package func flood(_ peer: SimulatedPeer, seed: UInt64) {
        guard let index = index(of: peer) else { return }
        peer.transport.sendNoise(.seeded(seed), at: now, into: peerBatch)
        send(from: index)
    }

    private func index(of peer: SimulatedPeer) -> Int? { peers.firstIndex { $0 === peer } }

    private func freshAddress(_ number: Int) -> SocketAddress {
        SocketAddress(ipv4: 0x0a00_0001 + UInt32(truncatingIfNeeded: number), port: 50_000)
    }

    private func path(from address: SocketAddress) -> Path { Path(local: address, remote: SimulatedWorld.serverAddress) }

    // MARK: Time

    /// Lets time pass.
    package func run(for duration: Interval) { _ = run(for: duration) { false } }

    /// Lets time pass until `condition` holds; false if it did not within `limit`.
    @discardableResult
    package func run(for limit: Interval, until condition: () -> Bool) -> Bool {
        let end = now + limit
        var turnsAtOneInstant = 0
        while !condition() {
            let next = min(
                network.nextArrival, rings.nextArrival, units.reduce(.distantFuture) { min($0, $1.nextDeadline) }, deadlines.next)
            guard next <= end else {
                now = end
                return condition()
            }
            turnsAtOneInstant = next <= now ? turnsAtOneInstant + 1 : 0
            precondition(turnsAtOneInstant < 10_000, "time stands still: a deadline in the past is never served")
            now = max(now, next)
            openSSL.drawing { turn() }
        }
        return true
    }

    private func turn() {
        while let datagram = network.popArrived(at: now) {
            if datagram.to == SimulatedWorld.serverAddress {
                deliver(datagram.bytes, from: datagram.from)
            } else if let index = peersByAddress[datagram.to] {
                var bytes = datagram.bytes
                guard let local = peers[index].localAddress(behind: datagram.to) else { continue }
                bytes.withUnsafeMutableBytes {
                    peers[index].receive($0, from: path(from: local), at: now, into: peerBatch)
                }
                send(from: index)
            }
        }
        while var record = rings.popArrived(at: now) {
            record.bytes.withUnsafeMutableBytes { bytes in
                working { units[record.to].receive(record: bytes, from: record.from, at: now, into: serverBatch) }
            }
            if isFull(units[record.to]) { release() }
        }
        for unit in units where unit.nextDeadline <= now { working { unit.handleTimeout(at: now, into: serverBatch) } }
        endTurn()
        while let index = deadlines.popDue(at: now) {
            if peers[index].nextDeadline <= now { peers[index].handleTimeout(at: now, into: peerBatch) }
            send(from: index)
        }
    }

    private func deliver(_ bytes: [UInt8], from address: SocketAddress) {
        var bytes = bytes
        let path = Path(local: SimulatedWorld.serverAddress, remote: address)
        // The kernel gives each address to one worker, whosever its participant is.
        let unit = units[peersByAddress[address].map { peers[$0].arrivesAt } ?? 0]
        bytes.withUnsafeMutableBytes { bytes in working { unit.receive(bytes, from: path, at: now, into: serverBatch) } }
        if isFull(unit) { release() }
    }

    private func working(_ work: () -> Void) {
        whenWorking?()
        work()
        whenWorking?()
    }

    private func isFull(_ unit: ForwardingUnit) -> Bool {
        serverBatch.count > serverBatch.capacity / 2 || unit.mustRelease
    }

    func endTurn() {
        if !holdsTurns { release() }
        for unit in units {
            for event in unit.takeEvents() {
                events.append((now, event))
                act(on: event)
            }
        }
        tell()
    }

    /// The units tell each other what there is to tell.
    private func tell() {
        for (number, unit) in units.enumerated() {
            for other in units.indices where other != number {
                unit.tell(other) { rings.push($0, $1, from: number, to: other, at: now) }
            }
        }
    }

    /// Everything that leaves is sent.
    private func release() {
        tell()
        for unit in units { release(unit) }
    }

    private func release(_ unit: ForwardingUnit) {
        repeat {
            working { unit.release(at: now, into: serverBatch) }
            for index in 0..<serverBatch.count {
                let to = serverBatch[index].path.remote
                let link = peersByAddress[to].map { peers[$0].downlink }
                transmit(Array(serverBatch.bytes(index)), from: SimulatedWorld.serverAddress, to: to, over: link)
            }
            serverBatch.removeAll()
        } while unit.hasDepartures
    }

    /// Puts what a client wrote on its uplink, and asks when it next wants to be called.
    private func send(from index: Int) {
        let peer = peers[index]
        for entry in 0..<peerBatch.count {
            guard let from = peer.routes.first(where: { $0.local == peerBatch[entry].path.local })?.outer else { continue }
            transmit(Array(peerBatch.bytes(entry)), from: from, to: SimulatedWorld.serverAddress, over: peer.uplink)
        }
        peerBatch.removeAll()
        deadlines.schedule(index, at: peer.nextDeadline)
    }

    /// Something has come for a client that is no datagram.
    func wake(_ index: Int) { deadlines.schedule(index, at: peers[index].nextDeadline) }

    /// `link` is nil where nobody is.
    private func transmit(_ bytes: [UInt8], from: SocketAddress, to: SocketAddress, over link: SimulatedLink?) {
        tap?(bytes, from, to)
        guard let link, passes?(bytes, from, to) ?? true else { return }
        network.send(bytes, from: from, to: to, over: link, at: now)
    }
}
