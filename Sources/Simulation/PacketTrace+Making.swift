import MediaPrimitives

extension PacketTrace {
    /// What befalls the packets of a trace.
    package struct Weather: Sendable {
        /// Of each packet while all is well: that a burst of loss begins with it.
        package var burstChance = 1.0 / 250
        /// Of each packet of a burst: that it is the last.
        package var endChance = 1.0 / 6
        /// Each takes up to this much longer.
        package var jitter = Interval.milliseconds(12)
        package var reordering = 0.01
        /// Of each packet: that it comes as late as one that had to be sent again.
        package var lateChance = 1.0 / 200
        package var lateness = Interval.milliseconds(40)...Interval.milliseconds(600)
        /// Nothing arrives for a while, then everything that was sent meanwhile does.
        package var stall: (from: Interval, until: Interval)? = (.milliseconds(20_000), .milliseconds(21_200))
        /// Keyframes come by themselves, this far from each other: the encoder hears of no loss.
        package var keyframeDistance = Interval.milliseconds(100)...Interval.milliseconds(4_000)
        /// At first all goes well, so that receivers find their feet.
        package var begins = Interval.milliseconds(2_000)

        package init() {}
    }

    private static let frameInterval = Interval(nanoseconds: 33_333_333)
    private static let spacing = Interval.microseconds(500)
    private static let packetLength = 1_100

    /// A camera of 30 frames a second behind a bad link. The same arguments make the same trace.
    package static func made(seed: UInt64, length: Interval, weather: Weather = Weather()) -> PacketTrace {
        let entropy = Entropy.seeded(seed)
        var conditions = LinkConditions(delay: .zero, reordering: weather.reordering)
        conditions.jitter = weather.jitter
        let link = SimulatedLink(conditions, seed: entropy.next())
        var packets: [Packet] = []
        var sequence: UInt16 = 1_000
        var nextKeyframe = Interval.zero
        var isBurst = false
        var released = weather.stall?.until ?? .zero

        for frame in 0..<(length.nanoseconds / frameInterval.nanoseconds) {
            let captured = frameInterval * frame
            let isKeyframe = captured >= nextKeyframe
            if isKeyframe {
                // Squared: more often soon than late.
                let draw = entropy.draw()
                nextKeyframe = captured + weather.keyframeDistance.point(draw * draw)
            }
            let count = isKeyframe ? 8 : 1 + Int(entropy.next() % 2)
            for index in 0..<count {
                let sent = captured + spacing * Int64(index)
                let (draw, lateDraw, lateness) = (entropy.draw(), entropy.draw(), weather.lateness.point(entropy.draw()))
                isBurst = sent >= weather.begins && (isBurst ? draw >= weather.endChance : draw < weather.burstChance)
                link.conditions.isCut = isBurst
                let arrivals = link.arrivals(of: packetLength, at: Instant(nanoseconds: sent.nanoseconds))
                var arrival = arrivals.first.map { $0 - Instant(nanoseconds: 0) }
                if sent >= weather.begins, lateDraw < weather.lateChance { arrival = arrival.map { $0 + lateness } }
                if let stall = weather.stall, let due = arrival, stall.from <= due, due < released {
                    // The way is free again, and as fast as ever.
                    arrival = released
                    released = released + spacing
                }
                packets.append(
                    Packet(
                        sequence: sequence, timestamp: UInt32(truncatingIfNeeded: captured.nanoseconds * 90 / 1_000_000),
                        frame: UInt32(truncatingIfNeeded: frame), index: index, count: count, isKeyframe: isKeyframe, length: packetLength,
                        arrival: arrival))
                sequence &+= 1
            }
        }
        return PacketTrace(packets: packets)
    }
}

extension ClosedRange<Interval> {
    /// The beginning for 0, the end for 1.
    fileprivate func point(_ share: Double) -> Interval {
        lowerBound + Interval(nanoseconds: Int64(Double((upperBound - lowerBound).nanoseconds) * share))
    }
}
