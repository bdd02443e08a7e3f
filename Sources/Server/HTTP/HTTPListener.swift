import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// One address and port where requests are answered. Fails with the port's name, and the flag that changes it, where it can't be opened.
package struct HTTPListener: Service {
    let application: Application<RouterResponder<ServerContext>>
    let host: String
    let port: UInt16
    let option: ServeOption

    /// - Parameters:
    ///   - signals: nil where no signalling sockets are opened
    ///   - requests: where refused connections are counted, too
    package init(
        host: String, port: UInt16, option: ServeOption, router: Router<ServerContext>, signals: SignalService?,
        limits: ConnectionLimits, counts: ConnectionCounts, requests: RequestCounts = RequestCounts(), logger: Logger,
        opened: @escaping @Sendable (_ host: String, _ port: UInt16) async -> Void
    ) {
        self.host = host
        self.port = port
        self.option = option
        // The framework reports as errors what a failed start or a normal end brings about; what is one, ends the service, and is told then.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .critical)
        application = Application(
            router: router,
            server: Self.builder(signals, limits, counts, RefusedConnections(requests: requests, logger: logger)),
            configuration: ApplicationConfiguration(address: .hostname(host, port: Int(port)), backlog: 1024),
            onServerRunning: { channel in
                await opened(host, channel.localAddress?.port.map { UInt16(truncatingIfNeeded: $0) } ?? port)
            },
            logger: quiet)
    }

    private static func builder(
        _ signals: SignalService?, _ limits: ConnectionLimits, _ counts: ConnectionCounts, _ refused: RefusedConnections
    ) -> HTTPServerBuilder {
        if let signals {
            return HTTPServerBuilder { SignalChannel(responder: $0, service: signals, limits: limits, counts: counts, refused: refused) }
        }
        let channel = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionLimiter(limits: limits, counts: counts, refused: refused)],
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                maxHeaderFieldCount: ConnectionLimits.headerCount))
        return .http1(configuration: channel)
    }

    package func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw StartError.cannotListen(on: ListeningPlace(use: .http, host: host, port: port, option: option), code: error.errnoCode)
        }
    }
}
