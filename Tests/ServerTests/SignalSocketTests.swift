import Foundation
import NIOCore
import Server
import Signalling
import SwiftProtobuf
import Synchronization
import Testing

/// Real sockets on loopback, and clients that behave or do not.
@Suite("Signalling sockets", .serialized)
struct SignalSocketTests {
    static let joinRequest: String = {
        var wrapped = Livekit_WrappedJoinRequest()
        wrapped.joinRequest = (try? Livekit_JoinRequest.with { $0.connectionSettings.autoSubscribe = true }.serializedData()) ?? Data()
        let data = (try? wrapped.serializedData()) ?? Data()
        return data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }()

    private static func ping(_ value: Int64) -> Livekit_SignalRequest { .with { $0.ping = value } }

    /// Serves while `body` runs with a socket that is open and has had its join response.
    private func joined(
        _ path: String = "/rtc?", _ change: (inout SignalLimits) -> Void = { _ in },
        _ body: (SignalClient, FakeSignalHost, UInt16) async throws -> Void
    ) async throws {
        let host = FakeSignalHost()
        var limits = SignalLimits()
        limits.closeTimeout = .milliseconds(500)
        change(&limits)
        let bench = try await Bench(signals: host, signalLimits: limits)
        let token = try await bench.token()
        try await bench.listening { port in
            let client = try SignalClient(port: port)
            await client.open("\(path)access_token=\(token)")
            #expect(client.status == 101, "\(client.head)")
            #expect(client.head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455 §1.3's example")
            if !path.contains("json") { #expect(await client.next()?.response?.join.participant.identity == "me") }
            #expect(bench.plane.signals.sockets.current == 1)
            try await body(client, host, port)
            // However it ended: the session hears of it, once, and nothing is left.
            client.socket.finish()
            #expect(await host.until { $0.ended == 1 })
            let end = ContinuousClock.now + .seconds(3)
            while bench.plane.signals.sockets.current > 0, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
            #expect(bench.plane.signals.sockets.current == 0)
            #expect(host.current.ended == 1)
        }
    }

    // MARK: Talking

    @Test("a client joins, asks and is answered, by both ways of joining", arguments: ["/rtc?", "/rtc/v1?join_request=\(joinRequest)&"])
    func echo(_ path: String) async throws {
        try await joined(path) { client, host, _ in
            #expect(host.current.rooms == ["room"] && host.current.parameters[0].request.connectionSettings.autoSubscribe)
            for value in 1...20 {
                try client.send(Self.ping(Int64(value)))
                #expect(await client.next()?.response?.pong == Int64(value))
            }
            #expect(host.current.requests.count == 20)
            client.send(.close, [3, 232])
            #expect(await client.closeCode() == 1000)
            #expect(await client.next() == nil && client.isClosed)
        }
    }

    @Test("replies are in the encoding that came last; text from the first for who asks for it")
    func encodings() async throws {
        try await joined { client, _, _ in
            client.send(.text, Array(#"{"ping":"7"}"#.utf8))
            #expect(await client.next()?.text == #"{"pong":"7"}"#)
            try client.send(Self.ping(8))
            #expect(await client.next()?.response?.pong == 8)
        }
        try await joined("/rtc/v1?json=1&") { client, _, _ in
            #expect(await client.next()?.text == #"{"join":{"participant":{"identity":"me"}}}"#)
        }
    }

    @Test("frames that came with the request, a fragmented message with a ping within, and pings are served")
    func fragments() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let token = try await bench.token()
        try await bench.listening { port in
            let client = try SignalClient(port: port)
            let eager = SignalClient.frame(2, Array(try Self.ping(1).serializedData()))
            await client.open("/rtc?access_token=\(token)", with: eager)
            #expect(await client.next()?.response?.join.participant.identity == "me")
            #expect(await client.next()?.response?.pong == 1)
            let text = Array(#"{"ping":"123456"}"#.utf8)
            client.send(.text, Array(text[..<5]), fin: false)
            client.send(.continuation, [], fin: false)
            client.send(.ping, [1, 2, 3])
            #expect(await client.next() == SignalClient.Frame(opcode: 10, payload: [1, 2, 3]))
            client.send(.continuation, Array(text[5...]))
            #expect(await client.next()?.text == #"{"pong":"123456"}"#)
        }
    }

    @Test("that something has been received is told by the pong to the ping behind it, and by no other")
    func received() async throws {
        try await joined { client, host, _ in
            let sink = host.current.sinks[0]
            let received = Recorder<[Int]>([])
            sink.whenReceived { received.record { $0.append(1) } }
            let first = try #require(await client.next(pings: true))
            #expect(first.opcode == 9 && first.payload.count == 8)
            sink.send(.with { $0.pong = 7 })
            sink.whenReceived { received.record { $0.append(2) } }
            #expect(await client.next()?.response?.pong == 7)
            let second = try #require(await client.next(pings: true))
            #expect(second.opcode == 9 && second.payload != first.payload)
            // Of one that was asked before, one that nobody asked for, and that of a ping which keeps the connection alive.
            for payload in [first.payload, Array(repeating: 255, count: 8), Array(second.payload[1...]), []] { client.send(.pong, payload) }
            try client.send(Self.ping(8))
            #expect(await client.next()?.response?.pong == 8)
            #expect(received.current.isEmpty)
            for _ in 0..<2 { client.send(.pong, second.payload) }
            #expect(await received.until { $0 == [2] })
            try client.send(Self.ping(9))
            #expect(await client.next()?.response?.pong == 9)
            #expect(received.current == [2])
        }
    }

    @Test("a session that closes: what was sent comes first, then the close frame")
    func closedByRoom() async throws {
        try await joined { client, host, _ in
            let sink = host.current.sinks[0]
            for value in 0..<300 { sink.send(.with { $0.pong = Int64(value) }) }
            sink.close()
            sink.send(.with { $0.pong = 1_000 })
            sink.close()
            for value in 0..<300 { #expect(await client.next()?.response?.pong == Int64(value)) }
            #expect(await client.next()?.code == 1000)
            client.send(.close, [3, 232])
            #expect(await client.next() == nil && client.isClosed)
        }
        // A client that does not answer the close frame is not waited for.
        try await joined { client, _, _ in
            try client.send(.with { $0.leave = Livekit_LeaveRequest() })
            #expect(await client.closeCode() == 1000)
            #expect(await client.next(seconds: 3) == nil && client.isClosed)
        }
    }

    @Test("whom the room sends away is told why by the close frame, as far as its 123 bytes reach, in whole characters")
    func reason() async throws {
        for (sentence, told) in [
            ("An offer was refused.", "An offer was refused."), (String(repeating: "é", count: 62), String(repeating: "é", count: 61)),
            (String(repeating: "x", count: 123), String(repeating: "x", count: 123)),
        ] {
            try await joined { client, host, _ in
                host.current.sinks[0].close(sentence)
                let frame = try #require(await client.next())
                #expect(frame.code == 1008 && String(decoding: frame.payload.dropFirst(2), as: UTF8.self) == told)
                client.send(.close, [3, 240])
            }
        }
    }

    @Test("a request that came before the end is still handed on")
    func lastWords() async throws {
        try await joined { client, host, _ in
            client.socket.send(
                SignalClient.frame(2, Array(try Self.ping(5).serializedData())) + SignalClient.frame(8, [3, 233]))
            #expect(await client.closeCode() == 1001)
            #expect(await host.until { $0.requests.count == 1 })
        }
    }

    // MARK: Hostile

    @Test(
        "what breaks the protocol closes the socket",
        arguments: [
            (SignalClient.frame(2, [1, 2, 3], masked: false), 1002), (SignalClient.frame(2, [1], reserved: 0x40), 1002),
            (SignalClient.frame(3, [1]), 1002), (SignalClient.frame(0, [1]), 1002),
            (SignalClient.frame(1, [65], fin: false) + SignalClient.frame(1, [65]), 1002),
            (SignalClient.frame(9, [], fin: false), 1002), (SignalClient.frame(9, Array(repeating: 0, count: 126)), 1002),
            (SignalClient.frame(1, [0xff, 0xfe]), 1007), (SignalClient.frame(8, [1]), 1002),
            // A length of 2^63 - 1, and one of 2 MiB that never comes.
            ([0x82, 0xff, 0x7f] + Array(repeating: 0xff, count: 7), 1009),
            ([0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4], 1009),
        ] as [([UInt8], Int)])
    func protocolErrors(_ bytes: [UInt8], _ code: Int) async throws {
        try await joined { client, _, _ in
            client.socket.send(bytes)
            #expect(await client.closeCode() == code)
            #expect(await client.next(seconds: 3) == nil && client.isClosed)
        }
    }

    @Test("a message of 1 MiB is read, a longer one is not, in however many fragments")
    func oversize() async throws {
        let limit = 1 << 20
        // Field 99, of bytes: nobody knows it.
        func message(_ size: Int) throws -> [UInt8] {
            var bytes: [UInt8] = Array(try Self.ping(9).serializedData()) + [0x9a, 0x06]
            var length = size - bytes.count - 3
            let payload = length
            repeat {
                bytes.append(UInt8(length & 0x7f) | (length > 0x7f ? 0x80 : 0))
                length >>= 7
            } while length > 0
            return bytes + Array(repeating: 0, count: payload)
        }
        try await joined { client, _, _ in
            let bytes = try message(limit)
            #expect(bytes.count == limit)
            client.send(.binary, bytes)
            #expect(await client.next()?.response?.pong == 9)
            client.send(.binary, Array(bytes[..<100_000]), fin: false)
            client.send(.continuation, Array(bytes[100_000...]))
            #expect(await client.next()?.response?.pong == 9)
            client.send(.binary, Array(bytes[..<100_000]), fin: false)
            client.send(.continuation, Array(bytes[100_000...]) + [0])
            #expect(await client.closeCode() == 1009)
        }
        try await joined { client, _, _ in
            client.send(.binary, try message(limit) + [0])
            #expect(await client.closeCode() == 1009)
        }
    }

    @Test("garbage is ignored, up to twenty times")
    func garbage() async throws {
        try await joined { client, _, _ in
            for _ in 0..<10 { client.send(.text, Array("nonsense".utf8)) }
            for _ in 0..<9 { client.send(.binary, [0xff, 0xff]) }
            client.send(.binary, [])
            try client.send(Self.ping(3))
            // Still in binary: what can't be read changes nothing.
            #expect(await client.next()?.response?.pong == 3)
            client.send(.text, Array("{".utf8))
            #expect(await client.closeCode() == 1008)
        }
    }

    @Test("a flood is closed, a burst is not")
    func flood() async throws {
        try await joined { client, host, _ in
            for value in 0..<150 { try client.send(Self.ping(Int64(value))) }
            for value in 0..<150 { #expect(await client.next()?.response?.pong == Int64(value)) }
            for value in 0..<400 { try client.send(Self.ping(Int64(value))) }
            #expect(await client.closeCode() == 1008)
            #expect(host.current.requests.count < 500)
        }
        try await joined { client, _, _ in
            for _ in 0..<400 { client.send(.ping, [1]) }
            #expect(await client.closeCode() == 1008)
        }
    }

    @Test("what a stuck session leaves lying is bounded")
    func stuck() async throws {
        try await joined { client, host, _ in
            host.memory.withLock { $0.isStuck = true }
            try client.send(Self.ping(1))
            // Only a session that is in its first request lets the others lie: these alone would be read and passed over.
            #expect(await host.until { !$0.requests.isEmpty })
            for _ in 0..<10 { client.send(.binary, Array(repeating: 0, count: 300_000)) }
            #expect(await client.closeCode() == 1008)
            host.memory.withLock { $0.isStuck = false }
        }
    }

    @Test("a client that never reads loses its socket; whoever sends to it does not wait")
    func neverReads() async throws {
        try await joined { client, host, _ in
            let sink = host.current.sinks[0]
            let update = Livekit_SignalResponse.with { $0.roomUpdate.room.metadata = String(repeating: "a", count: 60_000) }
            let start = ContinuousClock.now
            var sent = 0
            // The kernel takes some megabytes, then the queue fills.
            while host.current.ended == 0, sent < 2_000 {
                sink.send(update)
                sent += 1
                if sent % 8 == 0 { try await Task.sleep(for: .milliseconds(1)) }
            }
            #expect(await host.until { $0.ended == 1 })
            #expect(sent < 1_000 && ContinuousClock.now - start < .seconds(10), "\(sent)")
            // Small ones are bounded by their number.
            sink.send(update)
        }
    }

    @Test("a silent connection is pinged, and closed when nothing comes back")
    func silence() async throws {
        try await joined(
            "/rtc?",
            {
                $0.pingInterval = .milliseconds(200)
                $0.silence = .milliseconds(1_000)
            }
        ) { client, host, _ in
            // While it answers it lives.
            for _ in 0..<6 {
                #expect(await client.next(pings: true)?.opcode == 9)
                client.send(.pong, [])
            }
            #expect(host.current.ended == 0)
            #expect(await client.closeCode(seconds: 3) == nil && client.isClosed)
        }
    }

    @Test("half a connection is none")
    func halfOpen() async throws {
        try await joined { client, host, _ in
            client.socket.finish()
            #expect(await host.until { $0.ended == 1 })
            #expect(await client.next(seconds: 3) == nil && client.isClosed)
        }
    }

    @Test("a server that ends says so, and waits a second at most")
    func stopping() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let token = try await bench.token()
        var clients: [SignalClient] = []
        let serving = ServingTask(bench)
        let port = await serving.port
        for _ in 0..<2 {
            let client = try SignalClient(port: port)
            await client.open("/rtc?access_token=\(token)")
            #expect(await client.next()?.response?.join.participant.identity == "me")
            clients.append(client)
        }
        let start = ContinuousClock.now
        let ended = Task {
            await serving.stop()
            return ContinuousClock.now - start
        }
        for client in clients { #expect(await client.closeCode() == 1001) }
        #expect(await ended.value < .seconds(3))
        #expect(host.current.ended == 2)
    }
}
