import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket
import Signalling

/// Decides by its first request what a connection is: HTTP for the router, or a signalling socket. One that has been HTTP and is asked for a socket
/// is closed without an answer, as one that was idle for too long might be: a proxy takes another then (RFC 9112 §9.3.1).
///
/// NIO's own upgrade handler loses a request that it does not upgrade (its head is not among what it hands on), so this one stands in its
/// place: right behind the decoder, before everything that is only HTTP's. A refused upgrade is answered here, with what `validate` answers.
final class SignalUpgrader: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// What a connection has become.
    enum Outcome: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case signal(SignalConnection)
    }

    /// What there is before the first request, and leaves with HTTP.
    struct HTTPHandlers {
        var encoder: HTTPResponseEncoder
        var decoder: ByteToMessageHandler<HTTPRequestDecoder>
        var codec: HTTP1ToHTTPServerCodec
        var limiter: ConnectionLimiter
    }

    private enum State {
        case waiting
        case checking(HTTPRequestHead, JoinParameters.Version, hasEnded: Bool, Result<SignalAdmission, Refusal>?)
        case http
        /// Refused or upgraded: nothing is for us any more.
        case done
    }

    private let service: SignalService
    private let counts: ConnectionCounts
    private let handlers: HTTPHandlers
    private let outcome: EventLoopPromise<Outcome>
    private let logger: Logger
    private var state = State.waiting

    init(
        service: SignalService, counts: ConnectionCounts, handlers: HTTPHandlers, outcome: EventLoopPromise<Outcome>, logger: Logger
    ) {
        self.service = service
        self.counts = counts
        self.handlers = handlers
        self.outcome = outcome
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch (state, part) {
        case (.waiting, .head(let head)):
            if let version = Self.wanted(head) { return check(head, version, context) }
            becomeHTTP(context)
            context.fireChannelRead(data)
        case (.http, .head(let head)) where Self.wanted(head) != nil && handlers.limiter.isIdle:
            state = .done
            context.close(promise: nil)
        case (.waiting, _), (.http, _):
            context.fireChannelRead(data)
        case (.checking(let head, let version, _, let result), .end):
            state = .checking(head, version, hasEnded: true, result)
            // Not from within the decoder, which may have to leave.
            context.eventLoop.assumeIsolated().execute { self.decide(context) }
        case (.checking(_, let version, _, _), _):
            refuse(Refusal(.badRequest, "The request for an upgrade must have no body."), version, context)
        case (.done, _): break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch state {
        case .waiting:
            becomeHTTP(context)
            context.fireUserInboundEventTriggered(event)
        case .checking where event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed: context.close(promise: nil)
        case .checking, .http, .done: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .waiting:
            becomeHTTP(context)
            context.fireErrorCaught(error)
        case .checking: context.close(promise: nil)
        case .http, .done: context.fireErrorCaught(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Whoever waits for the outcome hears of it in any case; a second answer to a promise would trap.
    private func end() {
        switch state {
        case .waiting, .checking:
            state = .done
            outcome.fail(ChannelError.eof)
        case .http, .done: break
        }
    }

    // MARK: HTTP

    private func becomeHTTP(_ context: ChannelHandlerContext) {
        state = .http
        do {
            try context.pipeline.syncOperations.addHandler(HTTPConnectionStateHandler(logger: logger))
            let channel = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
                wrappingChannelSynchronously: context.channel, configuration: .init(isOutboundHalfClosureEnabled: true))
            outcome.succeed(.http(channel))
        } catch {
            outcome.fail(error)
            context.close(promise: nil)
        }
    }

    // MARK: Upgrade

    /// Which socket a request asks for (RFC 6455 §4.2.1); nil where it asks for none, or nothing of ours.
    private static func wanted(_ head: HTTPRequestHead) -> JoinParameters.Version? {
        guard head.method == .GET, head.version == .http1_1,
            head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else { return nil }
        return SignalDoor.version(path: head.uri.prefix { $0 != "?" })
    }

    private func check(_ head: HTTPRequestHead, _ version: JoinParameters.Version, _ context: ChannelHandlerContext) {
        state = .checking(head, version, hasEnded: false, nil)
        let checked = context.eventLoop.makePromise(of: Result<SignalAdmission, Refusal>.self)
        checked.completeWithTask { [door = service.door] in
            do throws(Refusal) {
                return .success(try await door.admit(version, target: head.uri, authorization: head.headers.first(name: "authorization")))
            } catch {
                return .failure(error)
            }
        }
        checked.futureResult.assumeIsolated().whenSuccess { result in
            guard case .checking(let head, let version, let hasEnded, _) = self.state else { return }
            self.state = .checking(head, version, hasEnded: hasEnded, result)
            self.decide(context)
        }
    }

    /// Once the request is whole and the checks have answered.
    private func decide(_ context: ChannelHandlerContext) {
        guard case .checking(let head, let version, hasEnded: true, let result?) = state else { return }
        switch result {
        case .failure(let refusal): refuse(refusal, version, context)
        case .success(let admission): upgrade(head, version, admission, context)
        }
    }

    private func upgrade(
        _ head: HTTPRequestHead, _ version: JoinParameters.Version, _ admission: SignalAdmission, _ context: ChannelHandlerContext
    ) {
        let channel = context.channel
        let limits = service.limits
        let log = SignalLog(service.logger, admission)
        let inbox = SignalInbox(limits: limits)
        let outlet = SignalOutlet(channel: channel, encoding: admission.parameters.encoding, limits: limits) {
            log.closing(.policyViolation, "The client does not read what it is sent.")
        }
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            maxFrameSize: limits.messageBytes, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    let socket = SignalSocket(inbox: inbox, outlet: outlet, limits: limits, log: log)
                    try channel.pipeline.syncOperations.addHandler(socket)
                }
            })
        // Answers at once: `shouldUpgrade` does.
        upgrader.buildUpgradeResponse(channel: channel, upgradeRequest: head, initialResponseHeaders: [:])
            .assumeIsolated().whenComplete { result in
                guard case .success(let headers) = result else {
                    let refusal = Refusal(
                        .badRequest, "The WebSocket handshake is not a valid one of version 13.", headers: [.secWebSocketVersion: "13"])
                    return self.refuse(refusal, version, context)
                }
                self.service.requests.count(route: version.route, status: 101)
                self.exchangeHandlers(head, headers, upgrader, context)
                self.outcome.succeed(
                    .signal(SignalConnection(channel: channel, admission: admission, inbox: inbox, outlet: outlet, limits: limits)))
            }
    }

    /// Answers 101, and puts the socket where HTTP was. Bytes that came behind the request leave the decoder last, for the socket.
    private func exchangeHandlers(
        _ head: HTTPRequestHead, _ headers: HTTPHeaders, _ upgrader: NIOTypedWebSocketServerUpgrader<Void>,
        _ context: ChannelHandlerContext
    ) {
        let channel = context.channel
        // The limiter gives the connection's place back when it goes.
        let address = ClientAddress(host: channel.remoteAddress?.ipAddress)
        counts.keep(address)
        service.sockets.opened()
        channel.closeFuture.whenComplete { [counts, sockets = service.sockets] _ in
            counts.close(address)
            sockets.closed()
        }
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers))), promise: nil)
        state = .done
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(handlers.codec, promise: nil)
        pipeline.removeHandler(handlers.limiter, promise: nil)
        pipeline.removeHandler(handlers.encoder, promise: nil)
        pipeline.removeHandler(self, promise: nil)
        upgrader.upgrade(channel: channel, upgradeRequest: head).whenFailure { _ in channel.close(promise: nil) }
        pipeline.removeHandler(handlers.decoder, promise: nil)
    }

    private func refuse(_ refusal: Refusal, _ version: JoinParameters.Version, _ context: ChannelHandlerContext) {
        service.requests.count(route: version.route, status: refusal.status.code)
        let body = ByteBuffer(string: refusal.sentence + "\n")
        var headers: HTTPHeaders = [
            "Content-Type": "text/plain; charset=utf-8", "Content-Length": String(body.readableBytes), "Connection": "close",
            "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff",
        ]
        for field in refusal.headers { headers.add(name: field.name.rawName, value: field.value) }
        let status = HTTPResponseStatus(statusCode: refusal.status.code, reasonPhrase: refusal.status.reasonPhrase)
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
        end()
    }
}

extension JoinParameters.Version {
    /// As requests are counted.
    fileprivate var route: String {
        switch self {
        case .v0: "/rtc"
        case .v1: "/rtc/v1"
        }
    }
}
