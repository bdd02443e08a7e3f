import MediaPrimitives

/// Whether the publisher of an encoding was told to send it: what nobody watches need not be sent (dynacast).
///
/// What we had switched off can be had again, unlike what a publisher has given up by itself: it is counted on, at the rate that it had, from the
/// moment at which it is asked for.
struct EncodingSupply {
    /// So long it is waited for after it was asked for. An encoder begins within a few hundred milliseconds, and the publisher's own congestion
    /// control may need as long again.
    private static let patience = Interval.seconds(5)

    private(set) var isOff = false
    /// Bits a second when it was switched off; 0 where nothing had come then.
    private(set) var rate = 0
    private var awaitedUntil = Instant(nanoseconds: 0)

    mutating func switchOff(rate: Int) {
        (isOff, self.rate) = (true, rate)
        awaitedUntil = Instant(nanoseconds: 0)
    }

    mutating func switchOn(at now: Instant) {
        isOff = false
        if rate > 0 { awaitedUntil = now + EncodingSupply.patience }
    }

    /// It has been asked for a moment ago, and was there before.
    func isAwaited(at now: Instant) -> Bool { now < awaitedUntil }

    /// What it will take: an encoder that begins again takes a while to come to its rate.
    func expectedRate(at now: Instant) -> Int { isAwaited(at: now) ? rate : 0 }
}

extension Encoding {
    /// Its publisher is told not to send it any more.
    package func switchOff(at now: Instant) {
        guard !supply.isOff else { return }
        supply.switchOff(rate: activity.isLive(at: now) ? averageBitrate : 0)
    }

    /// Its publisher is told to send it.
    package func switchOn(at now: Instant) {
        guard supply.isOff else { return }
        supply.switchOn(at: now)
        guard !activity.isLive(at: now) else { return }
        activity.beginAnew()
        rates.beginAnew()
    }

    /// Nothing of it arrives yet, and it can be counted on: it had been switched off here, and was asked for a moment ago.
    package func isAwaited(at now: Instant) -> Bool { supply.isAwaited(at: now) && !activity.isLive(at: now) }
}
