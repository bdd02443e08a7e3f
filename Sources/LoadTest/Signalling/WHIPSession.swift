import HeadlessClients
import MediaPrimitives
import NIOHTTP1
import RTP
import SDP
import Signalling

/// A session by HTTP: WHIP (RFC 9725) to publish, WHEP (draft-ietf-wish-whep) to watch.
struct WHIPSession: LoadSession {
    let http: HTTPClient
    let token: String
    /// The session's address, as a path.
    private var location = ""

    private(set) var answer: ServerAnswer

    /// Asks `path` with an offer; while nobody publishes (409) again until `patience` is over.
    init(
        _ http: HTTPClient, path: String, token: String, offer: ClientOffer, patience: Interval, clock: @Sendable () -> Instant
    ) async throws(LoadError) {
        self.http = http
        self.token = token
        let limit = clock() + patience
        while true {
            let headers: HTTPHeaders = ["authorization": "Bearer \(token)", "content-type": "application/sdp"]
            let reply = try await http.send(.POST, path, headers: headers, body: offer.text)
            if reply.status == 201 {
                answer = try ServerAnswer(reply.body, to: offer)
                let address = reply.headers.first(name: "location") ?? ""
                // Ours are paths; others' may be whole URLs of the same server.
                location =
                    address.hasPrefix("/") ? address : address.split(separator: "/", maxSplits: 2).dropFirst(2).first.map { "/" + $0 } ?? ""
                return
            }
            guard reply.status == 409, clock() < limit else {
                throw .refused(status: reply.status, sentence: String(reply.body.prefix(200)))
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    func mute(_ muted: Bool) async {}
    func wish(_ quality: Livekit_VideoQuality, of tracks: [String]) async {}

    @discardableResult
    func end() async -> Bool {
        guard !location.isEmpty else { return true }
        let plain = HTTPClient(group: http.group, server: http.server.withoutPrefix, tls: http.tls)
        return (try? await plain.send(.DELETE, location, headers: ["authorization": "Bearer \(token)"])) != nil
    }
}

extension ServerAddress {
    var withoutPrefix: ServerAddress {
        var server = self
        server.prefix = ""
        return server
    }
}
