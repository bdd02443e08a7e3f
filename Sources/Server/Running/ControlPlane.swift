import Hummingbird
import Logging
import MediaPrimitives
import Negotiation
import Rooms

/// The HTTP side put together: routes for both ports, and what they share.
package struct ControlPlane: Sendable {
    let configuration: ServeConfiguration
    let directory: RoomDirectory
    let workers: [any MediaHost]
    let keys: TokenKeys
    let counts = RequestCounts()
    let allowance = RoomAllowance()
    let readiness: Readiness
    let logger: Logger
    let udpPorts: [SocketAddress]
    package let signals: SignalService

    package init(
        configuration: ServeConfiguration, directory: RoomDirectory, workers: [any MediaHost], udpPorts: [SocketAddress],
        signals: any SignalHost, signalLimits: SignalLimits = SignalLimits(), logger: Logger
    ) async {
        self.configuration = configuration
        self.directory = directory
        self.workers = workers
        self.logger = logger
        self.udpPorts = udpPorts
        keys = await TokenKeys(configuration.keys)
        self.signals = SignalService(keys: keys, host: signals, limits: signalLimits, requests: counts, logger: logger)
        readiness = Readiness(expected: configuration.httpHosts.count + configuration.adminHosts.count)
    }

    package var mainRouter: Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestPolicy(counts: counts, crossOrigin: true))
        HealthRoutes.addHealth(to: router)
        PageRoutes.add(to: router, webApp: configuration.webApp)
        if configuration.webApp, let key = configuration.keys.first {
            InvitationRoutes(
                keys: keys, key: key.name, lifetime: configuration.invitationLifetime, directory: directory, allowance: allowance,
                proxies: configuration.trustedProxies
            ).add(to: router)
        }
        SessionRoutes(keys: keys, directory: directory).add(to: router)
        SignalRoutes(door: signals.door).add(to: router)
        return router
    }

    package var adminRouter: Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestPolicy(counts: counts, crossOrigin: false))
        HealthRoutes.addHealth(to: router)
        HealthRoutes.addReadiness(to: router) { [readiness, directory] in
            guard await readiness.isComplete else { return false }
            return await directory.acceptsNewRooms
        }
        HealthRoutes.addMetrics(to: router) { [workers, directory, counts, sockets = signals.sockets] in
            var statistics: [WorkerStatistics] = []
            for worker in workers { statistics.append(await worker.statistics()) }
            return Metrics(
                workers: statistics, census: await directory.census, signalSockets: sockets.current, requests: counts.all,
                process: ProcessStatistics.current())
        }
        ExplainRoutes(directory: directory, workers: workers).add(to: router)
        return router
    }

    var listeners: [HTTPListener] {
        let connections = (main: ConnectionCounts(), admin: ConnectionCounts())
        let limits = (
            main: ConnectionLimits(connections: DescriptorBudget.current.connections),
            admin: ConnectionLimits(connections: DescriptorBudget.adminConnections)
        )
        let (main, admin) = (mainRouter, adminRouter)
        let listener = { (host: String, port: UInt16, option: ServeOption, router: Router<ServerContext>, signals: SignalService?) in
            HTTPListener(
                host: host, port: port, option: option, router: router, signals: signals,
                limits: option == .adminPort ? limits.admin : limits.main,
                counts: option == .adminPort ? connections.admin : connections.main,
                requests: counts, logger: logger,
                opened: { host, port in
                    await readiness.opened(host: host, port: port, option: option)
                    await announceIfComplete()
                })
        }
        return configuration.httpHosts.map { listener($0, configuration.port, .port, main, signals) }
            + configuration.adminHosts.map { listener($0, configuration.adminPort, .adminPort, admin, nil) }
    }

    /// Says where everything is, once all ports are open.
    private func announceIfComplete() async {
        guard let opened = await readiness.completed() else { return }
        let text = { (option: ServeOption) in
            opened.filter { $0.option == option }.compactMap { SocketAddress(host: $0.host, port: $0.port)?.description }.sorted()
                .joined(separator: ", ")
        }
        logger.notice(
            "Serving.",
            metadata: [
                "http": "\(text(.port))", "admin": "\(text(.adminPort))", "udp": "\(udpPorts.map(\.description).joined(separator: ", "))",
                "announced": "\(configuration.announced.map(\.host).joined(separator: ", "))",
            ])
        if configuration.dev, let key = configuration.keys.first,
            let http = opened.filter({ $0.option == .port }).min(by: { $0.host < $1.host })
        {
            await DevelopmentLinks(keys: keys, key: key.name, webApp: configuration.webApp).print(host: http.host, port: http.port)
        }
    }
}

/// Which ports are open already.
actor Readiness {
    private let expected: Int
    private var listeners: [(host: String, port: UInt16, option: ServeOption)] = []
    private var isTold = false

    init(expected: Int) { self.expected = expected }

    var isComplete: Bool { listeners.count >= expected }

    func opened(host: String, port: UInt16, option: ServeOption) { listeners.append((host, port, option)) }

    /// All listeners, once; nil before the last has opened, and for every later caller.
    func completed() -> [(host: String, port: UInt16, option: ServeOption)]? {
        guard isComplete, !isTold else { return nil }
        isTold = true
        return listeners
    }
}
