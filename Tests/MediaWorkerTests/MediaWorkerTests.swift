import ICE
import MediaPrimitives
import MediaSecurity
import MediaWorker
import Rooms
import TestSockets
import Testing

/// A worker on free ports of loopback, with one participant in it, and the checks that this participant's client would send.
private struct Workbench {
    let worker: Worker
    let participant: ParticipantID
    private let local: ICECredentials
    private let remote: ICECredentials

    init(addresses: [SocketAddress] = [.v4(), .v6()]) async throws {
        worker = try Worker(WorkerConfiguration(addresses: addresses, tcpPort: 0), certificate: Certificate.generate())
        let entropy = Entropy.system()
        (local, remote) = (.random(entropy), .random(entropy))
        let fingerprint = CertificateFingerprint(algorithm: .sha256, digest: Array(repeating: 7, count: 32))
        let transport = TransportParameters(local: local, remote: remote, fingerprints: [fingerprint], role: .server)
        participant = try await worker.open(
            ParticipantParameters(
                room: "room", identity: "somebody", hidden: false, cname: "name", transport: transport, receiving: [], sending: []))
    }

    /// A nominating check, as the client behind `path` sends it first.
    func check(_ path: Path) -> [UInt8] {
        let controller = ICEController(local: remote, remote: local, path: path, at: Instant(nanoseconds: 0), entropy: .system())
        let batch = DatagramBatch(capacity: 1)
        controller.handleTimeout(at: Instant(nanoseconds: 0))
        controller.drain(into: batch)
        return batch.count == 0 ? [] : Array(batch.bytes(0))
    }

    /// The type and the transaction of a STUN message.
    static func kind(_ message: [UInt8]) -> (type: [UInt8], transaction: [UInt8]) {
        (Array(message.prefix(2)), Array(message.prefix(20).suffix(12)))
    }
}

@Suite("A worker on real sockets", .timeLimit(.minutes(1)))
struct MediaWorkerTests {
    @Test("answers checks over IPv4 and IPv6", arguments: [SocketAddress.v4(), .v6()])
    func udp(_ address: SocketAddress) async throws {
        let bench = try await Workbench()
        let server = try #require(bench.worker.udpAddresses.first { $0.isIPv4 == address.isIPv4 })
        let socket = try BlockingSocket(udp: address)
        let check = bench.check(Path(local: socket.address, remote: server))
        socket.send(check, to: server)
        let answer = try #require(socket.receive())
        #expect(answer.from == server)
        #expect(Workbench.kind(answer.bytes) == ([1, 1], Workbench.kind(check).transaction))
        await bench.worker.stop()
    }

    @Test("answers checks in frames over TCP, and keeps the connection")
    func tcp() async throws {
        let bench = try await Workbench()
        let server = try #require(bench.worker.tcpAddresses.first)
        let socket = try BlockingSocket(tcp: server)
        let check = bench.check(Path(kind: .tcp, local: socket.address, remote: server))
        for _ in 0..<2 {
            socket.write([0, UInt8(check.count)] + check)
            let length = try #require(socket.read(2))
            let answer = try #require(socket.read(Int(length[1])))
            #expect(Workbench.kind(answer) == ([1, 1], Workbench.kind(check).transaction))
        }
        await bench.worker.stop()
    }

    @Test(
        "closes a TCP connection that begins with anything else",
        arguments: [[0, 4, 1, 2, 3, 4], [0, 0], [255, 255], Array("GET / HTTP/1.1\r\n\r\n".utf8)])
    func invalidTCP(_ bytes: [UInt8]) async throws {
        let bench = try await Workbench()
        let socket = try BlockingSocket(tcp: try #require(bench.worker.tcpAddresses.first))
        socket.write(bytes)
        #expect(socket.waitForEnd())
        await bench.worker.stop()
    }

    @Test("tells that a closed participant is gone, and answers its checks no more")
    func closing() async throws {
        let bench = try await Workbench()
        await bench.worker.close(bench.participant, reason: "it was enough")
        var told: String?
        for await case .closed(bench.participant, let reason) in bench.worker.events {
            told = reason
            break
        }
        #expect(told == "it was enough")
        let server = try #require(bench.worker.udpAddresses.first)
        let socket = try BlockingSocket(udp: .v4())
        socket.send(bench.check(Path(local: socket.address, remote: server)), to: server)
        // The worker is asked behind the datagram, which the same loop has read by the second answer at the latest.
        var dropped: UInt64 = 0
        while dropped == 0 { dropped = await bench.worker.statistics().counters.dropped(.invalidSTUN) }
        #expect(await bench.worker.statistics().transports == 0)
        await bench.worker.stop()
    }

    @Test("says which port is taken, and frees its own when it stops")
    func ports() async throws {
        // Of its own, that no other test takes the port as soon as it is free.
        let bench = try await Workbench(addresses: [.v4(79)])
        let taken = try #require(bench.worker.udpAddresses.first)
        let configuration = WorkerConfiguration(addresses: [taken], tcpPort: nil)
        let certificate = try Certificate.generate()
        do throws(WorkerError) {
            _ = try Worker(configuration, certificate: certificate)
            Issue.record("two workers share a port")
        } catch {
            guard case .bind(let failure) = error else {
                Issue.record("no bind error: \(error)")
                return
            }
            #expect(failure.address == taken)
            #expect(!failure.isTCP)
        }
        await bench.worker.stop()
        let next = try Worker(configuration, certificate: certificate)
        #expect(next.udpAddresses == [taken])
        await next.stop()
    }
}
