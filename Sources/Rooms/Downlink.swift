import Congestion
import Forwarding
import MediaPrimitives
import RTP

/// The way to one participant: how much it carries, as its feedback tells, and what waits until more may leave.
///
/// The packet path asks it for each packet, so it is plain values in the participant. What is numbered here leaves: a number that nobody ever sees
/// would count as lost.
struct Downlink: ~Copyable {
    /// What the participant tells of what arrives.
    enum Feedback {
        /// Nothing that is asked for: everything leaves at once.
        case ignored
        /// Reception reports, and perhaps an estimate of its own (REMB).
        case reports
        /// Transport-wide feedback.
        case transport
        /// Feedback by stream (RFC 8888): the same numbers, which nobody sees.
        case streams
    }

    /// Held packets are looked at this often at most: those of all participants then leave in the same turns.
    private static let tick = Interval.milliseconds(5)
    /// What a probe is made of leaves this often at most.
    private static let probeTick = Interval.milliseconds(1)
    /// How much faster than the target pictures leave where the target is near what the link passes.
    private static let factorNearCapacity = 1.3
    /// What leaves at once where no queue stands: a frame of a stream that fills the target, which would cost a turn more in parts.
    private static let burst = Interval.milliseconds(25)
    /// What is assumed in the beginning: there are answers soon, or only after a second.
    private static let start = Bitrate.kilobits(600)
    private static let startByReports = Bitrate.kilobits(2_500)

    private(set) var feedback: Feedback
    private var pacer: Pacer
    /// What the pacer goes by besides the target: how many bytes wait, and whether a queue stands on the way, behind which nothing hurries.
    private var paced = (waiting: 0, behindQueue: false)
    /// The next transport-wide number of what is sent.
    private(set) var transportSequence: UInt16 = 0
    /// What waits for the pacer.
    var held = HeldPackets.Queue()
    /// The unit releases what waits at the end of this turn.
    private(set) var isDue = false
    /// When the unit was told to come back; never later than it wants to.
    var scheduled = Instant.distantFuture
    /// Under which of our numbers the packets of each stream left, where feedback names them by their own.
    private var streams = StreamNumberTable()
    /// What can be padded with: a stream of retransmissions is there, or one of pictures.
    var canPad = false
    /// Nothing may be padded with until something else leaves.
    private var isPaddingDeferred = false
    private(set) var roundTrip: Interval?
    /// A report has come: without any, silence says nothing of the way.
    private var hasReport = false
    /// Far more has been sent than there is room for: what still waits is forgotten.
    var isFlooded = false
    /// What has been admitted beside the live packets in this turn, in bytes.
    private var admitted = 0
    /// Last, and what each packet touches first in it: that of a participant which is sent to lies in a few cache lines (`SendingMemory`).
    private(set) var estimator: BandwidthEstimator

    /// `isControlled` is false where it is to send whatever comes, at once.
    init(isControlled: Bool) {
        feedback = isControlled ? .reports : .ignored
        pacer = Pacer(target: Downlink.startByReports)
        estimator = BandwidthEstimator(limits: BandwidthEstimator.Limits(start: Downlink.startByReports), followsTarget: false)
    }

    /// Transport-wide feedback was agreed to. Before anything is sent.
    mutating func expectTransportFeedback() { expect(.transport) }

    /// Feedback by stream was agreed to, and nothing better. Before anything is sent.
    mutating func expectStreamFeedback() { expect(.streams) }

    /// Whether it hears of each packet, and not only of how many.
    var hearsOfPackets: Bool { feedback == .transport || feedback == .streams }

    /// What the way carries is still being found out by the first probes. Where nobody answers these, it is not.
    var isExploring: Bool { hearsOfPackets && estimator.guidance.isExploring }

