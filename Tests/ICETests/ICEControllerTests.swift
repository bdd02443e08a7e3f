import ICE
import MediaPrimitives
import Testing

/// The controller against answers that are not the server's.
@Suite struct ICEControllerTests {
    private let controller: ICEController
    private let batch = DatagramBatch(capacity: 8)
    private let start = Instant(nanoseconds: 0)
    private let path = ICENetwork.clientPath(1)
    private let key = MessageIntegrityKey(password: ICENetwork.agentCredentials.password)

    init() {
        controller = ICEController(
            local: ICENetwork.clientCredentials, remote: ICENetwork.agentCredentials, path: path, at: start, entropy: .seeded(3))
        controller.handleTimeout(at: start)
        controller.drain(into: batch)
    }

    private var id: STUNTransactionID {
        (batch.count > 0 ? Array(batch.bytes(0)).stun()?.transactionID : nil) ?? STUNTransactionID(high: 0, low: 0)
    }

    private func answer(
        _ messageClass: STUNMessage.Class = .success, id: STUNTransactionID? = nil, key: MessageIntegrityKey?,
        _ more: (inout STUNWriter) -> Void = { $0.xorMappedAddress(ICENetwork.clientPath(1).local) }
    ) -> [UInt8] {
        STUNMessageTests.write(messageClass, key: key, id: id ?? self.id, more) ?? []
    }

    private func receive(_ packet: [UInt8], from other: Path? = nil) -> ICEResult {
        controller.receive(packet.span.bytes, from: other ?? path, at: start + .milliseconds(40), into: batch)
    }

    @Test("the first check says who it is for, and nominates")
    func request() throws {
        #expect(batch.count == 1)
        let packet = Array(batch.bytes(0))
        let message = try #require(packet.stun())
        #expect(message.username.map { Array(packet[$0]) } == Array("SRVRfrag:clnt".utf8))
        #expect(message.useCandidate)
        #expect(message.priority != nil)
        guard case .controlling = message.role else {
            Issue.record("not controlling")
            return
        }
        #expect(packet.isAuthentic(key))
        #expect(packet.hasValidFingerprint() == true)
    }

    @Test("only an authentic answer to an own request by the same way is taken")
    func forgedAnswers() {
        #expect(receive(answer(key: MessageIntegrityKey(password: "another"))) == .dropped(.unauthenticatedSTUN))
        #expect(receive(answer(key: nil)) == .dropped(.unauthenticatedSTUN))
        #expect(receive(answer(id: STUNTransactionID(high: 1, low: 1), key: key)) == .dropped(.invalidSTUN))
        #expect(receive(answer(key: key), from: ICENetwork.clientPath(2)) == .dropped(.unknownAddress))
        #expect(receive(answer(key: key) { $0.attribute(0x7ff0, []) }) == .dropped(.invalidSTUN))
        #expect(receive(answer(.error, key: nil) { $0.errorCode(400) }) == .dropped(.unauthenticatedSTUN))
        #expect(controller.nextEvent() == nil)
        #expect(receive(answer(key: key)) == .ignored)
        #expect(controller.nextEvent() == .selected(path))
        #expect(controller.nextEvent() == .connected)
        #expect(receive(answer(key: key)) == .ignored, "a duplicate changes nothing")
        #expect(controller.nextEvent() == nil)
    }

    @Test("an authentic error ends the check")
    func errorAnswer() {
        #expect(receive(answer(.error, key: key) { $0.errorCode(487) }) == .ignored)
        #expect(controller.nextEvent() == .refused(code: 487))
        #expect(controller.nextEvent() == .timedOut)
        #expect(controller.isDead)
    }

    @Test("checks of a full peer are answered; a peer that claims to control is told of the conflict")
    func peerChecks() throws {
        let password = ICENetwork.clientCredentials.password
        #expect(receive(check(username: "clnt:SRVRfrag", password: password, role: .controlled(1))) == .answered)
        let packet = Array(batch.bytes(1))
        #expect(packet.stun()?.messageClass == .success)
        #expect(packet.stun()?.xorMappedAddress == ICENetwork.server)
        #expect(packet.isAuthentic(MessageIntegrityKey(password: password)))
        #expect(receive(check(username: "clnt:SRVRfrag", password: password, role: .controlling(1))) == .refused(code: 487))
        #expect(receive(check(username: "clnt:SRVRfrag", password: "x", role: nil)) == .dropped(.unauthenticatedSTUN))
        #expect(receive(check()) == .dropped(.invalidSTUN))
    }

    @Test("a check that found no room is sent with the next drain")
    func fullBatch() {
        batch.removeAll()
        while batch.append(to: path, { _ in 1 }) {}
        controller.handleTimeout(at: start + .milliseconds(500))
        controller.drain(into: batch)
        #expect(batch.refused > 0)
        batch.removeAll()
        controller.drain(into: batch)
        #expect(batch.count == 1)
        controller.drain(into: batch)
        #expect(batch.count == 1)
    }
}
