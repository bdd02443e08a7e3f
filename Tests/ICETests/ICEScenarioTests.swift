import ICE
import MediaPrimitives
import Testing

/// Agent and controller over a network in virtual time.
@Suite struct ICEScenarioTests {
    private func client(_ n: UInt32, kind: Path.Kind = .udp) -> Path { ICENetwork.clientPath(n, kind: kind) }
    private func server(_ n: UInt32, kind: Path.Kind = .udp) -> Path { ICENetwork.reversed(ICENetwork.clientPath(n, kind: kind)) }

    @Test("a client connects in one round trip and stays connected for an hour", arguments: [Path.Kind.udp, .tcp])
    func connects(kind: Path.Kind) {
        let network = ICENetwork(path: client(1, kind: kind))
        network.run(for: .milliseconds(39))
        #expect(network.controllerEvents == [])
        network.run(for: .milliseconds(1))
        #expect(network.controllerEvents == [.selected(client(1, kind: kind)), .connected])
        #expect(network.agentEvents == [.selected(server(1, kind: kind)), .connected])
        #expect(network.controller.reflexiveAddress == client(1).local)
        network.run(for: .seconds(3600))
        #expect(network.controllerEvents.count == 2)
        #expect(network.agentEvents.count == 2)
        // A consent check every 4 to 6 s, 5 on average.
        #expect((700...740).contains(network.requests.count), "\(network.requests.count)")
        let gaps = zip(network.requests.dropFirst(), network.requests.dropFirst(2)).map { $1.at - $0.at }
        #expect(gaps.allSatisfy { $0 >= .seconds(4) && $0 <= .seconds(6) })
    }

    @Test("a fifth of all datagrams lost only delays the connection, and consent survives a twentieth")
    func loss() {
        var resent = 0
        for seed: UInt64 in 1...20 {
            let network = ICENetwork(seed: seed)
            network.loss = 20
            network.run(for: .seconds(20))
            if network.requests.prefix(2).map(\.message.transactionID).reduce(into: Set(), { $0.insert($1) }).count == 1 { resent += 1 }
            #expect(network.controllerEvents == [.selected(client(1)), .connected], "seed \(seed)")
            network.loss = 5
            network.run(for: .seconds(300))
            #expect(network.controller.selectedPath == client(1), "seed \(seed)")
            #expect(network.agent.selectedPath == server(1), "seed \(seed)")
        }
        #expect(resent >= 4, "the first check or its answer is lost in 36% of the runs")
    }

    @Test("an unanswered check is sent seven times, after 500 ms doubling, and given up 8 s after the last")
    func retransmission() {
        let network = ICENetwork()
        network.passes = { _ in false }
        let start = network.now
        network.run(for: .seconds(60))
        #expect(network.requests.map { ($0.at - start).milliseconds } == [0, 500, 1500, 3500, 7500, 15500, 31500])
        #expect(Set(network.requests.map(\.message.transactionID)).count == 1, "resent, not renewed")
        #expect(network.controllerEvents == [.timedOut])
        #expect(network.controller.isDead)
        #expect(network.agentEvents == [.timedOut])
        #expect(network.controller.nextDeadline == .distantFuture)
    }

    @Test("a network that breaks ends both sides: quiet after 15 s, expired after 30 s")
    func blackHole() {
        let network = ICENetwork()
        network.run(for: .seconds(10))
        network.passes = { _ in false }
        network.run(for: .seconds(60))
        #expect(network.agentEvents.suffix(2) == [.quiet, .expired])
        #expect(network.controllerEvents.last == .expired)
        #expect(network.agent.isDead)
        #expect(network.agent.nextDeadline == .distantFuture)
    }

    @Test("a network that comes back after 20 s keeps the connection")
    func shortBlackHole() {
        let network = ICENetwork()
        network.run(for: .seconds(10))
        network.passes = { _ in false }
        network.run(for: .seconds(20))
        network.passes = { _ in true }
        network.run(for: .seconds(60))
        #expect(network.agentEvents.suffix(2) == [.quiet, .recovered])
        #expect(network.agent.selectedPath == server(1))
        #expect(network.controller.selectedPath == client(1))
        #expect(network.controllerEvents.count == 2)
    }

