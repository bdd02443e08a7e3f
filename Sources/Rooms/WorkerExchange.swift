import Forwarding
import MediaPrimitives
import RTP

/// How a datagram came to the worker that it belongs to, where it did not arrive there.
struct Detour {
    /// Where the kernel had delivered it.
    var worker: Int
    /// That worker hands over what comes by this path already.
    var isKnown: Bool
}

/// What one unit knows of the other workers' units, and what it has to tell them.
///
/// The kernel spreads datagrams over the workers by address, and knows nothing of transports. A check names its worker in the user fragment;
/// the rest is found by its path, which the owner makes known once an authentic check has come that way. Nothing is kept of anybody unknown.
final class WorkerExchange {
    let worker: Int
    let workers: Int
    /// One for each worker; this one's own stays empty.
    let outboxes: [WorkerOutbox]
    /// Whose datagrams arrive here although they belong elsewhere. Bounded by the paths of all participants.
    private let owners = PathTable()
    /// Where the datagrams of our own participants arrive, when it is not here.
    private let detours = PathTable()
    /// Which workers want which track: those that have begun, and those that may yet. Only what some worker has subscriptions to.
    private var wanted: [TrackID: UInt64] = [:]

    /// The tracks of others that are relayed here, by place.
    private(set) var relays: [Relay?] = []
    private var places: [TrackID: Int] = [:]
    private var freePlaces: [Int] = []
    /// When which relay is due.
    var deadlines = DeadlineQueue()

    private var handedOverOut: UInt64 = 0
    private var handedOverIn: UInt64 = 0
    private var relayedOut: UInt64 = 0
    private var relayedIn: UInt64 = 0

    init(worker: Int, of workers: Int) {
        self.worker = worker
        self.workers = workers
        outboxes = (0..<workers).map { _ in WorkerOutbox() }
    }

    private func isOther(_ number: Int) -> Bool { number != worker && number >= 0 && number < workers }

    // MARK: Datagrams that arrive elsewhere

    /// Hands a check over to the worker that it names; false if that is not another one.
    func handOver(_ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, to owner: Int) -> Bool {
        // A connection's answer can only leave by the worker that has it.
        guard isOther(owner), path.kind == .udp else { return false }
        let isKnown = owners[path] == owner
        handedOverOut &+= 1
        outboxes[owner].offer(.datagram(datagram, path, at: arrival, isKnown: isKnown), isKnown ? .media : .stranger)
        return true
    }

    /// Hands over what came by a path of another worker's; false if it is not known to be one.
    func handOver(
        _ datagram: UnsafeMutableRawBufferPointer, from path: Path, at arrival: Instant, _ urgency: WorkerOutbox.Urgency = .media
    ) -> Bool {
        guard let owner = owners[path] else { return false }
        handedOverOut &+= 1
        outboxes[owner].offer(.datagram(datagram, path, at: arrival, isKnown: true), urgency)
        return true
    }

    func noteHandedOver() { handedOverIn &+= 1 }

    /// An authentic check of one of our participants came by `path`: where it arrives must be known.
    func note(_ path: Path, detour: Detour?) {
        guard let detour else {
            owners[path] = nil
            return endDetour(of: path)
        }
        if detours[path] != detour.worker { endDetour(of: path) }
        detours[path] = detour.worker
        // What arrives there may have become another's since: then it does not know the path as ours any more.
        if !detour.isKnown { outboxes[detour.worker].tell(.learn(path)) }
    }

    /// `path` leads to nobody here any more.
    func endDetour(of path: Path) {
        if let former = detours.removeValue(forKey: path) { outboxes[former].tell(.forget(path)) }
    }

    func learn(_ path: Path, of owner: Int) { owners[path] = owner }

    func forget(_ path: Path, of owner: Int) { if owners[path] == owner { owners[path] = nil } }

    // MARK: Tracks that others want

    /// Another worker has its first subscription to a track.
    func note(want track: TrackID, by other: Int) { wanted[track, default: 0] |= 1 << UInt64(other) }

    func note(unwant track: TrackID, by other: Int) {
        guard let others = wanted[track] else { return }
        let left = others & ~(1 << UInt64(other))
        wanted[track] = left == 0 ? nil : left
    }

