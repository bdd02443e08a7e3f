import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Synchronization

/// What one connection may do to us: how slowly it may send, how much, and how many of its address there may be.
package struct ConnectionLimits: Sendable {
    /// From the connection's start to the end of the first request's head.
    package var headTimeout: TimeAmount = .seconds(10)
    /// From the end of a request's head to the end of its body.
    package var bodyTimeout: TimeAmount = .seconds(20)
    /// Between an answer and the next request.
    package var idleTimeout: TimeAmount = .seconds(60)
    /// Bodies are read to this length, so that a refusal arrives before the connection is closed; nothing keeps what is read beyond a route's limit.
    package var bodyBytes = 1 << 20
    /// Joins carry a token and a gzipped session description in their address.
    package var headerBytes = 64 * 1024
    static let headerCount = 100
    /// Offices and proxies share an address: never below 500.
    package var connectionsPerAddress = 10_000

    /// - Parameter descriptors: how many the process may have; one address gets half of them at most.
    package init(descriptors: Int = .max) { connectionsPerAddress = max(500, min(connectionsPerAddress, descriptors / 2)) }
}

/// How many connections each address has.
package final class ConnectionCounts: Sendable {
    package init() {}

    private let counts = Mutex<[String: Int]>([:])

    /// Counts one in; false, and nothing is counted, where the address has `limit` already.
    func open(_ address: String, limit: Int) -> Bool {
        counts.withLock {
            let count = $0[address, default: 0]
            guard count < limit else { return false }
            $0[address] = count + 1
            return true
        }
    }

    func close(_ address: String) {
        counts.withLock {
            guard let count = $0[address] else { return }
            $0[address] = count > 1 ? count - 1 : nil
        }
    }
}

/// Holds one connection to the limits. Sits where requests are already parsed: what has not become a request by the deadline counts as slow.
final class ConnectionLimiter: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let limits: ConnectionLimits
    private let counts: ConnectionCounts
    private var address: String?
    private var deadline: Scheduled<Void>?
    private var received = 0
    private var isReading = false
    private var isAnswering = false
    private var isRefused = false

    init(limits: ConnectionLimits, counts: ConnectionCounts) {
        self.limits = limits
        self.counts = counts
    }

    func channelActive(context: ChannelHandlerContext) {
        let address = context.remoteAddress?.ipAddress ?? "unknown"
        if counts.open(address, limit: limits.connectionsPerAddress) {
            self.address = address
            arm(limits.headTimeout, context) { limiter, context in
                limiter.refuse(.requestTimeout, "The request did not arrive in time.", context)
            }
        } else {
            refuse(.serviceUnavailable, "Too many connections come from this address.", context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        switch unwrapInboundIn(data) {
        case .head:
            received = 0
            isReading = true
            isAnswering = true
            arm(limits.bodyTimeout, context) { limiter, context in
                limiter.refuse(.requestTimeout, "The request's body did not arrive in time.", context)
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
        if case .end = unwrapOutboundIn(data) {
            isAnswering = false
            rest(context)
        }
        context.write(data, promise: promise)
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
        if !isReading || isAnswering {
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