    @Test("a client that changes its address is followed, and may go back")
    func pathChange() {
        let network = ICENetwork()
        network.run(for: .seconds(3))
        #expect(network.controller.check(client(2), at: network.now))
        network.run(for: .milliseconds(20))
        #expect(network.agent.selectedPath == server(2), "half a round trip later media goes the new way")
        network.run(for: .seconds(3))
        #expect(network.controllerEvents.last == .selected(client(2)))
        network.passes = { $0 == ICENetwork.clientPath(2) }
        network.run(for: .seconds(60))
        #expect(network.agent.selectedPath == server(2))
        #expect(!network.agent.isValidated(server(1)), "the old way is forgotten after 30 s")
        #expect(network.agent.pathCount == 1)
        network.passes = { _ in true }
        #expect(network.controller.check(client(1), at: network.now))
        network.run(for: .seconds(1))
        #expect(network.agent.selectedPath == server(1))
        #expect(network.controller.selectedPath == client(1))
    }

    @Test("a path that is only checked does not take the media until it is nominated")
    func renomination() {
        let network = ICENetwork()
        network.run(for: .seconds(1))
        network.controller.check(client(2), nominating: false, at: network.now)
        network.run(for: .seconds(20))
        #expect(network.agent.isValidated(server(2)))
        #expect(network.agent.selectedPath == server(1))
        #expect(network.controller.selectedPath == client(1))
        network.controller.check(client(2), nominating: true, at: network.now)
        network.run(for: .seconds(20))
        #expect(network.agent.selectedPath == server(2), "and the consent checks of the old path nominate no more")
        #expect(network.agentEvents == [.selected(server(1)), .connected, .selected(server(2))])
    }

