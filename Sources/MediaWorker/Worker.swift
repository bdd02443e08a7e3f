import MediaPrimitives
import MediaSecurity
import Rooms

/// How a worker's sockets are opened.
package struct WorkerConfiguration: Sendable {
    /// Addresses to bind, one UDP socket and one TCP listener each; `0.0.0.0` and `::` bind all of a family. Ports: 0 takes a free one; nil leaves TCP out.
    package var addresses: [SocketAddress]
    package var tcpPort: UInt16?

    package init(addresses: [SocketAddress], tcpPort: UInt16?) {
        self.addresses = addresses
        self.tcpPort = tcpPort
    }
}

/// A port that could not be opened.
package struct BindError: Error, Sendable {
    package var address: SocketAddress
    package var isTCP: Bool
    /// The system's errno.
    package var code: Int32
}

/// Why a participant could not be opened; the text is a sentence for whoever asked.
package struct AdmissionError: Error, Sendable {
    package var sentence: String
    package init(_ sentence: String) { self.sentence = sentence }
}

/// One media thread. (Interface only, until the loop under it lands.)
package actor Worker {
    /// What happens to participants. Bounded; consumed once.
    package nonisolated let events: AsyncStream<RoomEvent>
    /// What the sockets are really bound to (ports that were 0 are filled in).
    package nonisolated let udpAddresses: [SocketAddress]
    package nonisolated let tcpAddresses: [SocketAddress]

    package init(_ configuration: WorkerConfiguration, certificate: Certificate) throws(BindError) {
        events = AsyncStream { _ in }
        udpAddresses = configuration.addresses
        tcpAddresses = []
    }

    package func open(_ parameters: ParticipantParameters) throws(AdmissionError) -> ParticipantID { throw AdmissionError("not yet") }
    /// Takes new credentials; the old ones stay valid until the new have carried a check. False if the participant is gone.
    package func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) -> Bool { false }
    package func close(_ id: ParticipantID, reason: String) {}
    package func statistics() -> WorkerStatistics { WorkerStatistics() }
    /// Closes all participants and sockets, and ends the thread.
    package func stop() async {}
}
