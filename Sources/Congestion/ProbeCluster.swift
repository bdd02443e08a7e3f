import MediaPrimitives

/// A few packets to be sent faster than the rest, to see whether the link passes them: media first, then retransmissions or padding.
package struct ProbeCluster: Equatable, Sendable {
    /// Names a cluster in what was sent; used again after 255 others.
    package struct ID: Hashable, Sendable {
        /// 1 to 255.
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = max(rawValue, 1) }
        package var next: ID { ID(rawValue: rawValue &+ 1) }
    }

    /// Why it is wanted.
    package enum Cause: UInt8, Sendable {
        /// Nothing is known of the link yet.
        case start
        /// The one before it passed.
        case further
        /// Enough time has gone by, and more is wanted than the target.
        case periodic
        /// The same where the capacity is known, to see whether it has grown: a further one has to agree.
        case check
        /// The target has fallen far, and the delay has become normal again.
        case recovery
        /// More is wanted than a moment ago.
        case wanted
        /// The one before it found far more than was known, and may have passed in one burst that the link allows: a longer one tells.
        case proof
    }

    /// Marks its packets.
    package var id: ID
    /// How fast its packets leave.
    package var rate: Bitrate
    /// It is over when so many packets, and so many bytes, have left.
    package var packets: Int
    package var bytes: Int
    /// Of them, so many in front say nothing.
    package var ignoredBytes: Int
    /// Why it is sent.
    package var cause: Cause

    package init(id: ID, rate: Bitrate, packets: Int, bytes: Int, ignoredBytes: Int = 0, cause: Cause) {
        self.id = id
        self.rate = rate
        self.packets = packets
        self.bytes = bytes
        self.ignoredBytes = ignoredBytes
        self.cause = cause
    }

    /// Packets of a cluster at least, and how long they take.
    package static let leastPackets = 5
    /// How long a cluster takes, at least and at most.
    package static let shortest = Interval.milliseconds(15)
    package static let longest = Interval.milliseconds(100)
}

