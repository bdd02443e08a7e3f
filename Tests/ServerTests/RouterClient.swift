import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Server
import Synchronization

/// Hands requests to a router, without a socket. (The framework's own test client would bring a second HTTP client and a second TLS
/// library into every build.)
struct RouterClient: Sendable {
    struct Answer: Sendable {
        var status: HTTPResponse.Status
        var headers: HTTPFields
        var body: ByteBuffer
        var text: String { String(buffer: body) }
    }

    private let responder: RouterResponder<ServerContext>

    init(_ router: Router<ServerContext>) { responder = router.buildResponder() }

    func ask(_ uri: String, _ method: HTTPRequest.Method = .get, headers: HTTPFields = [:], body: ByteBuffer? = nil) async throws -> Answer
    {
        var headers = headers
        if let body { headers[.contentLength] = String(body.readableBytes) }
        let request = Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "localhost", path: uri, headerFields: headers),
            body: RequestBody(buffer: body ?? ByteBuffer()))
        let source = ApplicationRequestContextSource(channel: EmbeddedChannel(), logger: Bench.quiet)
        let response = try await responder.respond(to: request, context: ServerContext(source: source))
        let collector = Collector()
        try await response.body.write(collector)
        return Answer(status: response.status, headers: response.headers, body: collector.body)
    }

    private final class Collector: ResponseBodyWriter {
        private let collected = Mutex(ByteBuffer())
        var body: ByteBuffer { collected.withLock { $0 } }

        func write(_ buffer: ByteBuffer) async throws { _ = collected.withLock { $0.writeImmutableBuffer(buffer) } }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }
}
