import NIOCore
import NIOHTTP1
import NIOPosix

/// One request on a connection of its own: what a client needs to join and to leave.
struct HTTPClient: Sendable {
    let group: any EventLoopGroup
    let server: ServerAddress
    let tls: ServerTLS?
    private static let timeout = TimeAmount.seconds(30)
    /// Answers beyond this are no session descriptions.
    private static let bodyLimit = 1 << 20

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: String
    }

    func send(_ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: String = "") async throws(LoadError) -> Answer {
        let answer = group.any().makePromise(of: Answer.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(10))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { [tls] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try tls?.begin(channel)
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(HTTPAnswerCollector(answer, limit: HTTPClient.bodyLimit))
                    }
                }
                .connect(host: server.host, port: Int(server.port)).get()
        } catch {
            answer.fail(error)
            throw .unreachable(server.silence(error))
        }
        let timeout = channel.eventLoop.scheduleTask(in: HTTPClient.timeout) { channel.close(promise: nil) }
        defer { timeout.cancel() }
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: server.prefix + path, headers: headers)
        head.headers.add(name: "host", value: server.authority)
        head.headers.add(name: "connection", value: "close")
        head.headers.add(name: "content-length", value: String(body.utf8.count))
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil) }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        do {
            let received = try await answer.futureResult.get()
            channel.close(promise: nil)
            return received
        } catch {
            if let reason = ServerTLS.failure(error) {
                throw .unreachable("\(server.authority) does not answer by TLS, or is not trusted: \(reason).")
            }
            throw .broken("\(server.authority) broke off: \(error)")
        }
    }
}

/// Gathers an answer until its end.
private final class HTTPAnswerCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<HTTPClient.Answer>
    private let limit: Int
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    struct Incomplete: Error, CustomStringConvertible { var description: String }

    init(_ promise: EventLoopPromise<HTTPClient.Answer>, limit: Int) {
        self.promise = promise
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= limit else {
                promise.fail(Incomplete(description: "the answer is too long"))
                return context.close(promise: nil)
            }
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            promise.succeed(
                HTTPClient.Answer(status: Int(head.status.code), headers: head.headers, body: String(buffer: body)))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(Incomplete(description: "the connection ended before the answer"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}

extension ServerAddress {
    /// Why nobody answers there, in words.
    func silence(_ error: any Error) -> String {
        guard let failure = error as? NIOConnectionError else { return "\(authority) does not answer: \(error)" }
        if let last = failure.connectionErrors.last {
            let reason = (last.error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(last.error)"
            return "\(authority) does not answer: \(reason)."
        }
        return "\(authority) does not answer: the name \(host) is not known."
    }
}
