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

    @Test("a head too big, or none at all, is 400 or 431")
    func badHeads() async throws {
        try await listening({ _ in }) { port, _ in
            for text in [
                "GET /healthz HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n", "nonsense\r\n\r\n",
                "\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n\r\n",
            ] {
                let (answer, closed) = try await exchange(port, text)
                #expect(answer.hasPrefix("HTTP/1.1 4") && closed, "\(answer)")
            }
            #expect(try await exchange(port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", seconds: 0.5).answer.contains("200 OK"))
        }
    }

    @Test("an address has so many connections and no more, and gets places back")
    func perAddress() async throws {
        try await listening({ $0.connectionsPerAddress = 5 }) { port, _ in
            let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            var sockets: [ClientSocket] = []
            for _ in 0..<5 {
                let socket = try ClientSocket(port: port)
                socket.send(request)
                #expect(await socket.read(seconds: 0.2).answer.hasPrefix("HTTP/1.1 200 "))
                sockets.append(socket)
            }
            let (answer, closed) = try await exchange(port, request)
            #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("Too many connections") && closed, "\(answer)")
            sockets.removeAll()
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await exchange(port, request, seconds: 0.3).answer.hasPrefix("HTTP/1.1 200 "))
        }
        #expect(ConnectionLimits(descriptors: 64).connectionsPerAddress == 500)
        #expect(ConnectionLimits(descriptors: 4096).connectionsPerAddress == 2048)
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