    /// Who wants `track`, a bit each.
    func wanting(_ track: TrackID) -> UInt64 { wanted[track] ?? 0 }

    /// Says that a track is there, and how it is at this moment.
    func tellBeginning(of publication: Publication, offset: Interval?, to others: UInt64) {
        guard others != 0 else { return }
        tell(.began(publication.track, offset: offset, layers: publication.encodings.map(\.snapshot)), to: others)
        if publication.isHushed { tell(.heard(publication.track, false), to: others) }
    }

    /// Hands on a packet that has turned out to be something.
    func relay(
        _ packet: UnsafeRawBufferPointer, of publication: Publication, _ binding: StreamBinding, _ reception: Encoding.Reception,
        at arrival: Instant
    ) {
        switch reception {
        case .media(let media): if publication.isHushed, media.audioLevel != nil { return }
        case .padding: if publication.isHushed { return }
        case .nothing, .invalid: return
        }
        let number = publication.relayed[binding.layer]
        publication.relayed[binding.layer] = number &+ 1
        var rest = publication.relays
        while rest != 0 {
            relayedOut &+= 1
            outboxes[rest.trailingZeroBitCount].offer(
                .packet(
                    packet, publication.track, layer: binding.layer, isRetransmission: binding.isRetransmission, spurt: publication.spurt,
                    number: number, at: arrival))
            rest &= rest &- 1
        }
    }

    /// Hands on a sender report: layers are aligned, and our own reports made, by what it says.
    func relay(_ report: SenderReport, from participant: Participant, at now: Instant) {
        guard let binding = participant.streams.binding(of: report.ssrc), !binding.isRetransmission,
            let publication = participant.publications[binding.publication], publication.relays != 0
        else { return }
        offer(
            .report(
                publication.track, layer: binding.layer, ntp: report.ntpTime, timestamp: report.rtpTimestamp, at: now,
                offset: participant.clockOffset.current),
            to: publication.relays)
    }

    func tell(_ record: WorkerRecord, to others: UInt64) {
        var rest = others
        while rest != 0 {
            outboxes[rest.trailingZeroBitCount].tell(record)
            rest &= rest &- 1
        }
    }

    func offer(_ record: WorkerRecord, to others: UInt64) {
        var rest = others
        while rest != 0 {
            outboxes[rest.trailingZeroBitCount].offer(record)
            rest &= rest &- 1
        }
    }

    // MARK: Tracks of others

    /// The first subscription here to a track of another worker's. It is fed when that one says that the track is there.
    func want(_ reference: TrackReference) {
        guard isOther(reference.worker), places[reference.id] == nil else { return }
        let place: Int
        if let free = freePlaces.popLast() {
            place = free
        } else {
            place = relays.count
            relays.append(nil)
        }
        relays[place] = Relay(reference)
        places[reference.id] = place
        outboxes[reference.worker].tell(.want(reference.id))
    }

    /// The last subscription here to it is gone. Returns what fed them.
    func unwant(_ reference: TrackReference) -> Publication? {
        guard let place = places.removeValue(forKey: reference.id) else { return nil }
        let publication = relays[place]?.publication
        relays[place] = nil
        freePlaces.append(place)
        deadlines.cancel(place)
        outboxes[reference.worker].tell(.unwant(reference.id))
        return publication
    }

    /// The relay of `track`, if it comes from `home`.
    func relay(of track: TrackID, from home: Int) -> (relay: Relay, place: Int)? {
        guard let place = places[track], let relay = relays[place], relay.reference.worker == home else { return nil }
        return (relay, place)
    }

    func noteRelayed() { relayedIn &+= 1 }

    // MARK: Figures

    func add(to statistics: inout WorkerStatistics) {
        statistics.handedOverOut = handedOverOut
        statistics.handedOverIn = handedOverIn
        statistics.pathsHandedOver = owners.count
        statistics.relayedOut = relayedOut
        statistics.relayedIn = relayedIn
        statistics.relays = relays.count { $0?.publication != nil }
        statistics.ringDrops = outboxes.reduce(0) { $0 &+ $1.dropped }
    }
}
