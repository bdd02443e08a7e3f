import MediaPrimitives

/// The client's side of ICE: a full, controlling agent (RFC 8445) towards one server, for tests, the simulator and load clients.
///
/// It checks the paths that it is given (Binding requests with USERNAME, PRIORITY, ICE-CONTROLLING and, to nominate, USE-CANDIDATE), resends
/// after 500 ms doubling up to seven sends, and once a path is valid keeps consent by a fresh check every 4 to 6 s (RFC 7675 §5.1). It also
/// answers the checks of a full peer. Gathering and pairing of candidates are the caller's: hand it the ways worth trying, not nominating, and
/// the first that is answered is nominated. It never gives up its role (not done: RFC 8445 §7.3.1.1's switch; a peer that claims to be
/// controlling gets 487).
///
/// Contract: `receive`; `handleTimeout` at `nextDeadline`; after either `drain(into:)` and `nextEvent()`.
package final class ICEController {
    package static let maximumPaths = 8
    package static let initialTimeout = Interval.milliseconds(500)
    package static let maximumSends = 7
    /// How long after the last send an answer is still awaited: 16 times the first timeout (RFC 8489 §6.2.1: Rm).
    package static let lastWait = Interval.seconds(8)
    package static let consentInterval = Interval.seconds(5)
    package static let consentExpiry = Interval.seconds(30)
    /// Between the first sends of two transactions (RFC 8445 §14: Ta).
    package static let pacing = Interval.milliseconds(50)

    private struct Request {
        var id: STUNTransactionID
        var nominates: Bool
    }

    private struct CheckedPath {
        var path: Path
        /// The check that is being resent; nil while only consent is kept.
        var check: Request?
        var sends = 0
        /// When something is sent next, or (after the last send) given up.
        var nextAt: Instant
        /// Whether a message is to be written at the next drain.
        var isDue = false
        /// Consent checks are not resent; answers to the last few are good.
        var outstanding: [Request] = []
        /// Until when consent holds; nil before the first answer.
        var consentUntil: Instant?
    }

    /// Where media goes: the path whose nomination was answered last.
    package private(set) var selectedPath: Path?
    /// Our address as the server saw it in its last answer.
    package private(set) var reflexiveAddress: SocketAddress?
    /// No path is left, or consent was lost on the last one.
    package private(set) var isDead = false

    private var generation: ICEGeneration
    private var remoteKey: MessageIntegrityKey
    private var requestUsername: [UInt8]
    private let renominates: Bool
    private let tieBreaker: UInt64
    private let entropy: Entropy
    private var paths: [CheckedPath] = []
    private var nextStart: Instant
    private var events = ICEEventQueue()
    private var wasConnected = false
    /// The path whose checks carry USE-CANDIDATE. Only one at a time: the peer follows the nomination that it saw last.
    private var nominee: Path?

    /// Starts checking `path` (our address and the server's candidate) at once, and nominates it unless told otherwise. With `renominates`
    /// each check that keeps consent nominates once more, as Chromium's do towards a lite agent; Firefox's do not.
    package init(
        local: ICECredentials, remote: ICECredentials, path: Path, nominating: Bool = true, renominates: Bool = true, at now: Instant,
        entropy: Entropy
    ) {
        self.renominates = renominates
        generation = ICEGeneration(number: 0, local: local, remote: remote)
        remoteKey = MessageIntegrityKey(password: remote.password)
        requestUsername = Array((remote.ufrag + ":" + local.ufrag).utf8)
        tieBreaker = entropy.next()
        self.entropy = entropy
        nextStart = now
        check(path, nominating: nominating, at: now)
    }

    /// Starts a check of `path`, new or known; with `nominating` media moves there when it is answered. False when eight are known already.
    @discardableResult
    package func check(_ path: Path, nominating: Bool = true, at now: Instant) -> Bool {
        guard !isDead else { return false }
        let start = max(now, nextStart)
        let request = Request(id: freshID(), nominates: nominating)
        if let index = paths.firstIndex(where: { $0.path == path }) {
            paths[index].check = request
            paths[index].sends = 0
            paths[index].isDue = false
            paths[index].nextAt = start
        } else {
            guard paths.count < ICEController.maximumPaths else { return false }
            paths.append(CheckedPath(path: path, check: request, nextAt: start))
        }
        nextStart = start + ICEController.pacing
        if nominating { nominate(path) } else if nominee == path { nominee = nil }
        return true
    }

    private func nominate(_ path: Path) {
        nominee = path
        // A resent check of an earlier nominee must not call the peer back to it.
        for index in paths.indices where paths[index].path != path && paths[index].check?.nominates == true {
            paths[index].check = Request(id: freshID(), nominates: false)
        }
    }

    /// Without a nominee, nominates a path that has been answered, if there is one.
    private func nominateAny(at now: Instant) {
        guard nominee == nil, selectedPath == nil, let valid = paths.first(where: { $0.consentUntil != nil }) else { return }
        check(valid.path, nominating: true, at: now)
    }

    /// Stops using `path`, for another that works if there is one. Without any the controller is dead.
    package func forget(_ path: Path, at now: Instant) {
        guard let index = paths.firstIndex(where: { $0.path == path }) else { return }
        fail(index, at: now)
    }

    /// New credentials (RFC 8445 §9): every path is checked anew and the nominated one nominated again. Media stays where it is.
    package func restart(local: ICECredentials, remote: ICECredentials, at now: Instant) {
        generation = ICEGeneration(number: generation.number &+ 1, local: local, remote: remote)
        remoteKey = MessageIntegrityKey(password: remote.password)
        requestUsername = Array((remote.ufrag + ":" + local.ufrag).utf8)
        for index in paths.indices { paths[index].outstanding.removeAll(keepingCapacity: true) }
        for path in paths.map(\.path) { check(path, nominating: path == nominee, at: now) }
    }

    // MARK: Packets

    /// Takes one STUN message: an answer to one of our checks, or a check of the peer's, which is answered into `batch`.
    package func receive(_ packet: RawSpan, from path: Path, at now: Instant, into batch: DatagramBatch) -> ICEResult {
        guard !isDead, let message = STUNMessage(packet), message.method == STUNMessage.bindingMethod else { return .dropped(.invalidSTUN) }
        if message.isFingerprintValid(in: packet) == false { return .dropped(.unauthenticatedSTUN) }
        switch message.messageClass {
        case .request:
            switch generation.authenticate(message, in: packet) {
            case .foreign: return .dropped(.invalidSTUN)
            case .forged: return .dropped(.unauthenticatedSTUN)
            case .authentic: break
            }
            var hasRoleConflict = false
            if case .controlling = message.role { hasRoleConflict = true }
            return generation.answer(message, by: path, hasRoleConflict: hasRoleConflict, into: batch)
        case .indication:
            return paths.contains { $0.path == path } ? .ignored : .dropped(.unknownAddress)
        case .success, .error:
            return receiveAnswer(message, packet, from: path, at: now)
        }
    }

    private func receiveAnswer(_ message: STUNMessage, _ packet: RawSpan, from path: Path, at now: Instant) -> ICEResult {
        // An answer must come by the way of its request (RFC 8445 §7.2.5.2.1).
        guard let index = paths.firstIndex(where: { $0.path == path }) else { return .dropped(.unknownAddress) }
        let id = message.transactionID
        let isCheck = paths[index].check?.id == id
        guard let request = isCheck ? paths[index].check : paths[index].outstanding.first(where: { $0.id == id }) else {
            return .dropped(.invalidSTUN)
        }
        guard message.isAuthentic(in: packet, key: remoteKey) else { return .dropped(.unauthenticatedSTUN) }
        guard message.unknownRequiredCount == 0 else { return .dropped(.invalidSTUN) }
        if message.messageClass == .error {
            events.append(.refused(code: message.errorCode ?? 0))
            if isCheck { fail(index, at: now) } else { paths[index].outstanding.removeAll { $0.id == id } }
            return .ignored
        }
        reflexiveAddress = message.xorMappedAddress ?? reflexiveAddress
        paths[index].consentUntil = now + ICEController.consentExpiry
        if isCheck {
            paths[index].check = nil
            paths[index].isDue = false
            paths[index].nextAt = now + consentDelay()
            // A second copy of this answer is still an answer.
            remember(request, at: index)
        }
        if request.nominates, path == nominee { select(path) }
        nominateAny(at: now)
        return .ignored
    }

    private func select(_ path: Path) {
        if path != selectedPath {
            selectedPath = path
            events.append(.selected(path))
        }
        if !wasConnected {
            wasConnected = true
            events.append(.connected)
        }
    }

    // MARK: Time

    /// When `handleTimeout` is due next; `distantFuture` when nothing is going on.
    package var nextDeadline: Instant {
        var deadline = Instant.distantFuture
        for known in paths {
            deadline = min(deadline, known.nextAt)
            if let until = known.consentUntil { deadline = min(deadline, until) }
        }
        return deadline
    }

    /// Marks what is to be sent and gives up what was never answered; early calls do nothing.
    package func handleTimeout(at now: Instant) {
        var index = 0
        while index < paths.count {
            if let until = paths[index].consentUntil, now >= until {
                fail(index, at: now)
                continue
            }
            guard now >= paths[index].nextAt else {
                index += 1
                continue
            }
            if paths[index].check != nil {
                guard paths[index].sends < ICEController.maximumSends else {
                    fail(index, at: now)
                    continue
                }
                paths[index].sends += 1
                let sends = paths[index].sends
                let wait =
                    sends == ICEController.maximumSends ? ICEController.lastWait : ICEController.initialTimeout * (1 << Int64(sends - 1))
                paths[index].nextAt = now + wait
            } else {
                remember(Request(id: freshID(), nominates: renominates && paths[index].path == nominee), at: index)
                paths[index].nextAt = now + consentDelay()
            }
            paths[index].isDue = true
            index += 1
        }
    }

    private func fail(_ index: Int, at now: Instant) {
        let gone = paths.remove(at: index)
        let wasSelected = gone.path == selectedPath
        if wasSelected { selectedPath = nil }
        if gone.path == nominee { nominee = selectedPath }
        if paths.isEmpty {
            isDead = true
            events.append(gone.consentUntil == nil ? .timedOut : .expired)
            return
        }
        if wasSelected { events.append(.deselected) }
        nominateAny(at: now)
    }

    /// Writes the checks that are due. What finds no room in `batch` stays due.
    package func drain(into batch: DatagramBatch) {
        for index in paths.indices where paths[index].isDue {
            guard let request = paths[index].check ?? paths[index].outstanding.last else { continue }
            let sent = batch.append(to: paths[index].path) { slot in
                var writer = STUNWriter(slot, .request, transactionID: request.id)
                writer.username(requestUsername)
                writer.priority(0x6eff_ffff)  // A peer-reflexive candidate of component 1 (RFC 8445 §5.1.2.1).
                writer.role(.controlling(tieBreaker))
                if request.nominates { writer.useCandidate() }
                return writer.finish(key: remoteKey)
            }
            if sent { paths[index].isDue = false }
        }
    }

    /// The next thing that happened, oldest first; nil when all has been told.
    package func nextEvent() -> ICEEvent? { events.next() }

    private func freshID() -> STUNTransactionID {
        STUNTransactionID(high: UInt32(truncatingIfNeeded: entropy.next()), low: entropy.next())
    }

    /// 5 s × 0.8 to 1.2 (RFC 7675 §5.1).
    private func consentDelay() -> Interval {
        let fifth = ICEController.consentInterval.nanoseconds / 5
        return Interval(nanoseconds: 4 * fifth + Int64(entropy.next() % UInt64(2 * fifth)))
    }

    private func remember(_ request: Request, at index: Int) {
        if paths[index].outstanding.count >= 8 { paths[index].outstanding.removeFirst() }
        paths[index].outstanding.append(request)
    }
}
