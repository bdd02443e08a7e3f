import MediaPrimitives
import MediaWorker
import Rooms

/// A worker as the control plane sees it; tests put their own in its place.
package protocol MediaHost: Sendable {
    /// What happens to participants; consumed once.
    var events: AsyncStream<RoomEvent> { get }
    func open(_ parameters: ParticipantParameters) async throws(AdmissionError) -> ParticipantID
    func configure(_ id: ParticipantID, receiving: [ReceivingSection], sending: [SendingSection]) async -> Bool
    func restartICE(_ id: ParticipantID, local: ICECredentials, remote: ICECredentials) async -> Bool
    func close(_ id: ParticipantID, reason: String) async
    func statistics() async -> WorkerStatistics
    func explain(_ room: String) async -> [SubscriptionExplanation]
    func stop() async
}

extension Worker: MediaHost {}
