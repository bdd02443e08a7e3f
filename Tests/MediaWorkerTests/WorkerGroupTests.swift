import Glibc
import HeadlessClients
import ICE
import MediaPrimitives
import MediaSecurity
import MediaWorker
import RTP
import Rooms
import Simulation
import TestSockets
import Testing

/// Several workers on one port of loopback, and clients on them.
private struct GroupBench {
    let group: WorkerGroup
    private let certificate: Certificate
    private let clientCertificate: Certificate
    private let entropy = Entropy.system()
    static let track = TrackReference(
        id: TrackID(rawValue: 5), worker: 0,
        parameters: RTPParameters(mid: "0", kind: .audio, codecs: [LoopbackClient.codec], extensions: LoopbackClient.extensions))

    init(count: Int, address: SocketAddress = .v4(), ringCapacity: Int = 512 * 1_024) throws {
        certificate = try Certificate.generate()
        clientCertificate = try Certificate.generate()
        group = try WorkerGroup(
            count: count, WorkerConfiguration(addresses: [address], tcpPort: 0), certificate: certificate, ringCapacity: ringCapacity)
    }

    /// A client of a participant on `worker`, connected.
    func join(
        on worker: Int, receiving: [ReceivingSection] = [], sending: [SendingSection] = []
    ) async throws -> (id: ParticipantID, client: LoopbackClient) {
        let (local, remote) = (ICECredentials.random(entropy, worker: worker), ICECredentials.random(entropy))
        let id = try await group.workers[worker].open(
            ParticipantParameters(
                room: "room", identity: "somebody", hidden: false, cname: "name",
                transport: TransportParameters(local: local, remote: remote, fingerprints: [clientCertificate.fingerprint], role: .server),
                receiving: receiving, sending: sending))
        #expect(id.worker == worker)
        let client = try LoopbackClient(
            TransportParameters(local: remote, remote: local, fingerprints: [certificate.fingerprint], role: .client),
            certificate: clientCertificate, server: group.udpAddresses[0])
        #expect(client.run { client.transport.isConnected })
        return (id, client)
    }

    func publisher(on worker: Int) async throws -> (id: ParticipantID, client: LoopbackClient) {
        try await join(
            on: worker, receiving: [ReceivingSection(track: GroupBench.track.id, parameters: GroupBench.track.parameters)])
    }

    func viewer(on worker: Int) async throws -> (id: ParticipantID, client: LoopbackClient) {
        var parameters = GroupBench.track.parameters
        parameters.streams = [RTPParameters.Stream(ssrc: SSRC(9))]
        return try await join(on: worker, sending: [SendingSection(parameters: parameters, source: GroupBench.track)])
    }

    /// A client of the first worker's, made by `join`, whose datagrams arrive at another one. The kernel chooses by address: a few ports until it
    /// chooses wrong.
    func misplaced(_ join: () async throws -> (id: ParticipantID, client: LoopbackClient)) async throws -> LoopbackClient {
        for _ in 0..<30 {
            let before = await group.workers[0].statistics().handedOverIn
            let (id, client) = try await join()
            if await group.workers[0].statistics().handedOverIn > before { return client }
            await group.workers[0].close(id, reason: "it arrives where it belongs")
        }
        return try #require(nil, "the kernel has always chosen right")
    }
}

@Suite("Workers that share a port", .timeLimit(.minutes(1)))
struct WorkerGroupTests {
    @Test("all are bound to the same address, which nobody else may have")
    func port() async throws {
        let bench = try GroupBench(count: 3, address: .v4(78))
        let address = try #require(bench.group.udpAddresses.first)
        #expect(bench.group.workers.allSatisfy { $0.udpAddresses == [address] })
        #expect(bench.group.workers.map(\.tcpAddresses.count) == [1, 0, 0])
        let certificate = try Certificate.generate()
        do throws(WorkerError) {
            _ = try WorkerGroup(
                count: 2, WorkerConfiguration(addresses: [address], tcpPort: nil), certificate: certificate)
            Issue.record("two servers share a port")
        } catch {
            guard case .bind(let failure) = error else {
                Issue.record("no bind error: \(error)")
                return
            }
            #expect(failure.address == address && failure.code == EADDRINUSE)
        }
        await bench.group.stop()
        let next = try WorkerGroup(count: 2, WorkerConfiguration(addresses: [address], tcpPort: nil), certificate: Certificate.generate())
        await next.stop()
    }

