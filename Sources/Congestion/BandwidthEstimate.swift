import MediaPrimitives

/// Where a transport stands, for whoever asks why: `/explain` prints it.
package struct BandwidthEstimate: Sendable {
    /// What set the target. A closed list.
    package enum Reason: String, Sendable, CaseIterable {
        /// Nothing is known yet.
        case start
        /// It grows, as the delay does not.
        case growth
        /// The delay grew: a queue was building up.
        case delay
        /// A probe passed, or found the link's capacity.
        case probe
        /// It stays, as too little is sent to learn from.
        case applicationLimited = "application_limited"
        /// Less is sent to see whether less is lost.
        case lossTrial = "loss_trial"
        /// More would be lost.
        case loss
        /// The receiver asked for no more (REMB).
        case remb
        /// Nobody answers.
        case silence
        /// The most that was allowed.
        case maximum
        /// The least that is ever assumed.
        case minimum
    }

    /// What may be sent, and what set that.
    package var target: Bitrate
    package var reason: Reason
    package var usage: LinkUsage
    /// The delay's limit, the loss's and the receiver's; nil where there is none.
    package var delayLimit: Bitrate
    package var lossLimit: Bitrate?
    package var receiverLimit: Bitrate?
    /// What the link is believed to pass; nil while that is not known.
    package var capacity: Bitrate?
    /// What arrived over the last second.
    package var throughput: Bitrate?
    /// Shares: lost lately, and what of it is taken for the link's own.
    package var loss: Double
    package var acceptedLoss: Double
    package var roundTrip: Interval
    /// What the last packets waited on their way, more or less.
    package var queue: Interval
    package var isApplicationLimited: Bool
    /// The probe under way.
    package var probe: ProbeCluster?
}
