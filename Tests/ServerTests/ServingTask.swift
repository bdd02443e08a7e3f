import Logging
import Server
import ServiceLifecycle

/// The main port as the whole server runs it, with an end in order.
final class ServingTask: Sendable {
    private let group: ServiceGroup
    private let running: Task<Void, Never>
    private let ports: AsyncStream<UInt16>

    init(_ bench: Bench) {
        let (ports, opened) = AsyncStream.makeStream(of: UInt16.self)
        self.ports = ports
        let listener = HTTPListener(
            host: "127.0.0.1", port: 0, option: .port, router: bench.plane.mainRouter, signals: bench.plane.signals,
            limits: ConnectionLimits(), counts: ConnectionCounts(), logger: Bench.quiet, opened: { _, port in opened.yield(port) })
        let group = ServiceGroup(services: [listener], logger: Bench.quiet)
        self.group = group
        running = Task { try? await group.run() }
    }

    var port: UInt16 {
        get async { await ports.first { _ in true } ?? 0 }
    }

    /// Returns when the port has ended.
    func stop() async {
        await group.triggerGracefulShutdown()
        await running.value
    }
}
