import ICE
import MediaPrimitives
import Testing

/// The agent by itself, message by message.
@Suite struct ICEAgentTests {
    private let agent: ICEAgent
    private let batch = DatagramBatch(capacity: 16)
    private let start = Instant(nanoseconds: 5)

    init() {
        agent = ICEAgent(local: ICENetwork.agentCredentials, remote: ICENetwork.clientCredentials, at: start, entropy: .seeded(1))
    }

    private func path(_ n: UInt32, kind: Path.Kind = .udp) -> Path { ICENetwork.reversed(ICENetwork.clientPath(n, kind: kind)) }

    private func receive(_ packet: [UInt8], from n: UInt32 = 1, at time: Instant? = nil) -> ICEResult {
        agent.receive(packet.span.bytes, from: path(n), at: time ?? start, into: batch)
    }

    private func events() -> [ICEEvent] {
        var all: [ICEEvent] = []
        while let event = agent.nextEvent() { all.append(event) }
        return all
    }

    private var answer: [UInt8]? { batch.count > 0 ? Array(batch.bytes(batch.count - 1)) : nil }

    @Test("an authentic check is answered by the way it came, with the address that it came from", arguments: [Path.Kind.udp, .tcp])
    func answersCheck(kind: Path.Kind) throws {
        let request = check()
        #expect(agent.receive(request.span.bytes, from: path(1, kind: kind), at: start, into: batch) == .answered)
        let packet = try #require(answer)
        let message = try #require(packet.stun())
        #expect(batch[0].path == path(1, kind: kind))
        #expect(message.messageClass == .success)
        #expect(message.transactionID == request.stun()?.transactionID)
        #expect(message.xorMappedAddress == ICENetwork.clientPath(1).local)
        #expect(packet.isAuthentic(MessageIntegrityKey(password: ICENetwork.agentCredentials.password)))
        #expect(packet.hasValidFingerprint() == true)
        #expect(packet.count <= request.count)
        #expect(agent.isValidated(path(1, kind: kind)))
        #expect(!agent.isValidated(path(1, kind: kind == .udp ? .tcp : .udp)))
    }

    @Test("before a nomination a validated path serves the handshake, and media waits")
    func nomination() {
        #expect(agent.handshakePath == nil)
        #expect(receive(check(), from: 1) == .answered)
        #expect(receive(check(), from: 2) == .answered)
        #expect(agent.selectedPath == nil)
        #expect(agent.handshakePath == path(1))
        #expect(events() == [])
        #expect(receive(check(nominating: true), from: 2) == .answered)
        #expect(agent.selectedPath == path(2))
        #expect(agent.handshakePath == path(2))
        #expect(events() == [.selected(path(2)), .connected])
        #expect(receive(check(nominating: true), from: 2) == .answered)
        #expect(events() == [], "a repeated nomination is no news")
        #expect(receive(check(nominating: true), from: 1) == .answered)
        #expect(events() == [.selected(path(1))])
    }

    @Test(
        "what is not authentic is neither answered nor remembered",
        arguments: [
            ("another password", check(password: "another-password-of-24-ch", role: nil), DropReason.unauthenticatedSTUN),
            ("the client's own password", check(password: ICENetwork.clientCredentials.password), .unauthenticatedSTUN),
            ("an unknown peer", check(username: "SRVRfrag:clnX"), .unauthenticatedSTUN),
            ("a longer peer", check(username: "SRVRfrag:clnts"), .unauthenticatedSTUN),
            ("a shorter peer", check(username: "SRVRfrag:cln"), .unauthenticatedSTUN),
            ("swapped fragments", check(username: "clnt:SRVRfrag"), .invalidSTUN),
            ("another transport's fragment", check(username: "SRVRfraX:clnt"), .invalidSTUN),
            ("only our fragment", check(username: "SRVRfrag"), .invalidSTUN),
            ("an empty username", check(username: ""), .invalidSTUN),
            (
                "no MESSAGE-INTEGRITY", STUNMessageTests.write(.request) { $0.username(Array("SRVRfrag:clnt".utf8)) } ?? [],
                .unauthenticatedSTUN
            ),
            (
                "no USERNAME",
                STUNMessageTests.write(.request, key: MessageIntegrityKey(password: ICENetwork.agentCredentials.password)) { _ in } ?? [],
                .invalidSTUN
            ),
            (
                "not Binding",
                STUNMessageTests.write(.request, key: MessageIntegrityKey(password: ICENetwork.agentCredentials.password), method: 3) {
                    $0.username(Array("SRVRfrag:clnt".utf8))
                } ?? [], .invalidSTUN
            ),
            (
                "a response",
                STUNMessageTests.write(.success, key: MessageIntegrityKey(password: ICENetwork.agentCredentials.password)) { _ in } ?? [],
                .invalidSTUN
            ),
            ("nothing", [], .invalidSTUN),
        ])
    func unauthentic(what: String, packet: [UInt8], reason: DropReason) {
        #expect(receive(packet) == .dropped(reason), "\(what)")
        #expect(batch.count == 0)
        #expect(agent.pathCount == 0)
        #expect(agent.nextDeadline == start + .seconds(30))
    }

