import Negotiation
import Rooms
import Signalling

/// The state of one client of LiveKit's protocol. Confined to its room's actor.
final class SignalledClient {
    let sink: any SignalSink
    let parameters: JoinParameters
    /// The socket is gone; the media may still flow.
    var hasSocket = true
    /// The one connection of v1; in v0 the one by which the client sends.
    var publisher: MediaLink?
    /// In v0 the connection by which the client receives.
    var subscriber: MediaLink?
    /// Tracks that have been announced and have no media yet, in order.
    var announced: [AnnouncedTrack] = []
    var plan = SectionPlan<TrackID>()
    /// v0: the offer that the client has not answered yet.
    var offer: (offer: SubscriberOffer, assigned: [String: TrackID])?
    var offerID: UInt32 = 0
    /// Each offer costs an answer, and may cost everybody in the room one.
    var offers = RateAllowance(rate: 5, burst: 50)
    /// What it asked for or declined, by track; others follow `autoSubscribe`.
    var choices: [TrackID: Bool] = [:]
    var wishes: [TrackID: SubscriptionWish] = [:]

    /// Who may have what it publishes; nil for everybody.
    var rules: SubscriptionRules?
    /// What it wants and was told that it may not have.
    var denied: Set<TrackID> = []

    /// More than these are not kept.
    static let choiceLimit = 4_096

    struct AnnouncedTrack {
        var request: Livekit_AddTrackRequest
        var info: Livekit_TrackInfo
    }

    init(sink: any SignalSink, parameters: JoinParameters) {
        self.sink = sink
        self.parameters = parameters
    }

    var isDual: Bool { parameters.version == .v0 }
    var autoSubscribes: Bool { parameters.request.connectionSettings.autoSubscribe }
    /// The connection by which it receives.
    var receivingLink: MediaLink? { isDual ? subscriber : publisher }
}
