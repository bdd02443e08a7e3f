import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection of a port that serves HTTP and signalling sockets: HTTP until its first request has asked for a socket, and may have it.
struct SignalChannel: HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let outcome: EventLoopFuture<SignalUpgrader.Outcome>
    }

    let responder: Responder
    let service: SignalService
    let limits: ConnectionLimits
    let counts: ConnectionCounts
    let refused: RefusedConnections

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let outcome = channel.eventLoop.makePromise(of: SignalUpgrader.Outcome.self)
            var parsing = NIOHTTPDecoderLimitConfiguration()
            parsing.maxHeaderFieldSize = limits.headerBytes
            parsing.maxHeaderListSize = limits.headerBytes
            parsing.maxHeaderFieldCount = ConnectionLimits.headerCount
            let handlers = SignalUpgrader.HTTPHandlers(
                encoder: HTTPResponseEncoder(),
                // What comes behind a request for an upgrade waits in the decoder.
                decoder: ByteToMessageHandler(
                    HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: parsing),
                    maximumBufferSize: service.limits.messageBytes + limits.headerBytes),
                codec: HTTP1ToHTTPServerCodec(secure: false),
                limiter: ConnectionLimiter(limits: limits, counts: counts, refused: refused))
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(handlers.encoder)
            try pipeline.addHandler(handlers.decoder)
            try pipeline.addHandler(
                SignalUpgrader(service: service, counts: counts, handlers: handlers, outcome: outcome, logger: logger))
            try pipeline.addHandler(handlers.codec)
            try pipeline.addHandler(handlers.limiter)
            return Value(channel: channel, outcome: outcome.futureResult)
        }
    }

    func handle(value: Value, logger: Logger) async {
        let outcome = await withTaskCancellationHandler {
            try? await value.outcome.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
        switch outcome {
        case .http(let channel): await handleHTTP(asyncChannel: channel, logger: logger)
        case .signal(let connection): await connection.run(service.door.host)
        case nil: break
        }
    }
}