/// What became of one cluster: how fast it left, and how fast it arrived.
///
/// Each packet's delay is taken to be a constant, so much for each byte before it (nothing where the link passes everything), and so much for each
/// byte of its own; all three by least squares. Unlike the bytes between the first and the last arrival over the time between them, as
/// libwebrtc takes it, this is right on average where packets are delayed at random, and where they are of different sizes.
package struct ProbeMeasurement {
    /// A probe's verdict.
    package enum Result: Equatable {
        /// As much passes, and perhaps more.
        case passed(Bitrate)
        /// It arrived slower than it left: so much is what the link passes.
        case capacity(Bitrate)
        /// Too little of it arrived, or it left all at once.
        case nothing
    }

    /// The link carries the headers of IPv4 and UDP, too, which weigh more the shorter packets are. What is found is told for packets of media.
    private static let headers = 28
    private static let usual = 1_100.0 / Double(1_100 + headers)
    private static let leastShare = 0.8
    private static let passingRatio = 0.9
    /// Of what was found to be the capacity: not all of it, or a queue stands from the beginning.
    private static let utilization = 0.97
    private static let longest = Interval.seconds(1)
    private static let lostMessage = Interval.milliseconds(200)

    /// What is measured.
    package let cluster: ProbeCluster
    private var sentPackets = 0
    private var sentBytes = 0
    private var wireBytes = 0
    /// Bytes of the packets that left at the last instant, whose own time is not part of the time of sending.
    private var lastBytes = 0
    private var firstSent: Instant?
    /// When its last packet so far left.
    package private(set) var lastSent: Instant?

    private var arrivedPackets = 0
    private var measuredPackets = 0
    private var arrivedBytes = 0
    private var lostPackets = 0
    private var firstArrival = Instant(nanoseconds: 0)
    /// Sums of the regression: of bytes before a packet, its own bytes, and its delay in milliseconds.
    private var before = 0.0
    private var own = 0.0
    private var delay = 0.0
    private var beforeSquared = 0.0
    private var beforeOwn = 0.0
    private var ownSquared = 0.0
    private var beforeDelay = 0.0
    private var ownDelay = 0.0

    package init(_ cluster: ProbeCluster) { self.cluster = cluster }

    /// Whether all of it has left.
    package var isSent: Bool { sentPackets >= cluster.packets && sentBytes >= cluster.bytes }
    /// What has not.
    package var rest: (packets: Int, bytes: Int) { (max(cluster.packets - sentPackets, 0), max(cluster.bytes - sentBytes, 0)) }

    /// One of its packets leaves.
    package mutating func noteSent(_ bytes: Int, at now: Instant) {
        if firstSent == nil { firstSent = now }
        let wire = bytes &+ ProbeMeasurement.headers
        wireBytes &+= wire
        lastBytes = lastSent == now ? lastBytes &+ wire : wire
        lastSent = now
        sentPackets &+= 1
        sentBytes &+= bytes
    }

    /// One of its packets has arrived; in the order of sending.
    package mutating func noteArrival(_ bytes: Int, sent: Instant, arrived arrival: Instant) {
        guard let firstSent else { return }
        if arrivedPackets == 0 { firstArrival = arrival }
        let x = Double(arrivedBytes &+ arrivedPackets &* ProbeMeasurement.headers)
        let s = Double(bytes &+ ProbeMeasurement.headers)
        let d = (arrival - firstArrival).milliseconds - (sent - firstSent).milliseconds
        defer {
            arrivedPackets &+= 1
            arrivedBytes &+= bytes
        }
        guard arrivedBytes >= cluster.ignoredBytes else { return }
        measuredPackets &+= 1
        before += x
        own += s
        delay += d
        beforeSquared += x * x
        beforeOwn += x * s
        ownSquared += s * s
        beforeDelay += x * d
        ownDelay += s * d
    }

    /// One of its packets was reported lost.
    package mutating func noteLoss() { lostPackets &+= 1 }

    /// Whether nothing more will be heard of it, where feedback has told of packets that left until `answered`: each has been told of, or the
    /// message that told of it was lost.
    package func isSettled(answered: Instant) -> Bool {
        guard isSent, let lastSent else { return false }
        return arrivedPackets &+ lostPackets >= sentPackets || answered - lastSent > ProbeMeasurement.lostMessage
    }

    /// Whether enough has arrived to judge by, where `loss` is the share that the link loses anyway.
    package func isComplete(loss: Double) -> Bool {
        isSent && Double(arrivedPackets) >= ProbeMeasurement.leastShare * (1 - loss) * Double(sentPackets)
            && Double(arrivedBytes) >= ProbeMeasurement.leastShare * (1 - loss) * Double(sentBytes)
    }

    /// What it says, once complete, where `loss` is what the link loses anyway: that passed, too.
    package func result(loss: Double) -> Result {
        guard let firstSent, let lastSent, measuredPackets >= 3 else { return .nothing }
        let duration = lastSent - firstSent
        guard duration > .zero, duration < ProbeMeasurement.longest else { return .nothing }
        let sent = Bitrate(bytes: wireBytes - lastBytes, in: duration)
        guard sent > .zero else { return .nothing }
        // Milliseconds for each byte, as it was sent.
        let sending = 8_000 / Double(sent.bitsPerSecond)
        // A delay that shrinks is that of a queue from before.
        let arriving = sending + max(growth(sending: sending), 0) * (1 - loss)
        let arrived = Bitrate(8_000 / arriving)
        if arrived >= sent * ProbeMeasurement.passingRatio { return .passed(arrived * ProbeMeasurement.usual) }
        return .capacity(arrived * ProbeMeasurement.usual * ProbeMeasurement.utilization)
    }

    /// By how many milliseconds the delay grew for each byte sent before, where sending took `sending` milliseconds for each.
    private func growth(sending: Double) -> Double {
        let n = Double(measuredPackets)
        let xx = beforeSquared - before * before / n
        let xs = beforeOwn - before * own / n
        let ss = ownSquared - own * own / n
        let xd = beforeDelay - before * delay / n
        let sd = ownDelay - own * delay / n
        guard xx > 0 else { return 0 }
        let determinant = xx * ss - xs * xs
        // Of packets of one size, nothing can be said apart.
        guard determinant > 1e-6 * xx * ss else { return xd / xx }
        let ownCost = (xx * sd - xs * xd) / determinant
        let growth = (xd - max(ownCost, 0) * xs) / xx
        // A byte takes at most as long as the link takes for it: what is more is noise.
        return ownCost <= sending + growth || xx + xs <= 0 ? growth : (xd - sending * xs) / (xx + xs)
    }
}
