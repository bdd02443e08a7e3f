import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Holds one connection to the limits. Sits where requests are already parsed: what has not become a request by the deadline counts as slow.
final class ConnectionLimiter: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private let counts: ConnectionCounts
    private let refused: RefusedConnections
    private var address: ClientAddress?
    private var deadline: Scheduled<Void>?
    private var received = 0
    private var isReading = false
    private var isAnswering = false
    /// An answer's head has been written, and its end has not.
    private var hasBegun = false
    /// Nothing can be read after this request: the connection ends with its answer.
    private var isLast = false
    private var isRefused = false

    init(limits: ConnectionLimits, counts: ConnectionCounts, refused: RefusedConnections) {
        self.limits = limits
        self.counts = counts
        self.refused = refused
    }

    /// Neither a request nor an answer is under way.
    var isIdle: Bool { !isReading && !isAnswering }

    func channelActive(context: ChannelHandlerContext) {
        let address = ClientAddress(host: context.remoteAddress?.ipAddress)
        if let sentence = counts.open(address, limits) {
            refuse(.serviceUnavailable, sentence, context)
        } else {
            self.address = address
            arm(limits.headTimeout, context) { limiter, context in
                limiter.refuse(.requestTimeout, "The request did not arrive in time.", context)
            }
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused, !isLast || isReading else { return }
        switch unwrapInboundIn(data) {
        case .head(let request):
            received = 0
            isReading = true
            isAnswering = true
            // The parser stops behind a request that offers another protocol, and we speak on in this one.
            isLast = request.headerFields[.upgrade] != nil || request.method == .connect
            arm(limits.bodyTimeout, context) { limiter, context in
                limiter.refuse(.requestTimeout, "The request's body did not arrive in time.", context)
            }
            // RFC 9110 §10.1.1: the client waits for this before it sends its body.
            if request.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        case .body(let bytes):
            received += bytes.readableBytes
            if received > limits.bodyBytes {
                isRefused = true
                context.close(promise: nil)
                return
            }
        case .end:
            isReading = false
            rest(context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isRefused else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var response) where response.status.kind != .informational:
            hasBegun = true
            if isLast { response.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(response)), promise: promise)
        case .end:
            hasBegun = false
            isAnswering = false
            if isLast {
                isRefused = true
                context.writeAndFlush(data, promise: promise)
                context.close(promise: nil)
            } else {
                rest(context)
                context.write(data, promise: promise)
            }
        case .head, .body: context.write(data, promise: promise)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        if isAnswering, !isReading {
            // Behind a request that is whole; that one is answered.
            isLast = true
            return
        }
        // Before the end, or a body that is cut short would look whole to whoever reads it.
        context.fireErrorCaught(error)
        if error == .headerOverflow {
            refuse(
                .requestHeaderFieldsTooLarge,
                "A request's address and header fields may have \(limits.headerBytes) bytes and \(ConnectionLimits.headerCount) fields at most.",
                context)
        } else {
            refuse(.badRequest, "This is no request of HTTP/1.1.", context)
        }
    }

    /// Between requests, or while we are the ones who take time.
    private func rest(_ context: ChannelHandlerContext) {
        guard !isReading else { return }
        deadline?.cancel()
        deadline = nil
        guard !isAnswering else { return }
        arm(limits.idleTimeout, context) { limiter, context in
            limiter.isRefused = true
            context.close(promise: nil)
        }
    }

    private func arm(
        _ time: TimeAmount, _ context: ChannelHandlerContext, _ action: @escaping (ConnectionLimiter, ChannelHandlerContext) -> Void
    ) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            guard let self else { return }
            action(self, context)
        }
    }

    private func refuse(_ status: HTTPResponse.Status, _ sentence: String, _ context: ChannelHandlerContext) {
        guard !isRefused else { return }
        isRefused = true
        // An answer that has begun (or was given before the body ended) can't be taken back.
        if !hasBegun, !isReading || isAnswering {
            refused.note(status, sentence, from: context.remoteAddress?.ipAddress ?? "unknown")
            let body = ByteBuffer(string: sentence + "\n")
            let fields: HTTPFields = [
                .contentType: "text/plain; charset=utf-8", .contentLength: String(body.readableBytes), .connection: "close",
                .accessControlAllowOrigin: "*",
            ]
            context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
            context.write(wrapOutboundOut(.body(body)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        context.close(promise: nil)
    }

    private func end() {
        deadline?.cancel()
        deadline = nil
        if let address { counts.close(address) }
        address = nil
    }
}
