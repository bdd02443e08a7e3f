import MediaPrimitives
import MediaWorker
import Rooms
import Server

/// A worker without media: it remembers what it was asked, and says what the test makes it say.
actor FakeHost: MediaHost {
    nonisolated let events: AsyncStream<RoomEvent>
    nonisolated let report: AsyncStream<RoomEvent>.Continuation
    private(set) var opened: [ParticipantParameters] = []
    private(set) var closed: [(id: ParticipantID, reason: String)] = []
    private(set) var restarted: [ParticipantID] = []
    private(set) var isStopped = false
    var refusal: AdmissionError?
    var knowsParticipants = true

    init() { (events, report) = AsyncStream.makeStream(of: RoomEvent.self) }

    func refuse(_ error: AdmissionError?) { refusal = error }
    func forgetParticipants() { knowsParticipants = false }

    func open(_ parameters: ParticipantParameters) throws(AdmissionError) -> ParticipantID {
        if let refusal { throw refusal }
        opened.append(parameters)
        return ParticipantID(rawValue: UInt64(opened.count))
    }

    func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) -> Bool {
        restarted.append(id)
        return knowsParticipants
    }

    func close(_ id: ParticipantID, reason: String) { closed.append((id, reason)) }

    func statistics() -> WorkerStatistics {
        var statistics = WorkerStatistics()
        statistics.transports = opened.count - closed.count
        statistics.counters.received.count(.rtp, bytes: 100)
        statistics.counters.drop(.invalidSTUN, count: 3)
        return statistics
    }

    func stop() {
        isStopped = true
        report.finish()
    }
}
