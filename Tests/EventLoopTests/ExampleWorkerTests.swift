import EventLoop
import MediaPrimitives
import TestSockets
import Testing

@Suite("An actor on a loop", .timeLimit(.minutes(1)))
struct ExampleWorkerTests {
    @Test("echoes datagrams of both families from the address that was asked, and frames")
    func echo() async throws {
        let worker = try ExampleWorker(udp: [.anyV4, .anyV6], tcp: .v4())
        // 127.0.0.2, asked from 127.0.0.1: without source selection the answer would come from 127.0.0.1.
        for (index, host) in [SocketAddress.v4(2), .v6()].enumerated() {
            let target = host.with(port: worker.udpAddresses[index].port)
            let client = try BlockingSocket(udp: host.isIPv4 ? .v4() : .v6())
            client.send([128, 1, 2, 3], to: target)
            let answer = try #require(client.receive())
            #expect(answer.bytes == [128, 1, 2, 3])
            #expect(answer.from == target)
            let path = try #require(await worker.paths.last)
            #expect(path == Path(kind: .udp, channel: UInt32(index), local: target, remote: client.address))
        }
        let stream = try BlockingSocket(tcp: worker.tcpAddress)
        stream.write([0, 3, 7, 8, 9])
        #expect(stream.read(5) == [0, 3, 7, 8, 9])
        #expect(await worker.paths.last == Path(kind: .tcp, channel: 1, local: worker.tcpAddress, remote: stream.address))
        #expect(await worker.turns > 0)
        await worker.stop()
        await worker.loop.ended()
        #expect(stream.waitForEnd())
    }
}