    @Test("new checks start 50 ms apart, and a client knows eight paths")
    func pacing() {
        let network = ICENetwork()
        for n in 2...8 { #expect(network.controller.check(client(UInt32(n)), nominating: false, at: network.now)) }
        #expect(!network.controller.check(client(9), at: network.now))
        let start = network.now
        network.run(for: .milliseconds(499))
        #expect(network.requests.map { ($0.at - start).milliseconds } == [0, 50, 100, 150, 200, 250, 300, 350])
        #expect(network.agent.pathCount == 8)
    }

    @Test("both sides restart in the middle of a call, with loss, without media stopping", arguments: 1...10 as ClosedRange<UInt64>)
    func restart(seed: UInt64) {
        let network = ICENetwork(seed: seed)
        network.run(for: .seconds(5))
        network.loss = 20
        let local = ICECredentials.random(.seeded(seed))
        let remote = ICECredentials.random(.seeded(seed + 100))
        network.agent.restart(local: local, remote: remote, at: network.now)
        network.run(for: .seconds(2))
        #expect(network.agent.selectedPath == server(1))
        network.controller.restart(local: remote, remote: local, at: network.now)
        network.run(for: .seconds(60))
        #expect(network.agent.selectedPath == server(1))
        #expect(network.controller.selectedPath == client(1))
        #expect(network.agentEvents.filter { $0 == .retired(ufrag: "SRVRfrag") }.count == 1)
        #expect(!network.agentEvents.contains(.deselected))
        #expect(network.agent.local == local)
    }

    @Test("a wrong password on either side connects nobody")
    func wrongPassword() {
        let wrong = ICECredentials(ufrag: "SRVRfrag", password: "not-the-password-of-24-ch")
        let network = ICENetwork(clientRemote: wrong)
        network.run(for: .seconds(60))
        #expect(network.agentEvents == [.timedOut])
        #expect(network.controllerEvents == [.timedOut])
        #expect(network.agentResults.prefix(6).allSatisfy { $0 == .dropped(.unauthenticatedSTUN) }, "the seventh comes after the end")
    }

    @Test("swapped fragments connect nobody")
    func swapped() {
        let network = ICENetwork(
            clientLocal: ICENetwork.agentCredentials,
            clientRemote: ICECredentials(ufrag: "clnt", password: ICENetwork.agentCredentials.password))
        network.run(for: .seconds(60))
        #expect(network.agentEvents == [.timedOut])
        #expect(network.agentResults.allSatisfy { $0 == .dropped(.invalidSTUN) })
    }

    @Test("the same seed gives the same run")
    func repeats() {
        let times = (0..<2).map { _ in
            let network = ICENetwork(seed: 42)
            network.loss = 30
            network.run(for: .seconds(300))
            return network.requests.map(\.at)
        }
        #expect(times[0] == times[1])
        #expect(times[0].count > 10)
    }

    @Test("of several ways the first that is answered is nominated, and another when that one dies")
    func firstAnswered() {
        let network = ICENetwork(nominating: false)
        network.passes = { $0 != ICENetwork.clientPath(1) }
        for n: UInt32 in 2...4 { network.controller.check(client(n), nominating: false, at: network.now) }
        network.run(for: .seconds(2))
        #expect(network.controllerEvents == [.selected(client(2)), .connected])
        #expect(network.agentEvents == [.selected(server(2)), .connected])
        network.passes = { $0 == ICENetwork.clientPath(4) }
        network.run(for: .seconds(60))
        #expect(network.controllerEvents.dropFirst(2) == [.deselected, .selected(client(4))])
        #expect(network.agentEvents.last == .selected(server(4)))
        #expect(network.agent.pathCount == 1)
        network.controller.forget(client(4), at: network.now)
        network.run(for: .seconds(1))
        #expect(network.controllerEvents.last == .expired)
    }

    @Test("a nomination that overtakes another wins on both sides, although the first is still being resent")
    func overtakenNomination() {
        let network = ICENetwork()
        network.run(for: .seconds(1))
        // The answers of path 2 are lost, its requests are not: the agent follows, the controller hears nothing.
        var lost = 0
        network.passesToClient = { path in
            if path == ICENetwork.clientPath(2) { lost += 1 }
            return path != ICENetwork.clientPath(2)
        }
        network.controller.check(client(2), at: network.now)
        network.run(for: .milliseconds(100))
        #expect(network.agent.selectedPath == server(2))
        network.controller.check(client(3), at: network.now)
        network.run(for: .seconds(30))
        #expect(lost > 3, "path 2 was checked on")
        #expect(network.agent.selectedPath == server(3))
        #expect(network.controller.selectedPath == client(3))
        #expect(network.agentEvents.filter { $0 == .selected(server(2)) }.count == 1)
        #expect(network.agentEvents.filter { $0 == .selected(server(1)) }.count == 1)
    }

    @Test("a connection that died is won back by a restart")
    func revival() {
        let network = ICENetwork()
        network.run(for: .seconds(5))
        network.passes = { _ in false }
        network.run(for: .seconds(40))
        #expect(network.agent.isDead)
        network.passes = { _ in true }
        let local = ICECredentials.random(.seeded(1))
        let remote = ICECredentials.random(.seeded(2))
        network.agent.restart(local: local, remote: remote, at: network.now)
        #expect(network.agent.nextDeadline == network.now + .seconds(30))
        let batch = DatagramBatch(capacity: 4)
        let packet = check(username: "\(local.ufrag):\(remote.ufrag)", password: local.password, nominating: true)
        #expect(network.agent.receive(check().span.bytes, from: server(1), at: network.now, into: batch) == .dropped(.invalidSTUN))
        #expect(network.agent.receive(packet.span.bytes, from: server(1), at: network.now, into: batch) == .answered)
        #expect(network.agent.selectedPath == server(1))
        network.run(for: .seconds(1))
        #expect(network.agentEvents.suffix(3) == [.expired, .retired(ufrag: "SRVRfrag"), .selected(server(1))])
    }
}
