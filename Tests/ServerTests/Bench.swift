import HTTPTypes
import Hummingbird
import JWTKit
import Logging
import MediaPrimitives
import Server
import Testing

import struct Foundation.Date

/// The control plane over a fake worker, and what tests say to it.
struct Bench {
    let rooms: RoomBench
    let plane: ControlPlane
    let keys: TokenKeys

    static let secret = APIKey(name: "key", secret: "0123456789abcdef0123456789abcdef")
    static var now: Double { Date().timeIntervalSince1970 }
    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(
        limits: RoomDirectory.Limits = .init(), options: [ServeOption: String] = [:], signals: any SignalHost = NoSignalHost(),
        signalLimits: SignalLimits = .init()
    ) async throws {
        var given = GivenOptions()
        for (option, text) in options { try given.give(option, text, from: .flag(option.flag)) }
        try given.give(.keys, "\(Self.secret.name): \(Self.secret.secret)", from: .flag("--keys"))
        try given.give(.announce, "192.0.2.1,2001:db8::1", from: .flag("--announce"))
        let configuration = try ServeConfiguration(sources: [given], interfaces: [])
        rooms = RoomBench(limits: limits)
        plane = await ControlPlane(
            configuration: configuration, directory: rooms.directory, workers: rooms.hosts,
            udpPorts: [SocketAddress(ipv4: 0, port: 7001), SocketAddress(high: 0, low: 0, port: 7002)], signals: signals,
            signalLimits: signalLimits, logger: Self.quiet)
        keys = await TokenKeys([Self.secret])
    }

    var host: FakeHost { rooms.host }
    var directory: RoomDirectory { rooms.directory }

    /// Runs requests through the main port's router.
    func main(_ body: (RouterClient) async throws -> Void) async throws {
        try await body(RouterClient(plane.mainRouter))
    }

    /// Serves the main port on a real socket while `body` runs.
    func listening(_ change: (inout ConnectionLimits) -> Void = { _ in }, _ body: (UInt16) async throws -> Void) async throws {
        var limits = ConnectionLimits()
        change(&limits)
        let (ports, opened) = AsyncStream.makeStream(of: UInt16.self)
        let listener = HTTPListener(
            host: "127.0.0.1", port: 0, option: .port, router: plane.mainRouter, signals: plane.signals, limits: limits,
            counts: ConnectionCounts(), logger: Self.quiet, opened: { _, port in opened.yield(port) })
        let running = Task { try? await listener.run() }
        defer { running.cancel() }
        for await port in ports {
            try await body(port)
            break
        }
    }

    func token(_ room: String = "room", identity: String = "me", change: (inout AccessToken) -> Void = { _ in }) async throws -> String {
        var token = AccessToken(identity: identity, video: VideoGrant(room: room, roomJoin: true), now: Self.now, validFor: 600)
        change(&token)
        return try #require(await keys.sign(token, key: Self.secret.name))
    }

    func headers(_ token: String, type: String = "application/sdp", ifMatch: String? = nil) -> HTTPFields {
        var headers: HTTPFields = [.authorization: "Bearer \(token)", .contentType: type]
        headers[.ifMatch] = ifMatch
        return headers
    }
}

enum Offers {
    static let publish = offer(direction: "sendonly")
    static let watch = offer(direction: "recvonly")
    static let ufrag = "EsAw"
    static let password = "P2uYro0UCOQ4zxjKXaWCBui1"

    /// A browser's offer of audio and VP8, as short as one is answered.
    private static func offer(direction: String) -> String {
        let transport = [
            "c=IN IP4 0.0.0.0", "a=ice-ufrag:\(ufrag)", "a=ice-pwd:\(password)",
            "a=fingerprint:sha-256 " + Array(repeating: "0F", count: 32).joined(separator: ":"), "a=setup:actpass", "a=\(direction)",
            "a=rtcp-mux",
        ]
        let lines =
            ["v=0", "o=- 46117314 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111"] + transport
            + ["a=mid:0", "a=rtpmap:111 opus/48000/2", "m=video 9 UDP/TLS/RTP/SAVPF 96 97"] + transport
            + ["a=mid:1", "a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]
        return lines.map { $0 + "\r\n" }.joined()
    }

    static func fragment(ufrag: String = ufrag, password: String = password) -> String {
        "a=ice-ufrag:\(ufrag)\r\na=ice-pwd:\(password)\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
            + "a=candidate:1 1 udp 2130706431 192.0.2.77 4321 typ host\r\na=end-of-candidates\r\n"
    }
}
