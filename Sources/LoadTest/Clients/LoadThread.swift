import EventLoop
import MediaPrimitives
import MediaSecurity
import RTP

/// A thread of clients, as the control side of a load test sees it: an actor whose executor is the loop.
actor LoadThread {
    private nonisolated let loop: EventLoop
    private let state: LoadLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(name: String, certificate: Certificate) throws(LoadError) {
        do throws(LoopError) {
            loop = try EventLoop(name: name)
            state = LoadLoop(loop, certificate: certificate)
            try loop.start()
        } catch { throw .broken("A thread could not be started: \(error)") }
    }

    /// The monotonic clock by which everything is stamped and measured.
    nonisolated var now: Instant { loop.now }

    func open(_ setup: ClientSetup) throws(LoadError) -> Int {
        do throws(SocketError) { return try state.open(setup) } catch { throw .broken("A socket could not be opened: \(error)") }
    }

    /// What has been agreed with a client since.
    func add(_ key: Int, sending: [SendingPlan], receiving: [ReceivingPlan], extensions: HeaderExtensionMap) {
        state.add(key, sending: sending, receiving: receiving, extensions: extensions)
    }

    func hasMedia(_ key: Int) -> Bool { state.hasMedia(key) }
    func closedReason(_ key: Int) -> String? { state.closedReason(key) }
    func mute(_ key: Int, _ muted: Bool) -> UInt16? { state.mute(key, muted) }
    func speak(_ key: Int, _ speaks: Bool) { state.speak(key, speaks) }
    func notePause(of source: UInt16) { state.notePause(of: source) }
    func want(_ key: Int, layer: UInt8) -> [String] { state.want(key, layer: layer) }
    func stopPublishing() { state.stopPublishing() }
    func outcome(_ key: Int) -> ClientOutcome? { state.outcome(key) }
    func close(_ key: Int) { state.close(key) }
    func statistics() -> LoopStatistics { state.statistics() }

    func stop() async {
        loop.stop()
        await loop.ended()
    }
}