    @Test("no flipped bit of a check is answered, but for the type of FINGERPRINT, which then is absent")
    func flippedBits() {
        let packet = check(nominating: true)
        let typeOfFingerprint = ((packet.count - 8) * 8)..<((packet.count - 6) * 8)
        for bit in 0..<(packet.count * 8) where !typeOfFingerprint.contains(bit) {
            var flipped = packet
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            if case .dropped = receive(flipped) { continue }
            Issue.record("bit \(bit) made no difference")
        }
        #expect(agent.pathCount == 0)
    }

    @Test("100,000 messages of garbage create no state and no answer")
    func garbage() {
        let entropy = Entropy.seeded(7)
        let template = check(nominating: true)
        let before = agent.nextDeadline
        for round in 0..<100_000 {
            var packet = template
            switch round % 4 {
            case 0: packet = entropy.bytes(Int(entropy.next() % 128))
            case 1: packet[Int(entropy.next() % UInt64(packet.count - 8))] ^= UInt8(1 + entropy.next() % 255)
            case 2: packet.replaceSubrange(20..., with: entropy.bytes(packet.count - 20))
            default: packet.removeLast(1 + Int(entropy.next() % UInt64(packet.count)))
            }
            let from = ICENetwork.reversed(ICENetwork.clientPath(UInt32(truncatingIfNeeded: entropy.next() % 0xff_ffff)))
            if case .dropped = agent.receive(packet.span.bytes, from: from, at: start, into: batch) { continue }
            Issue.record("round \(round) got through")
        }
        #expect(agent.pathCount == 0)
        #expect(batch.count == 0)
        #expect(agent.nextDeadline == before)
        #expect(events() == [])
        #expect(receive(template) == .answered)
    }

    @Test("an unknown attribute that must be understood gets 420 and its name, and changes nothing")
    func unknownAttribute() throws {
        let packet = check(nominating: true) { $0.attribute(0x7ff0, [1, 2, 3]) }
        #expect(receive(packet) == .refused(code: 420))
        let answer = try #require(answer)
        #expect(answer.stun()?.errorCode == 420)
        #expect(answer.isAuthentic(MessageIntegrityKey(password: ICENetwork.agentCredentials.password)))
        #expect(answer.stunAttribute(0x000a) == [0x7f, 0xf0])
        #expect(agent.pathCount == 0)
        #expect(events() == [])
    }

    @Test(
        "what Chrome and libwebrtc add is ignored", arguments: [0xc001, 0xc057, 0xc058, 0xc059, 0xc060, 0xc070, 0xc071, 0xff00] as [UInt16])
    func optionalAttributes(type: UInt16) {
        #expect(receive(check { $0.attribute(type, [0, 0, 0, 1, 5]) }) == .answered)
    }

    @Test("a peer that claims to be controlled is told of the conflict; one that claims nothing is served")
    func roleConflict() {
        #expect(receive(check(nominating: true, role: .controlled(.max))) == .refused(code: 487))
        #expect(answer?.stun()?.errorCode == 487)
        #expect(agent.selectedPath == nil)
        #expect(receive(check(nominating: true, role: nil)) == .answered)
        #expect(agent.selectedPath == path(1))
    }

    @Test("an indication keeps nothing alive and is taken only from a validated path")
    func indications() throws {
        let indication = try #require(STUNMessageTests.write(.indication) { _ in })
        #expect(receive(indication) == .dropped(.unknownAddress))
        #expect(receive(check()) == .answered)
        let deadline = agent.nextDeadline
        #expect(receive(indication, at: start + .seconds(10)) == .ignored)
        #expect(agent.nextDeadline == deadline)
        #expect(batch.count == 1)
    }

