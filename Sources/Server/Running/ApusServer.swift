import Foundation
import Hummingbird
import Logging
import MediaPrimitives
import MediaSecurity
import MediaWorker
import ServiceLifecycle
import UnixSignals

/// The whole server: its workers, two HTTP ports, and the order in which they start and stop.
package enum ApusServer {
    /// Runs until a signal has drained it. Returns after a clean end.
    package static func run(_ configuration: ServeConfiguration, logger: Logger) async throws(StartError) {
        prepareProcess(logger)
        // From the first moment, so that a signal while starting is not lost.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (group, certificate) = try startMedia(configuration)
        for finding in MachineCheck.buffers() {
            logger.log(level: finding.verdict == .ok ? .info : .warning, "\(finding.sentence)")
        }
        let plane = MediaPlane(hosts: group.workers)
        let transport = LocalTransport(
            fingerprint: certificate.fingerprint, candidates: configuration.candidates(on: group.udpAddresses))
        var limits = RoomDirectory.Limits()
        limits.rooms = configuration.maxRooms
        limits.room.members = configuration.maxParticipants
        // After a restart all of a room come at once, and who is refused comes later.
        limits.room.waitingMembers = max(limits.room.waitingMembers, configuration.maxParticipants / 2)
        limits.room.dynacast = configuration.dynacast
        let directory = RoomDirectory(plane: plane, local: transport, limits: limits, logger: logger)
        let control = await ControlPlane(
            configuration: configuration, directory: directory, workers: group.workers,
            udpPorts: group.udpAddresses, signals: directory, logger: logger)
        let listeners = control.listeners
        // Stopped from the last to the first: sessions drain while HTTP still answers their DELETEs.
        let parts: [any Service] =
            [MediaService(plane: plane)] + listeners
            + [DrainService(directory: directory, timeout: configuration.drainTimeout)]
        var groupConfiguration = ServiceGroupConfiguration(services: parts, logger: quiet(logger))
        groupConfiguration.maximumGracefulShutdownDuration = .nanoseconds(configuration.drainTimeout.nanoseconds) + .seconds(5)
        groupConfiguration.maximumCancellationDuration = .seconds(5)
        let services = ServiceGroup(configuration: groupConfiguration)
        let watch = Task { await obey(signals, group: services, logger: logger) }
        defer { watch.cancel() }
        do {
            try await services.run()
        } catch let error as StartError {
            throw error
        } catch {
            guard await !directory.acceptsNewRooms else { throw StartError(.unavailable, "The server has stopped: \(error)") }
            logger.warning("Not everything ended in time.", metadata: ["error": "\(error)"])
        }
        logger.notice("Stopped.")
    }

    /// The first signal drains, the second ends the process at once.
    private static func obey(_ signals: UnixSignalsSequence, group: ServiceGroup, logger: Logger) async {
        var seen = 0
        for await signal in signals {
            seen += 1
            if seen > 1 {
                logger.notice("A second signal: ending at once.")
                _exit(0)
            }
            logger.notice("Shutting down.", metadata: ["signal": "\(signal)"])
            await group.triggerGracefulShutdown()
        }
    }

    private static func startMedia(_ configuration: ServeConfiguration) throws(StartError) -> (WorkerGroup, Certificate) {
        let certificate: Certificate
        do { certificate = try Certificate.generate() } catch {
            throw StartError(.unavailable, "The system could not make a certificate: \(error)")
        }
        let addresses = configuration.mediaHosts.compactMap { SocketAddress(host: $0, port: configuration.udpPort) }
        var worker = WorkerConfiguration(addresses: addresses, tcpPort: configuration.tcpPort)
        worker.controlsCongestion = configuration.congestionControl
        worker.audioTop = configuration.audioTop
        worker.tcpConnections = DescriptorBudget.current.mediaConnections
        do throws(WorkerError) {
            let group = try WorkerGroup(count: configuration.workers, worker, certificate: certificate)
            return (group, certificate)
        } catch {
            switch error {
            case .bind(let error):
                let place = ListeningPlace(
                    use: error.isTCP ? .mediaOverTCP : .media, host: error.address.host, port: error.address.port,
                    option: error.isTCP ? .tcpPort : .udpPort)
                throw StartError.cannotListen(on: place, code: error.code)
            case .loop(let code):
                throw StartError(.unavailable, "The media thread can't be started: \(String(cString: strerror(code))).")
            }
        }
    }

    /// As many descriptors as the system lets us have, and no death by a closed pipe.
    private static func prepareProcess(_ logger: Logger) {
        signal(SIGPIPE, SIG_IGN)
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 { logger.warning("The limit of open files could not be raised.") }
    }

    /// The lifecycle library's lines say nothing that ours do not.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .critical)
        return quiet
    }
}

/// Tells the rooms what happens on the workers while the server runs, and stops the workers at its end.
struct MediaService: Service {
    let plane: MediaPlane

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                for worker in plane.hosts.indices { group.addTask { await plane.follow(worker) } }
            }
        }
        // The streams also end when a start fails elsewhere; either way this is the end.
        try? await gracefulShutdown()
        for host in plane.hosts { await host.stop() }
    }
}

/// Sleeps until the end begins, then lets sessions end.
struct DrainService: Service {
    let directory: RoomDirectory
    let timeout: Interval

    func run() async throws {
        do { try await gracefulShutdown() } catch { return }
        await directory.drain(timeout: timeout)
    }
}
