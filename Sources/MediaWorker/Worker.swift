import EventLoop
import MediaPrimitives
import MediaSecurity
import Rooms

/// One media thread: a libuv loop with its sockets, and the rooms and transports that live on it.
///
/// The actor's executor is that loop, so that a command is an awaited call and the compiler keeps everybody else out. The packet path never
/// comes by here: it runs in `MediaLoop`, called by the loop itself.
package actor Worker {
    /// What happens to participants; `RoomEvent` says what bounds it. Consumed once.
    package nonisolated let events: AsyncStream<RoomEvent>
    /// What the sockets are bound to (ports that were 0 are filled in).
    package nonisolated let udpAddresses: [SocketAddress]
    package nonisolated let tcpAddresses: [SocketAddress]

    private nonisolated let loop: EventLoop
    private let media: MediaLoop

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Opens the sockets and starts the thread of the only worker there is.
    package init(_ configuration: WorkerConfiguration, certificate: Certificate) throws(WorkerError) {
        try self.init(configuration, on: Worker.loop(number: configuration.number), links: nil, certificate: certificate)
    }

    /// A loop for worker `number`, not running yet.
    static func loop(number: Int) throws(WorkerError) -> EventLoop {
        do throws(LoopError) {
            return try EventLoop(name: "apus-worker-\(number)")
        } catch {
            throw .loop(code: error.code)
        }
    }

    /// The same on a loop that is there, and stopped if this fails; `links` are to the other workers.
    init(_ configuration: WorkerConfiguration, on loop: EventLoop, links: WorkerLinks?, certificate: Certificate) throws(WorkerError) {
        let (events, continuation) = AsyncStream.makeStream(of: RoomEvent.self, bufferingPolicy: .unbounded)
        let media: MediaLoop
        do throws(SocketError) {
            media = try MediaLoop(loop, configuration, links: links, certificate: certificate, events: continuation)
        } catch {
            loop.stop()
            throw .bind(BindError(address: error.address, isTCP: error.isTCP, code: error.code))
        }
        self.events = events
        self.loop = loop
        udpAddresses = media.udpAddresses
        tcpAddresses = media.tcpAddresses
        self.media = media
        do throws(LoopError) {
            try loop.start()
        } catch {
            throw .loop(code: error.code)
        }
    }

    /// Takes somebody in: the transport answers checks from now on.
    package func open(_ parameters: ParticipantParameters) throws(AdmissionError) -> ParticipantID {
        try media.open(parameters)
    }

    /// Takes the outcome of a negotiation: all sections of a participant as they are from now on, by mid. False if the participant is gone.
    package func configure(_ id: ParticipantID, receiving: [ReceivingSection], sending: [SendingSection]) -> Bool {
        media.configure(id, receiving: receiving, sending: sending)
    }

    /// Takes new credentials; the old ones stay valid until the new have carried a check. False if the participant is gone.
    package func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) -> Bool {
        media.restartICE(id, local: local, remote: remote)
    }

    /// Says goodbye to a participant; `closed` follows as an event. Nothing happens if it is gone.
    package func close(_ id: ParticipantID, reason: String) { media.close(id, reason: reason) }

    package func statistics() -> WorkerStatistics { media.statistics() }

    /// What everybody in a room is sent from here, and why.
    package func explain(_ room: String) -> [SubscriptionExplanation] { media.explain(room) }

    /// Closes all participants and sockets, and returns when the thread has ended.
    package func stop() async {
        media.closeAll(reason: "the server is shutting down")
        loop.stop()
        await loop.ended()
    }
}
