import MediaPrimitives
import MediaWorker
import Rooms
import Server
import Testing

/// A worker without media: it remembers what it was told, and says what the test makes it say.
final class FakeHost: MediaHost {
    struct Opened: Sendable {
        var id: ParticipantID
        var parameters: ParticipantParameters

        /// What it publishes.
        var tracks: [TrackID?] { parameters.receiving.map(\.track) }
    }

    struct Configured: Sendable {
        var id: ParticipantID
        var receiving: [ReceivingSection]
        var sending: [SendingSection]
    }

    struct Memory: Sendable {
        var opened: [Opened] = []
        var configured: [Configured] = []
        var closed: [(id: ParticipantID, reason: String)] = []
        var restarted: [ParticipantID] = []
        var isStopped = false
        var refusal: AdmissionError?
        var knowsParticipants = true
        var explanations: [SubscriptionExplanation] = []
        /// Calls that are held until the test releases them, and how many have begun.
        var holdsOpens = false
        var holdsConfigures = false
        var opening = 0
        var configuring = 0
        /// What the control plane has not fetched yet, and how often it has come to fetch.
        fileprivate var events: [RoomEvent] = []
        fileprivate var reported = 0
        fileprivate var fetched = 0

        /// By which tracks `id` is fed, section by section; nil for silent ones.
        func fed(_ id: ParticipantID) -> [TrackID?] { current(id)?.sending.map(\.source?.id) ?? [] }

        /// What `id` carries as the control plane said last.
        func current(_ id: ParticipantID) -> Configured? {
            if let last = configured.last(where: { $0.id == id }) { return last }
            return opened.first { $0.id == id }
                .map { Configured(id: id, receiving: $0.parameters.receiving, sending: $0.parameters.sending) }
        }
    }

    let number: Int
    let memory = Recorder(Memory())
    let events: AsyncStream<RoomEvent>

    init(number: Int = 0) {
        self.number = number
        let memory = memory
        events = AsyncStream {
            memory.record { $0.fetched += 1 }
            await memory.until(deadline: .seconds(600)) { !$0.events.isEmpty || $0.isStopped }
            return memory.record { $0.events.isEmpty ? nil : $0.events.removeFirst() }
        } onCancel: {
            memory.record { $0.isStopped = true }
        }
    }

    var opened: [ParticipantParameters] { memory.current.opened.map(\.parameters) }
    var closed: [(id: ParticipantID, reason: String)] { memory.current.closed }
    var restarted: [ParticipantID] { memory.current.restarted }

    func refuse(_ error: AdmissionError?) { memory.record { $0.refusal = error } }
    func forgetParticipants() { memory.record { $0.knowsParticipants = false } }

    /// Tells the control plane, and returns when it has taken note.
    func report(_ event: RoomEvent) async {
        let before = memory.record {
            $0.events.append(event)
            $0.reported += 1
            return $0.reported
        }
        // Whoever fetches again is done with what it had.
        let isNoted = await memory.until { $0.fetched > before }
        #expect(isNoted, "Nobody has taken note of \(event).")
    }

    // MARK: What workers do

    func open(_ parameters: ParticipantParameters) async throws(AdmissionError) -> ParticipantID {
        memory.record { $0.opening += 1 }
        await memory.until { !$0.holdsOpens }
        if let refusal = memory.current.refusal { throw refusal }
        return memory.record { [number] memory in
            let id = ParticipantID(worker: number, number: UInt64(memory.opened.count + 1))
            memory.opened.append(Opened(id: id, parameters: parameters))
            return id
        }
    }

    func configure(_ id: ParticipantID, receiving: [ReceivingSection], sending: [SendingSection]) async -> Bool {
        memory.record { $0.configuring += 1 }
        await memory.until { !$0.holdsConfigures }
        return memory.record { memory in
            memory.configured.append(Configured(id: id, receiving: receiving, sending: sending))
            return memory.knowsParticipants
        }
    }

    func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) -> Bool {
        memory.record {
            $0.restarted.append(id)
            return $0.knowsParticipants
        }
    }

    /// As with a worker, `closed` follows as an event.
    func close(_ id: ParticipantID, reason: String) {
        memory.record {
            guard $0.opened.contains(where: { $0.id == id }), !$0.closed.contains(where: { $0.id == id }) else { return }
            $0.closed.append((id, reason))
            $0.events.append(.closed(id, reason: reason))
            $0.reported += 1
        }
    }

    func explain(_ room: String) -> [SubscriptionExplanation] { memory.current.explanations }

    func statistics() -> WorkerStatistics {
        var statistics = WorkerStatistics()
        statistics.transports = opened.count - closed.count
        statistics.counters.received.count(.rtp, bytes: 100)
        statistics.counters.drop(.invalidSTUN, count: 3)
        return statistics
    }

    func stop() { memory.record { $0.isStopped = true } }
}
