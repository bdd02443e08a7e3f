import HTTPTypes
import Server
import Signalling
import Testing

@Suite("Before a signalling socket", .serialized)
struct SignalDoorTests {
    private static let join = "join_request=\(SignalSocketTests.joinRequest)"

    @Test("an upgrade is refused as validate says, and never with 404 under v1")
    func mirrors() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let good = try await bench.token()
        let cases: [(path: String, query: String, status: Int, words: String)] = [
            ("/rtc", "", 401, "access token"), ("/rtc/v1", Self.join, 401, "access token"),
            ("/rtc", "access_token=nonsense", 401, "JSON Web Token"),
            ("/rtc", "access_token=\(try await bench.token { $0.exp = 1 })", 401, "expired"),
            ("/rtc/v1", "\(Self.join)&access_token=\(try await bench.token { $0.video?.roomJoin = nil })", 401, "roomJoin"),
            ("/rtc", "access_token=\(try await bench.token { $0.video = nil })", 401, "roomJoin"),
            ("/rtc", "access_token=\(try await bench.token { $0.sub = "" })", 400, "identity"),
            ("/rtc/v1", "\(Self.join)&access_token=\(try await bench.token { $0.video?.room = "" })", 400, "room"),
            ("/rtc", "access_token=\(try await bench.token { $0.video?.room = nil })", 400, "room"),
            ("/rtc/v1", "access_token=\(good)", 400, "join_request"),
            ("/rtc/v1", "join_request=%21&access_token=\(good)", 400, "base64url"),
            ("/rtc", "attributes=%21&access_token=\(good)", 400, "attributes"),
        ]
        try await bench.listening { port in
            for (path, query, status, words) in cases { try await self.refused(bench, port, path, query, status, words) }
            host.refuse(Refusal(.notFound, "There is no such room."))
            try await self.refused(bench, port, "/rtc", "access_token=\(good)", 404, "no such room")
            try await self.refused(bench, port, "/rtc/v1", "\(Self.join)&access_token=\(good)", 403, "no such room")
            host.refuse(Refusal(.serviceUnavailable, "The server is draining."))
            try await self.refused(bench, port, "/rtc/v1", "\(Self.join)&access_token=\(good)", 503, "draining")
        }
        #expect(host.current.sinks.isEmpty)
        let bare = try await Bench()
        try await bare.listening { port in
            try await self.refused(bare, port, "/rtc", "access_token=\(good)", 503, "no rooms")
        }
    }

    private func refused(_ bench: Bench, _ port: UInt16, _ path: String, _ query: String, _ status: Int, _ words: String) async throws {
        let client = try SignalClient(port: port)
        await client.open("\(path)?\(query)")
        #expect(client.status == status && client.body.contains(words) && client.isClosed, "\(client.head)\(client.body)")
        #expect(client.head.contains("Access-Control-Allow-Origin: *"))
        let answer = try await RouterClient(bench.plane.mainRouter).ask("\(path)/validate?\(query)")
        #expect(answer.status.code == status && answer.text == client.body, "\(answer.text)")
        #expect(answer.headers[.accessControlAllowOrigin] == "*")
        #expect(answer.status != .unauthorized || answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
    }

    @Test("validate says success, and a header's token wins over the query's")
    func validate() async throws {
        let bench = try await Bench(signals: FakeSignalHost())
        let client = RouterClient(bench.plane.mainRouter)
        let token = try await bench.token()
        for path in ["/rtc/validate", "/rtc/v1/validate"] {
            for query in ["access_token=\(token)&\(Self.join)", "\(Self.join)&access_token=\(token)&json=1"] {
                let answer = try await client.ask("\(path)?\(query)")
                #expect(answer.status == .ok && answer.text == "success" && answer.headers[.accessControlAllowOrigin] == "*")
            }
            let header = try await client.ask("\(path)?access_token=x&\(Self.join)", headers: [.authorization: "Bearer \(token)"])
            #expect(header.status == .ok)
            let wrong = try await client.ask("\(path)?access_token=\(token)&\(Self.join)", headers: [.authorization: "Bearer x"])
            #expect(wrong.status == .unauthorized)
            let basic = try await client.ask("\(path)?access_token=\(token)&\(Self.join)", headers: [.authorization: "Basic eDp5"])
            #expect(basic.status == .unauthorized)
        }
    }

    @Test("without an upgrade /rtc is not there, and /rtc/v1 asks for one")
    func plain() async throws {
        let bench = try await Bench(signals: FakeSignalHost())
        let client = RouterClient(bench.plane.mainRouter)
        let query = "access_token=\(try await bench.token())&\(Self.join)"
        #expect(try await client.ask("/rtc?\(query)").status == .notFound)
        let v1 = try await client.ask("/rtc/v1?\(query)")
        #expect(v1.status == .upgradeRequired && v1.headers[.upgrade] == "websocket")
    }

    @Test("other upgrades, and bad handshakes, are answered over HTTP")
    func otherUpgrades() async throws {
        let bench = try await Bench(signals: FakeSignalHost())
        let token = try await bench.token()
        try await bench.listening { port in
            let other = try ClientSocket(port: port)
            other.send("GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            #expect(await other.read(seconds: 0.3).answer.hasPrefix("HTTP/1.1 200 "))
            // What curl does with --http2.
            let h2c = try ClientSocket(port: port)
            h2c.send(
                "POST /whip/room HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nv=0")
            #expect(await h2c.read(seconds: 0.3).answer.hasPrefix("HTTP/1.1 401 "))
            for lines in ["Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: x", "Sec-WebSocket-Version: 13", "X: y"] {
                let client = try ClientSocket(port: port)
                client.send(
                    "GET /rtc?access_token=\(token) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\(lines)\r\n\r\n")
                let (answer, closed) = await client.read(seconds: 3)
                #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("handshake") && closed, "\(answer)")
            }
            let body = try ClientSocket(port: port)
            body.send(
                "GET /rtc?access_token=\(token) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc"
            )
            let (answer, closed) = await body.read(seconds: 3)
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && closed, "\(answer)")
        }
    }

    @Test("a connection that has spoken HTTP is closed where a socket is asked for: who asks takes another one")
    func laterUpgrade() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let token = try await bench.token()
        try await bench.listening { port in
            let client = try ClientSocket(port: port)
            client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await client.read(seconds: 0.3).answer.hasPrefix("HTTP/1.1 200 "))
            client.send(
                "GET /rtc/v1?\(Self.join)&access_token=\(token) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                    + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            let (answer, closed) = await client.read(seconds: 3)
            #expect(answer.isEmpty && closed, "\(answer)")
        }
        #expect(host.current.sinks.isEmpty)
    }

    @Test("an address of 30 kB is read; one beyond all measure is refused, and none hangs")
    func longAddresses() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let token = try await bench.token()
        try await bench.listening { port in
            let long = try SignalClient(port: port)
            await long.open("/rtc?access_token=\(token)&device_model=\(String(repeating: "a", count: 30_000))")
            #expect(long.status == 101, "\(long.head)")
            #expect(await host.until { $0.parameters.first?.request.clientInfo.deviceModel.utf8.count == 30_000 })
            for length in [70_000, 1_000_000] {
                let endless = try SignalClient(port: port)
                await endless.open("/rtc?access_token=\(token)&device_model=\(String(repeating: "a", count: length))")
                #expect([400, 414, 431].contains(endless.status) || endless.head.isEmpty && endless.isClosed, "\(endless.head)")
            }
        }
    }

    @Test("counts of requests and log lines hold no query")
    func secrets() async throws {
        let host = FakeSignalHost()
        let bench = try await Bench(signals: host)
        let token = try await bench.token()
        try await bench.listening { port in
            let client = try SignalClient(port: port)
            await client.open("/rtc?access_token=\(token)")
            let refused = try SignalClient(port: port)
            await refused.open("/rtc/v1?access_token=\(token)")
            _ = try await RouterClient(bench.plane.mainRouter).ask("/rtc/validate?access_token=\(token)")
            let metrics = try await RouterClient(bench.plane.adminRouter).ask("/metrics").text
            for line in [
                "apus_signal_sockets 1", "apus_http_requests_total{route=\"/rtc\",status=\"101\"} 1",
                "apus_http_requests_total{route=\"/rtc/v1\",status=\"400\"} 1",
                "apus_http_requests_total{route=\"/rtc/validate\",status=\"200\"} 1",
            ] {
                #expect(metrics.contains("\n\(line)\n"), "\(line)")
            }
            #expect(!metrics.contains("access_token") && !metrics.contains(token))
            #expect(client.status == 101 && refused.status == 400)
        }
    }
}