    private mutating func expect(_ kind: Feedback) {
        guard feedback == .reports else { return }
        feedback = kind
        estimator = BandwidthEstimator(limits: BandwidthEstimator.Limits(start: Downlink.start), followsTarget: false)
        pacer = Pacer(target: Downlink.start)
    }

    // MARK: Sending

    /// A turn's packets leave now.
    @inline(__always)
    mutating func beginTurn(at now: Instant) {
        isDue = false
        isPaddingDeferred = false
        admitted = 0
        guard held.bytes != paced.waiting else { return }
        paced.waiting = held.bytes
        if !paced.behindQueue { pacer.set(waiting: held.bytes, at: now) }
    }

    var isControlled: Bool { feedback != .ignored }

    /// Brings the pacer up to date with the estimate, after whatever can have changed that.
    private mutating func update(at now: Instant) {
        paced = (held.bytes, estimator.guidance.hasQueue)
        // A keyframe that leaves faster than the link passes it looks like too much, and the layer that it begins is given up.
        if paced.behindQueue {
            pacer.set(estimator.target, factor: 1, waiting: 0, at: now)
        } else {
            let factor = estimator.guidance.isNearCapacity ? Downlink.factorNearCapacity : Pacer.factor
            pacer.set(estimator.target, factor: factor, burst: Downlink.burst, waiting: held.bytes, at: now)
        }
        if let probe = estimator.guidance.probe { pacer.begin(probe, at: now) }
    }

    /// Whether media may leave now.
    @inline(__always)
    mutating func allows(at now: Instant) -> Bool { !isControlled || pacer.allowance(.media, at: now) > 0 }

    /// Whether so many bytes may be sent at once beside what is sent all the time, at `live`: they must leave within 250 ms, as what comes meanwhile waits
    /// behind them. Not where a queue stands, nor where so much is lost that repairs take what room there is. They are taken as sent.
    mutating func admits(_ bytes: Int, beside live: Bitrate) -> Bool {
        guard isControlled else { return true }
        guard !estimator.guidance.hasQueue, estimator.guidance.loss < Downlink.heavyLoss else { return false }
        let rate = estimator.target * (estimator.guidance.isNearCapacity ? Downlink.factorNearCapacity : Pacer.factor)
        guard held.bytes + admitted + bytes <= (rate - live).bytes(in: Downlink.longestCatchingUp) else { return false }
        admitted += bytes
        return true
    }
    private static let longestCatchingUp = Interval.milliseconds(250)

    /// Bytes of padding that are to leave now, for a probe that finds too little media; 0 for none.
    mutating func paddingWanted(at now: Instant) -> Int {
        isProbing && pacer.allowance(.padding, at: now) > 0 ? max(estimator.restOfProbe.bytes, 1) : 0
    }

    /// There is nothing to pad with at the moment: a picture has begun.
    mutating func deferPadding() { isPaddingDeferred = true }

    /// A probe is under way that padding may be sent for.
    var isProbing: Bool {
        mutating get {
            guard isControlled, canPad, !isPaddingDeferred, pacer.probe != nil else { return false }
            let rest = estimator.restOfProbe
            return rest.packets > 0 || rest.bytes > 0
        }
    }

    /// A packet leaves, encrypted to so many bytes.
    @inline(__always)
    mutating func noteSent(_ kind: Pacer.Kind, bytes: Int, isNumbered: Bool, at now: Instant) {
        guard isControlled else {
            if isNumbered { transportSequence &+= 1 }
            return
        }
        if feedback == .transport ? isNumbered : feedback == .streams || hasReport {
            estimator.noteSent(transportSequence, bytes: bytes, at: now, probe: pacer.probe(for: kind))
            transportSequence &+= 1
        } else if isNumbered {
            transportSequence &+= 1
        }
        pacer.note(kind, bytes: bytes, at: now)
    }

