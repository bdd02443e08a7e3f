import MediaPrimitives

/// The server's side of ICE: a lite agent (RFC 8445 §2.5), which sends no checks of its own and answers the peer's.
///
///     checks from anywhere ──▶ authentic? ──▶ path known (at most 8) ──USE-CANDIDATE──▶ selected: media goes there
///                                  │ no
///                                  └──▶ dropped: no answer, no state
///
/// Being lite, it is always controlled; a peer that is lite too is out of scope (nobody would check), and a peer that claims to be controlled
/// is told 487 and changes its role. Authentic requests are the pulse (RFC 7675 asks the peer for them every 5 s): 15 s without is `quiet`,
/// 30 s is `expired`. The latest nomination counts, as clients renominate when their network changes; and where a NAT has moved the peer
/// without its knowledge, `followMedia`. TCP paths are paths like others.
///
/// A path is believed when a check with our password came by it. A participant can therefore have media sent to an address that it can spoof;
/// a full agent would check back (not done: consequence of being lite).
///
/// Contract: hand in `receive`, call `handleTimeout` at `nextDeadline`, read `nextEvent()` after both. `now` never goes back.
package final class ICEAgent {
    package static let maximumPaths = 8
    package static let quietAfter = Interval.seconds(15)
    package static let expiryAfter = Interval.seconds(30)
    /// How long replaced credentials are still accepted after the new ones have nominated a path.
    package static let restartOverlap = Interval.seconds(3)

    private struct ValidatedPath {
        var path: Path
        /// When the last authentic check came by it.
        var checkedAt: Instant
        /// With which credentials.
        var generation: UInt32
    }

    /// Where media goes: the path that the peer nominated last. Nil before the first nomination, and after that path has lost consent.
    @exclusivity(unchecked)  // Asked for each packet either way; nothing is called while it is set.
    package private(set) var selectedPath: Path?
    /// The credentials that the peer should use now.
    package var local: ICECredentials { current.local }
    package var remote: ICECredentials { current.remote }
    /// After `expired` or `timedOut`: everything is dropped, until a restart.
    package private(set) var isDead = false
    /// How many paths are validated, at most 8.
    package var pathCount: Int { paths.count }

    private var paths: [ValidatedPath] = []
    private var current: ICEGeneration
    /// Before a restart; accepted until the new credentials have nominated a path, and `restartOverlap` longer.
    private var previous: ICEGeneration?
    private var retirePreviousAt: Instant?
    /// The generation that made the last nomination.
    private var selectedGeneration: UInt32?
    private var openedAt: Instant
    private var checkedAt: Instant?
    private var isQuiet = false
    private var events = ICEEventQueue()
    private var wasConnected = false

    /// `entropy` is for the checks of a full agent; a lite one draws nothing from it.
    package init(local: ICECredentials, remote: ICECredentials, at now: Instant, entropy: Entropy) {
        current = ICEGeneration(number: 0, local: local, remote: remote)
        openedAt = now
        paths.reserveCapacity(ICEAgent.maximumPaths)
    }

    // MARK: Packets

    /// Takes one STUN message that came by `path`; an answer goes into `batch` at once. What is not authentic changes nothing.
    package func receive(_ packet: RawSpan, from path: Path, at now: Instant, into batch: DatagramBatch) -> ICEResult {
        guard !isDead, let message = STUNMessage(packet), message.method == STUNMessage.bindingMethod else { return .dropped(.invalidSTUN) }
        // RFC 8445 §7 demands FINGERPRINT; one that is missing proves nothing against the sender, one that is wrong does.
        if message.isFingerprintValid(in: packet) == false { return .dropped(.unauthenticatedSTUN) }
        switch message.messageClass {
        case .request:
            return receiveCheck(message, packet, from: path, at: now, into: batch)
        case .indication:
            // Keeps a NAT's binding open (RFC 8445 §11). Anybody can send one, so it is no consent.
            return isValidated(path) ? .ignored : .dropped(.unknownAddress)
        case .success, .error:
            return .dropped(.invalidSTUN)
        }
    }

    private func receiveCheck(
        _ message: STUNMessage, _ packet: RawSpan, from path: Path, at now: Instant, into batch: DatagramBatch
    ) -> ICEResult {
        var generation = current
        var verdict = current.authenticate(message, in: packet)
        if verdict == .foreign, let previous {
            generation = previous
            verdict = previous.authenticate(message, in: packet)
        }
        switch verdict {
        case .foreign: return .dropped(.invalidSTUN)
        case .forged: return .dropped(.unauthenticatedSTUN)
        case .authentic: break
        }
        var hasRoleConflict = false
        if case .controlled = message.role { hasRoleConflict = true }
        let result = generation.answer(message, by: path, hasRoleConflict: hasRoleConflict, into: batch)
        if result == .answered { validate(path, at: now, generation: generation.number, nominated: message.useCandidate) }
        return result
    }

    private func validate(_ path: Path, at now: Instant, generation: UInt32, nominated: Bool) {
        checkedAt = now
        if isQuiet {
            isQuiet = false
            events.append(.recovered)
        }
        if let index = paths.firstIndex(where: { $0.path == path }) {
            paths[index].checkedAt = now
            paths[index].generation = max(generation, paths[index].generation)
        } else {
            if paths.count >= ICEAgent.maximumPaths { evictOldest() }
            paths.append(ValidatedPath(path: path, checkedAt: now, generation: generation))
        }
        if nominated { select(path, generation: generation, at: now) }
    }

    private func evictOldest() {
        var oldest: Int?
        for index in paths.indices where paths[index].path != selectedPath {
            if let known = oldest, paths[known].checkedAt <= paths[index].checkedAt { continue }
            oldest = index
        }
        if let oldest { paths.remove(at: oldest) }
    }

    private func select(_ path: Path, generation: UInt32, at now: Instant) {
        // A late check with the old credentials must not undo what the new ones nominated.
        if let selectedGeneration, generation < selectedGeneration { return }
        if generation == current.number, selectedGeneration != generation, previous != nil {
            retirePreviousAt = now + ICEAgent.restartOverlap
        }
        selectedGeneration = generation
        if path != selectedPath {
            selectedPath = path
            events.append(.selected(path))
        }
        if !wasConnected {
            wasConnected = true
            events.append(.connected)
        }
    }

    // MARK: Paths

    /// Whether an authentic check came by `path` within the last 30 s: only then may anything but STUN be taken from it or sent to it.
    package func isValidated(_ path: Path) -> Bool {
        // Nearly every packet comes by the selected path, and that one is always validated.
        path == selectedPath || paths.contains { $0.path == path }
    }

    /// Authentic media came by `path`. A peer sends where it has nominated, so that it comes by another way only if a NAT has given the peer
    /// another address unnoticed: the checks by which it keeps consent now come from there, but nominate nothing (Firefox's do not). Media
    /// follows as soon as one of them has come, and never to a way that was checked less lately: a packet that was overtaken is no move.
    package func followMedia(from path: Path) {
        if path == selectedPath || !wasConnected { return }
        guard let known = paths.first(where: { $0.path == path }), known.generation == selectedGeneration else { return }
        if let selected = paths.first(where: { $0.path == selectedPath }), selected.checkedAt >= known.checkedAt { return }
        selectedPath = path
        events.append(.selected(path))
    }

    /// Where DTLS is answered: the selected path, or before a nomination the first validated one.
    package var handshakePath: Path? { selectedPath ?? paths.first?.path }

    /// Forgets a path that is no more: a TCP connection that was closed.
    package func forget(_ path: Path) {
        paths.removeAll { $0.path == path }
        deselectIfGone()
    }

    private func deselectIfGone() {
        guard let selectedPath, !paths.contains(where: { $0.path == selectedPath }) else { return }
        self.selectedPath = nil
        events.append(.deselected)
    }

    // MARK: Restart

    /// New credentials (RFC 8445 §9). Media stays where it is and the old credentials stay good until the new ones have nominated a path, and
    /// 3 s longer; then `retired` tells that the old fragment is free. A restart before the last one has come to anything replaces that one.
    /// A dead agent starts over: once consent is lost, only a restart may win it back (RFC 7675 §5.1).
    package func restart(local: ICECredentials, remote: ICECredentials, at now: Instant) {
        let next = ICEGeneration(number: current.number &+ 1, local: local, remote: remote)
        if isDead {
            let gone = current
            current = next
            retirePrevious()
            retire(gone)
            isDead = false
            isQuiet = false
            checkedAt = nil
        } else if previous == nil || selectedGeneration == current.number {
            retirePrevious()
            previous = current
            current = next
        } else {
            let abandoned = current
            current = next
            retire(abandoned)
        }
        retirePreviousAt = nil
        if checkedAt == nil { openedAt = now }
    }

    private func retirePrevious() {
        retirePreviousAt = nil
        guard let gone = previous else { return }
        previous = nil
        retire(gone)
    }

    private func retire(_ gone: ICEGeneration) {
        let isStillUsed = gone.local.ufrag == current.local.ufrag || gone.local.ufrag == previous?.local.ufrag
        if !isStillUsed { events.append(.retired(ufrag: gone.local.ufrag)) }
    }

    // MARK: Time

    /// When `handleTimeout` is due next; `distantFuture` once dead.
    package var nextDeadline: Instant {
        if isDead { return .distantFuture }
        guard let checkedAt else { return openedAt + ICEAgent.expiryAfter }
        var deadline = checkedAt + (isQuiet ? ICEAgent.expiryAfter : ICEAgent.quietAfter)
        if let retirePreviousAt { deadline = min(deadline, retirePreviousAt) }
        for known in paths { deadline = min(deadline, known.checkedAt + ICEAgent.expiryAfter) }
        return deadline
    }

    /// Does what is due; early calls do nothing.
    package func handleTimeout(at now: Instant) {
        if isDead { return }
        guard let checkedAt else {
            if now >= openedAt + ICEAgent.expiryAfter { die(.timedOut) }
            return
        }
        if now >= checkedAt + ICEAgent.expiryAfter {
            die(.expired)
            return
        }
        if !isQuiet, now >= checkedAt + ICEAgent.quietAfter {
            isQuiet = true
            events.append(.quiet)
        }
        if let due = retirePreviousAt, now >= due {
            paths.removeAll { $0.generation < current.number && $0.path != selectedPath }
            retirePrevious()
        }
        if paths.contains(where: { now >= $0.checkedAt + ICEAgent.expiryAfter }) {
            paths.removeAll { now >= $0.checkedAt + ICEAgent.expiryAfter }
            deselectIfGone()
        }
    }

    private func die(_ event: ICEEvent) {
        isDead = true
        selectedPath = nil
        paths.removeAll()
        events.append(event)
    }

    /// The next thing that happened, oldest first; nil when all has been told.
    package func nextEvent() -> ICEEvent? { events.next() }
}