    @Test("at most eight paths are kept: the one checked longest ago goes, never the selected one")
    func pathLimit() {
        #expect(receive(check(nominating: true), from: 1) == .answered)
        for n in 2...8 { #expect(receive(check(), from: UInt32(n), at: start + .milliseconds(Int64(n))) == .answered) }
        #expect(receive(check(), from: 2, at: start + .milliseconds(20)) == .answered)
        #expect(receive(check(), from: 9, at: start + .milliseconds(21)) == .answered)
        #expect(agent.pathCount == 8)
        #expect(agent.isValidated(path(1)))
        #expect(agent.isValidated(path(2)))
        #expect(!agent.isValidated(path(3)))
        #expect(agent.isValidated(path(9)))
        for n in 10..<1000 { #expect(receive(check(), from: UInt32(n), at: start + .seconds(1)) == .answered) }
        #expect(agent.pathCount == 8)
        _ = events()
        agent.forget(path(999))
        #expect(agent.pathCount == 7)
        #expect(agent.selectedPath == path(1))
        #expect(events() == [], "the selected path is still among them")
    }

    @Test("without a first check in 30 s the agent gives up")
    func neverChecked() {
        agent.handleTimeout(at: start + .milliseconds(29_999))
        #expect(events() == [])
        agent.handleTimeout(at: agent.nextDeadline)
        #expect(events() == [.timedOut])
        #expect(agent.nextDeadline == .distantFuture)
        #expect(receive(check()) == .dropped(.invalidSTUN))
    }

    @Test("15 s without a check is quiet, 30 s is the end, and a check between them recovers")
    func consent() {
        #expect(receive(check(nominating: true)) == .answered)
        _ = events()
        #expect(agent.nextDeadline == start + .seconds(15))
        agent.handleTimeout(at: start + .seconds(15))
        #expect(events() == [.quiet])
        agent.handleTimeout(at: start + .seconds(20))
        #expect(events() == [])
        #expect(receive(check(), at: start + .seconds(29)) == .answered)
        #expect(events() == [.recovered])
        agent.handleTimeout(at: start + .seconds(44))
        #expect(events() == [.quiet])
        #expect(agent.nextDeadline == start + .seconds(59))
        agent.handleTimeout(at: start + .seconds(59))
        #expect(events() == [.expired])
        #expect(agent.selectedPath == nil)
        #expect(!agent.isValidated(path(1)))
        #expect(agent.isDead)
    }

    @Test("a path without checks for 30 s is forgotten, the selected one too")
    func pathExpiry() {
        #expect(receive(check(nominating: true), from: 1) == .answered)
        _ = events()
        for second in 1...30 {
            let now = start + .seconds(Int64(second))
            #expect(receive(check(), from: 2, at: now) == .answered)
            agent.handleTimeout(at: now)
        }
        #expect(!agent.isValidated(path(1)))
        #expect(agent.selectedPath == nil)
        #expect(events() == [.deselected])
        #expect(receive(check(nominating: true), from: 2, at: start + .seconds(31)) == .answered)
        #expect(events() == [.selected(path(2))], "it is no first connection")
    }

    @Test("media that comes by a way checked since moves the path, and neither an overtaken packet nor an older way moves it back")
    func followsMedia() {
        agent.followMedia(from: path(1))
        #expect(receive(check(nominating: true), from: 1) == .answered)
        #expect(events() == [.selected(path(1)), .connected])
        agent.followMedia(from: path(2))
        #expect(agent.selectedPath == path(1), "a way without a check is none")
        #expect(receive(check(), from: 2, at: start + .seconds(5)) == .answered)
        #expect(agent.selectedPath == path(1), "a check alone nominates nothing")
        agent.followMedia(from: path(1))
        #expect(agent.selectedPath == path(1))
        agent.followMedia(from: path(2))
        #expect(agent.selectedPath == path(2))
        agent.followMedia(from: path(1))
        #expect(agent.selectedPath == path(2))
        #expect(events() == [.selected(path(2))])
    }

    @Test("before the first nomination media moves nothing; after the selected way has died it finds the one that lives")
    func followsMediaAfterLoss() {
        #expect(receive(check(), from: 1) == .answered)
        agent.followMedia(from: path(1))
        #expect(agent.selectedPath == nil)
        #expect(receive(check(nominating: true), from: 1) == .answered)
        #expect(receive(check(), from: 2, at: start + .seconds(29)) == .answered)
        agent.handleTimeout(at: start + .seconds(30))
        #expect(events() == [.selected(path(1)), .connected, .deselected])
        agent.followMedia(from: path(1))
        #expect(agent.selectedPath == nil)
        agent.followMedia(from: path(2))
        #expect(agent.selectedPath == path(2))
    }

    @Test("a closed connection is no path any more")
    func forget() {
        #expect(receive(check(nominating: true)) == .answered)
        _ = events()
        agent.forget(path(3))
        #expect(events() == [])
        agent.forget(path(1))
        #expect(events() == [.deselected])
        #expect(!agent.isValidated(path(1)))
    }

    @Test("a peer that flips its nomination without pause makes no queue grow")
    func flipping() {
        for round in 0..<10_000 {
            batch.removeAll()
            #expect(receive(check(nominating: true), from: UInt32(1 + round % 2)) == .answered)
        }
        #expect(events() == [.selected(path(1)), .connected, .selected(path(2))])
    }

    @Test("a full batch loses the answer, not the path")
    func fullBatch() {
        while batch.append(to: path(1), { _ in 1 }) {}
        #expect(receive(check(nominating: true)) == .answered)
        #expect(batch.refused > 0)
        #expect(agent.selectedPath == path(1))
    }
}
