import Foundation
import Hummingbird
import Logging
import NIOCore
import Server
import Testing

/// Real sockets: what a client meets that is slow, greedy or many.
@Suite("Connections", .serialized)
struct ConnectionTests {
    private func listening(_ change: (inout ConnectionLimits) -> Void, _ body: (UInt16, Bench) async throws -> Void) async throws {
        let bench = try await Bench()
        try await bench.listening(change) { port in try await body(port, bench) }
    }

    /// Sends, and reads until the far end closes or `seconds` have passed.
    private func exchange(_ port: UInt16, _ text: String, seconds: Double = 3) async throws -> (answer: String, closed: Bool) {
        let socket = try ClientSocket(port: port)
        socket.send(text)
        return await socket.read(seconds: seconds)
    }

    /// What has come once there is a whole head, which is soon.
    private func head(_ socket: ClientSocket) async -> String {
        var received: [UInt8] = []
        _ = await socket.read(seconds: 10) {
            received += $0
            return String(decoding: received, as: UTF8.self).contains("\r\n\r\n")
        }
        return String(decoding: received, as: UTF8.self)
    }

    @Test("a request that does not come is 408, and so is a body that does not")
    func slow() async throws {
        try await listening({
            $0.headTimeout = .milliseconds(300)
            $0.bodyTimeout = .milliseconds(300)
        }) { port, _ in
            for text in ["", "GET /healthz HTT", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
                let (answer, closed) = try await exchange(port, text)
                #expect(
                    answer.hasPrefix("HTTP/1.1 408 ") && answer.hasSuffix("The request did not arrive in time.\n") && closed, "\(answer)")
            }
            let token = try await Bench().token()
            let head = "POST /whip/room HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/sdp\r\n"
            let (answer, closed) = try await exchange(port, head + "Content-Length: 100\r\n\r\nv=0\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 408 ") && answer.hasSuffix("body did not arrive in time.\n") && closed, "\(answer)")
            // Refused for its token before the body has come; the body still gets its time, no more.
            let refused = try await exchange(port, "POST /whip/room HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nv=0\r\n")
            #expect(refused.answer.hasPrefix("HTTP/1.1 401 ") && !refused.answer.contains("408") && refused.closed, "\(refused.answer)")
        }
    }

    @Test("a quiet connection is closed, one that asks again is not")
    func idle() async throws {
        try await listening({ $0.idleTimeout = .milliseconds(500) }) { port, _ in
            let socket = try ClientSocket(port: port)
            for _ in 0..<3 {
                socket.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                let (answer, closed) = await socket.read(seconds: 0.3)
                #expect(answer.hasPrefix("HTTP/1.1 200 ") && !closed)
            }
            let (answer, closed) = await socket.read(seconds: 3)
            #expect(answer.isEmpty && closed)
        }
    }

    @Test("a body too big is 413, however it is announced; an endless one ends with the connection")
    func oversize() async throws {
        try await listening({ $0.bodyBytes = 400_000 }) { port, _ in
            let token = try await Bench().token()
            let head = "POST /whip/room HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/sdp\r\n"
            let body = String(repeating: "a", count: 200_000)
            let announced = try await exchange(port, head + "Content-Length: 200000\r\nConnection: close\r\n\r\n" + body)
            #expect(announced.answer.hasPrefix("HTTP/1.1 413 "), "\(announced.answer.prefix(200))")
            let chunked = try await exchange(
                port, head + "Transfer-Encoding: chunked\r\n\r\n30d40\r\n" + body + "\r\n0\r\n\r\n", seconds: 1)
            #expect(chunked.answer.hasPrefix("HTTP/1.1 413 "), "\(chunked.answer.prefix(200))")
            let endless = try await exchange(
                port, head + "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: "30d40\r\n" + body + "\r\n", count: 10))
            #expect(endless.closed)
        }
    }

    @Test("an offer that is cut short opens nothing")
    func cutShort() async throws {
        try await listening({ _ in }) { port, bench in
            let head = "POST /whip/room HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try await bench.token())\r\n"
            // Up to the second section: what has come would be an offer of its own.
            let part = String(Offers.publish.prefix(upTo: try #require(Offers.publish.firstRange(of: "m=video")).lowerBound))
                .replacing("BUNDLE 0 1", with: "BUNDLE 0")
            let size = part.utf8.count
            for framing in ["Content-Length: \(size + 100)\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n\(String(size, radix: 16))\r\n"] {
                let socket = try ClientSocket(port: port)
                socket.send(head + "Content-Type: application/sdp\r\n" + framing + part)
                socket.finish()
                let (answer, closed) = await socket.read(seconds: 3)
                #expect(closed && !answer.contains(" 201 "), "\(answer)")
            }
            #expect(bench.host.opened.isEmpty)
            let whole = head + "Content-Type: application/sdp\r\nContent-Length: \(size)\r\n\r\n" + part
            #expect(try await exchange(port, whole, seconds: 0.5).answer.hasPrefix("HTTP/1.1 201 "))
        }
    }

    @Test("a head too big is 431 and what is no HTTP 400, with a sentence; both are counted")
    func badHeads() async throws {
        try await listening({ _ in }) { port, _ in
            let long = String(repeating: "a", count: 100_000)
            for (text, status, sentence) in [
                ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: \(long)\r\n\r\n", 431, "may have 65536 bytes and 100 fields at most."),
                ("GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", 431, "at most."),
                ("GET / HTTP/1.1\r\n\(String(repeating: "X: y\r\n", count: 101))\r\n", 431, "at most."),
                ("nonsense\r\n\r\n", 400, "This is no request of HTTP/1.1."),
                ("\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n\r\n", 400, "This is no request of HTTP/1.1."),
            ] {
                let (answer, closed) = try await exchange(port, text)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.hasSuffix(sentence + "\n") && closed, "\(answer)")
            }
            #expect(try await exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", seconds: 0.5).answer.contains("200 OK"))
        }
    }

    @Test("what comes behind a whole request and is none spoils only the connection")
    func trailingGarbage() async throws {
        try await listening({ _ in }) { port, _ in
            let (answer, closed) = try await exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && closed, "\(answer)")
        }
    }

    @Test("a request that offers another protocol is answered in this one, and its connection ends with that")
    func otherProtocols() async throws {
        try await listening({ _ in }) { port, _ in
            let offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
            for text in [
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\(offer)\r\n",
                "POST /api/rooms HTTP/1.1\r\nHost: x\r\n\(offer)Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            ] {
                let (answer, closed) = try await exchange(port, text)
                #expect(answer.hasPrefix("HTTP/1.1 20") && answer.lowercased().contains("connection: close\r\n") && closed, "\(answer)")
            }
        }
    }

    @Test("a body that waits to be asked for is asked for")
    func expectation() async throws {
        try await listening({ _ in }) { port, _ in
            let socket = try ClientSocket(port: port)
            socket.send(
                "POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            #expect(await head(socket) == "HTTP/1.1 100 Continue\r\n\r\n")
            socket.send("{}")
            #expect(await head(socket).hasPrefix("HTTP/1.1 201 "))
        }
    }

    @Test("all addresses together have so many connections and no more, and the operator's port has its own")
    func all() async throws {
        try await listening({ $0.connections = 3 }) { port, _ in
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            let sockets = try (0..<3).map { _ in try ClientSocket(port: port) }
            for socket in sockets {
                socket.send(request)
                #expect(await head(socket).hasPrefix("HTTP/1.1 200 "))
            }
            let (answer, closed) = try await exchange(port, request)
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("as many connections as it takes") && closed, "\(answer)")
            withExtendedLifetime(sockets) {}
        }
    }

    @Test("limits by address see a network of IPv6 as one")
    func networks() {
        let address = { ClientAddress(host: $0) }
        #expect(address("2001:db8:1:2::1") == address("2001:db8:1:2:ffff:ffff:ffff:ffff"))
        #expect(address("2001:db8:1:2::1") != address("2001:db8:1:3::1"))
        #expect(address("192.0.2.1") != address("192.0.2.2"))
        #expect(address("::ffff:192.0.2.1") == address("192.0.2.1"))
        #expect(address(nil) != address("192.0.2.1"))
    }

    @Test("an address has so many connections and no more, and gets places back")
    func perAddress() async throws {
        try await listening({ $0.connectionsPerAddress = 5 }) { port, _ in
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            var sockets: [ClientSocket] = []
            for _ in 0..<5 {
                let socket = try ClientSocket(port: port)
                socket.send(request)
                #expect(await head(socket).hasPrefix("HTTP/1.1 200 "))
                sockets.append(socket)
            }
            let (answer, closed) = try await exchange(port, request)
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("Too many connections") && closed, "\(answer)")
            sockets.removeAll()
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await exchange(port, request, seconds: 0.3).answer.hasPrefix("HTTP/1.1 200 "))
        }
        #expect(ConnectionLimits(connections: 1).connectionsPerAddress == 1)
        #expect(ConnectionLimits(connections: 4_096).connectionsPerAddress == 2_048)
    }

    @Test("a port in use is named, with its flag")
    func portInUse() async throws {
        try await listening({ _ in }) { port, _ in
            let bench = try await Bench()
            let second = HTTPListener(
                host: "127.0.0.1", port: port, option: .adminPort, router: bench.plane.mainRouter, signals: nil,
                limits: ConnectionLimits(), counts: ConnectionCounts(), logger: Bench.quiet, opened: { _, _ in })
            let error = await #expect(throws: StartError.self) { try await second.run() }
            #expect(error?.status == .unavailable)
            #expect(error?.sentence.contains("\(port)") == true && error?.sentence.contains("--admin-port") == true)
        }
    }
}