    @Test("a participant whose datagrams arrive at the wrong worker connects, and its media flows", arguments: [0, 1])
    func handOver(_ worker: Int) async throws {
        let bench = try GroupBench(count: 2)
        let camera = try await bench.misplaced { try await bench.publisher(on: 0) }
        let (_, viewer) = try await bench.viewer(on: worker)
        for _ in 0..<200 {
            camera.speak()
            usleep(500)
        }
        #expect(viewer.run { viewer.received.count >= 150 })
        // Whole and in order, whatever the beginning was.
        #expect(zip(viewer.received, viewer.received.dropFirst()).allSatisfy { $1 == $0 &+ 1 })
        // The viewer may have seen enough before the workers have seen all; if they never do, the suite's time limit cancels this.
        var figures: [WorkerStatistics] = []
        repeat {
            try Task.checkCancellation()
            figures = [await bench.group.workers[0].statistics(), await bench.group.workers[1].statistics()]
        } while figures[0].handedOverIn < 200 || figures[1].relayedIn != figures[0].relayedOut
        #expect(figures[1].handedOverOut >= 200)
        #expect(figures[1].relays == worker)
        #expect(worker == 0 ? figures[1].relayedIn == 0 : figures[1].relayedIn >= 150)
        #expect(figures.allSatisfy { $0.ringDrops == 0 })
        await bench.group.stop()
    }

    @Test("feedback that arrives at the wrong worker is heard by one that sleeps, too")
    func feedback() async throws {
        let bench = try GroupBench(count: 2)
        let (_, camera) = try await bench.publisher(on: 0)
        let viewer = try await bench.misplaced { try await bench.viewer(on: 0) }
        for _ in 0..<20 { camera.speak() }
        #expect(viewer.run { viewer.received.count >= 15 })
        _ = viewer.run(for: .milliseconds(200))
        // Nothing else wakes the worker now but its timers, which are slow.
        let start = LoopbackClient.now
        for number in viewer.received.suffix(15) {
            let before = viewer.datagrams
            viewer.ask(for: number, of: SSRC(9))
            #expect(viewer.run { viewer.datagrams > before })
        }
        #expect(LoopbackClient.now - start < .seconds(1))
        await bench.group.stop()
    }

    @Test("viewers on all workers get the same track")
    func everywhere() async throws {
        let bench = try GroupBench(count: 3)
        let (id, camera) = try await bench.publisher(on: 0)
        var viewers: [LoopbackClient] = []
        for number in 0..<9 { viewers.append(try await bench.viewer(on: number % 3).client) }
        for _ in 0..<100 {
            camera.speak()
            usleep(500)
        }
        for viewer in viewers { #expect(viewer.run { viewer.received.count >= 80 }) }
        await bench.group.workers[0].close(id, reason: "enough")
        var relays = 1
        while relays > 0 {
            relays = await bench.group.workers[1].statistics().relays
            usleep(1_000)
        }
        await bench.group.stop()
    }

    @Test("whatever worker its datagrams arrive at, none of who joins is lost")
    func joining() async throws {
        let bench = try GroupBench(count: 3)
        var dropped: UInt64 = 0
        for number in 0..<60 { _ = try await bench.viewer(on: number % 3) }
        for worker in bench.group.workers {
            let figures = await worker.statistics()
            dropped += figures.counters.dropped(.unknownAddress)
            #expect(figures.handedOverOut > 0)
        }
        #expect(dropped == 0)
        await bench.group.stop()
    }

    @Test("rings that are too small for what is sent lose some of it, and nothing else")
    func smallRings() async throws {
        let bench = try GroupBench(count: 2, ringCapacity: 8 * 1_024)
        let (_, camera) = try await bench.publisher(on: 0)
        let (_, viewer) = try await bench.viewer(on: 1)
        var lost: UInt64 = 0
        for _ in 0..<200 where lost == 0 {
            for _ in 0..<100 { camera.speak(bytes: 1_000) }
            for worker in bench.group.workers { lost += await worker.statistics().ringDrops }
        }
        #expect(lost > 0)
        // Everybody is still there, and what is less than the rings hold goes through whole.
        _ = viewer.run(for: .milliseconds(300))
        let before = viewer.received.count
        for _ in 0..<50 {
            camera.speak()
            usleep(2_000)
        }
        #expect(viewer.run { viewer.received.count >= before + 50 })
        await bench.group.stop()
    }
}
