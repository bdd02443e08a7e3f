import ICE
import MediaPrimitives
import Testing

/// RFC 8445 §9: new credentials, while media goes on.
@Suite struct ICERestartTests {
    private static let second = ICECredentials(ufrag: "SRVR2222", password: "second-password-of-24-chr")
    private static let secondClient = ICECredentials(ufrag: "cln2", password: "second-client-password-24")

    private let agent: ICEAgent
    private let batch = DatagramBatch(capacity: 64)
    private let start = Instant(nanoseconds: 0)

    init() {
        agent = ICEAgent(local: ICENetwork.agentCredentials, remote: ICENetwork.clientCredentials, at: start, entropy: .seeded(1))
    }

    private func path(_ n: UInt32) -> Path { ICENetwork.reversed(ICENetwork.clientPath(n)) }

    private func receive(_ packet: [UInt8], from n: UInt32, after: Interval) -> ICEResult {
        agent.receive(packet.span.bytes, from: path(n), at: start + after, into: batch)
    }

    private func newCheck(nominating: Bool = false) -> [UInt8] {
        check(username: "SRVR2222:cln2", password: ICERestartTests.second.password, nominating: nominating)
    }

    private func events() -> [ICEEvent] {
        var all: [ICEEvent] = []
        while let event = agent.nextEvent() { all.append(event) }
        return all
    }

    @Test("the old pair works until the new credentials have nominated one, and 3 s longer")
    func overlap() {
        #expect(receive(check(nominating: true), from: 1, after: .zero) == .answered)
        agent.restart(local: ICERestartTests.second, remote: ICERestartTests.secondClient, at: start + .seconds(1))
        #expect(agent.local == ICERestartTests.second)
        #expect(agent.selectedPath == path(1))
        // Both are good, each with its own password and peer.
        #expect(receive(check(nominating: true), from: 1, after: .seconds(10)) == .answered)
        #expect(receive(newCheck(), from: 2, after: .seconds(10)) == .answered)
        #expect(
            receive(check(username: "SRVR2222:cln2"), from: 2, after: .seconds(10)) == .dropped(.unauthenticatedSTUN),
            "the old password does not open the new fragment")
        #expect(
            receive(check(username: "SRVR2222:clnt", password: ICERestartTests.second.password), from: 2, after: .seconds(10))
                == .dropped(.unauthenticatedSTUN))
        #expect(agent.selectedPath == path(1))
        #expect(receive(newCheck(nominating: true), from: 2, after: .seconds(11)) == .answered)
        #expect(events() == [.selected(path(1)), .connected, .selected(path(2))])
        #expect(receive(check(nominating: true), from: 1, after: .seconds(12)) == .answered)
        #expect(agent.selectedPath == path(2), "a late check with old credentials nominates nothing")
        agent.followMedia(from: path(1))
        #expect(agent.selectedPath == path(2), "and media behind it moves nothing")
        #expect(agent.nextDeadline == start + .seconds(14))
        agent.handleTimeout(at: start + .seconds(14))
        #expect(events() == [.retired(ufrag: "SRVRfrag")])
        #expect(receive(check(nominating: true), from: 1, after: .seconds(15)) == .dropped(.invalidSTUN))
        #expect(!agent.isValidated(path(1)))
        #expect(agent.isValidated(path(2)))
    }

    @Test("a restart on the same path keeps the path and retires the credentials")
    func samePath() {
        #expect(receive(check(nominating: true), from: 1, after: .zero) == .answered)
        agent.restart(local: ICERestartTests.second, remote: ICERestartTests.secondClient, at: start + .seconds(1))
        #expect(receive(newCheck(nominating: true), from: 1, after: .seconds(2)) == .answered)
        agent.handleTimeout(at: start + .seconds(5))
        #expect(events() == [.selected(path(1)), .connected, .retired(ufrag: "SRVRfrag")])
        #expect(agent.isValidated(path(1)))
        #expect(agent.selectedPath == path(1))
    }

    @Test("a restart that comes to nothing is replaced by the next one, and the old pair still works")
    func abandoned() {
        #expect(receive(check(nominating: true), from: 1, after: .zero) == .answered)
        _ = events()
        let third = ICECredentials(ufrag: "SRVR3333", password: "third-password-of-24-chrs")
        agent.restart(local: ICERestartTests.second, remote: ICERestartTests.secondClient, at: start + .seconds(1))
        agent.restart(local: third, remote: ICERestartTests.secondClient, at: start + .seconds(2))
        #expect(events() == [.retired(ufrag: "SRVR2222")])
        #expect(receive(newCheck(), from: 2, after: .seconds(3)) == .dropped(.invalidSTUN))
        #expect(receive(check(), from: 1, after: .seconds(3)) == .answered)
        #expect(
            receive(check(username: "SRVR3333:cln2", password: third.password, nominating: true), from: 2, after: .seconds(3)) == .answered)
        agent.handleTimeout(at: start + .seconds(6))
        #expect(events() == [.selected(path(2)), .retired(ufrag: "SRVRfrag")])
    }

    @Test("a second restart within the overlap retires the first credentials at once")
    func quickSuccession() {
        #expect(receive(check(nominating: true), from: 1, after: .zero) == .answered)
        agent.restart(local: ICERestartTests.second, remote: ICERestartTests.secondClient, at: start + .seconds(1))
        #expect(receive(newCheck(nominating: true), from: 1, after: .seconds(2)) == .answered)
        _ = events()
        let third = ICECredentials(ufrag: "SRVR3333", password: "third-password-of-24-chrs")
        agent.restart(local: third, remote: ICERestartTests.secondClient, at: start + .seconds(3))
        #expect(events() == [.retired(ufrag: "SRVRfrag")])
        #expect(receive(newCheck(nominating: true), from: 1, after: .seconds(4)) == .answered)
        agent.handleTimeout(at: start + .seconds(6))
        #expect(events() == [], "the second credentials stay until the third have nominated")
        #expect(receive(check(), from: 1, after: .seconds(7)) == .dropped(.invalidSTUN))
    }

    @Test("a hundred restarts before any check keep two generations, and the clock starts anew")
    func many() {
        for n in 1...100 {
            let credentials = ICECredentials(ufrag: "frag\(n)", password: "password-number-\(n)-of-many")
            agent.restart(local: credentials, remote: ICENetwork.clientCredentials, at: start + .seconds(Int64(n)))
        }
        #expect(events().count == 99)
        #expect(agent.nextDeadline == start + .seconds(130))
        #expect(
            receive(check(username: "frag100:clnt", password: "password-number-100-of-many"), from: 1, after: .seconds(101)) == .answered)
        #expect(
            receive(check(username: "frag99:clnt", password: "password-number-99-of-many"), from: 1, after: .seconds(101))
                == .dropped(.invalidSTUN))
    }
}