    /// A datagram leaves as it left before, which was known by `number` then, for whoever has not got it. It bears the number that it bore: where
    /// that is told of, what is told counts once, as the loss that it was.
    mutating func noteRepeated(_ kind: Pacer.Kind, number: UInt16?, bytes: Int, at now: Instant) {
        guard hearsOfPackets else { return noteSent(kind, bytes: bytes, isNumbered: false, at: now) }
        if let number { estimator.noteRepeated(number) }
        pacer.note(kind, bytes: bytes, at: now)
    }

    /// By which number the next packet will be told of; nil where it will not, or not alone.
    mutating func nextNumber(isNumbered: Bool) -> UInt16? {
        feedback == .streams || (feedback == .transport && isNumbered) ? transportSequence : nil
    }

    /// Where much is lost, what is asked for again is sent so often that one comes in 99 of 100 cases: where there is room, and no queue that may be
    /// what loses.
    var insistence: Insistence {
        let guidance = estimator.guidance
        guard isControlled, !guidance.hasQueue, guidance.hasRoom, guidance.loss > Downlink.lossThatCounts else { return Insistence() }
        // Answers are under way a round trip, which wavers.
        return Insistence(copies: guidance.loss > Downlink.heavyLoss ? 3 : 2, answered: guidance.roundTrip * 3 / 4)
    }
    private static let lossThatCounts = 0.02
    private static let heavyLoss = 0.1

    /// A packet is about to leave, whose header `packet` begins with.
    @inline(__always)
    mutating func noteStream(of packet: UnsafeMutableRawBufferPointer) {
        if feedback == .streams { streams.note(packet, as: transportSequence) }
    }

    // MARK: Feedback

    mutating func note(_ feedback: CongestionControlFeedback, in datagram: RawSpan, at now: Instant) {
        guard self.feedback == .streams else { return }
        let known = streams.known
        estimator.noteFeedback(feedback, in: datagram, at: now) { known.number(of: $1, in: $0) }
        update(at: now)
    }

    mutating func note(_ feedback: TransportFeedback, in datagram: RawSpan, at now: Instant) {
        guard self.feedback == .transport else { return }
        estimator.noteFeedback(feedback, in: datagram, at: now)
        update(at: now)
    }

    mutating func note(_ limit: ReceiverEstimatedMaximumBitrate, at now: Instant) {
        guard feedback == .reports else { return }
        estimator.noteReceiverLimit(Bitrate(bitsPerSecond: Int(clamping: limit.bitsPerSecond)), at: now)
        update(at: now)
    }

    /// What all blocks of one report say together.
    mutating func noteReport(packets: Int, lost: Int, roundTrip: Interval?, at now: Instant) {
        if let roundTrip { self.roundTrip = roundTrip }
        guard feedback == .reports else { return }
        hasReport = hasReport || packets > 0
        estimator.noteReport(packets: packets, lost: lost, roundTrip: roundTrip, at: now)
        update(at: now)
    }

    /// What would be sent if there were room for everything.
    mutating func want(_ rate: Bitrate, at now: Instant) {
        estimator.want(rate, at: now)
        update(at: now)
    }

    // MARK: Time

    /// When there is something to do. `now` is what the pacer counts from.
    mutating func nextDeadline(at now: Instant) -> Instant {
        guard isControlled else { return .distantFuture }
        var deadline = estimator.nextDeadline
        if isDue { return deadline }
        if !held.isEmpty { deadline = min(deadline, max(pacer.next(.media, at: now), now + Downlink.tick)) }
        if isProbing { deadline = min(deadline, max(pacer.next(.padding, at: now), now + Downlink.probeTick)) }
        return deadline
    }

    /// True if something is to be released now that was not to be before.
    mutating func handleTimeout(at now: Instant) -> Bool {
        guard isControlled else { return false }
        if estimator.nextDeadline <= now {
            estimator.handleTimeout(at: now)
            update(at: now)
        }
        if isDue { return false }
        isDue = (!held.isEmpty && allows(at: now)) || paddingWanted(at: now) > 0
        return isDue
    }
}
