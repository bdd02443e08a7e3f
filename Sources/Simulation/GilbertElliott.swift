import MediaPrimitives

/// Loss in bursts, after Gilbert and Elliott: a link that is good for a while and bad for a while, and loses by other chances in each.
/// Both ways between the two are chances for each datagram, so that the lengths of the bursts are geometrically distributed.
package struct GilbertElliott: Sendable {
    /// That a datagram finds the link turned bad, and turned good again.
    package var toBad: Double
    package var toGood: Double
    package var lossWhileGood = 0.0
    package var lossWhileBad = 1.0

    package init(toBad: Double, toGood: Double) {
        self.toBad = toBad
        self.toGood = toGood
    }

    /// By what is seen of it: the share of all datagrams that find the link bad, and how many in a row do so on average.
    package init(badShare: Double, burst: Double) {
        toGood = 1 / max(1, burst)
        toBad = badShare < 1 ? toGood * badShare / (1 - badShare) : 1
    }

    /// The share of datagrams that are lost in the long run.
    package var loss: Double {
        guard toBad + toGood > 0 else { return lossWhileGood }
        let bad = toBad / (toBad + toGood)
        return bad * lossWhileBad + (1 - bad) * lossWhileGood
    }
}
