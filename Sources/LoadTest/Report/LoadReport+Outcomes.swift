import MediaPrimitives
import RTP

extension LoadReport {
    /// How late its loop may serve a timer, one time in a hundred, before the generator calls itself too slow.
    private static let longestLag = Interval.milliseconds(20)

    /// Joins what clients and loops have counted. `loops` are all loops together; `cpuShare` is of one core.
    package init(
        _ plan: LoadPlan, outcomes: [ClientOutcome], failures: [String: Int], loops: LoopStatistics, cpuSeconds: Double, cpuShare: Double,
        packetsPerSecond: Double
    ) {
        url = plan.server.url
        room = plan.room
        protocolName = plan.signalling.rawValue
        publishers = plan.publishers
        subscribers = plan.subscribers
        durationS = plan.duration.seconds
        joined = outcomes.count
        failed = failures.values.reduce(0, +)
        self.failures = failures
        ended = outcomes.count { $0.closedReason != nil }
        let watching = outcomes.filter { !$0.tracks.isEmpty }
        silent = watching.count { $0.firstMedia == nil }
        joinMs = Spread(loops.totals.joins)
        publishMs = Spread(loops.totals.publisherJoins)
        firstFrameMs = Spread(loops.totals.firstFrames)
        delayMs = Spread(loops.totals.delays)

        let published = PublishedCounts(outcomes)
        packets = Packets()
        packets.published = published.total
        var worst = 1.0
        var byKind: [MediaKind: (expected: UInt64, received: UInt64)] = [:]
        freezes = 0
        keyframeRequests = 0
        var freezeTime = Interval.zero
        var worstFreeze = Interval.zero
        layers = Layers(switchMs: Spread(loops.totals.switches))
        verified = Verified()
        var sendFailures: UInt64 = 0
        for client in outcomes {
            packets.strays &+= client.strays
            packets.unreadable &+= client.unreadable
            packets.dropped &+= client.dropped
            sendFailures &+= client.sendFailures
            guard !client.tracks.isEmpty else { continue }
            var (expected, received): (UInt64, UInt64) = (0, 0)
            var freeze = Interval.zero
            for track in client.tracks {
                let missing = client.closedReason == nil ? published.missing(behind: track.last) : 0
                packets.missingAtTheEnd &+= missing
                expected &+= track.expected &+ missing
                received &+= track.received
                byKind[track.kind, default: (0, 0)].expected &+= track.expected &+ missing
                byKind[track.kind, default: (0, 0)].received &+= track.received
                packets.repaired &+= track.repaired
                packets.padding &+= track.padding
                packets.duplicates &+= track.duplicates
                packets.nacked &+= track.nacked
                packets.bytes &+= track.bytes
                keyframeRequests &+= track.keyframeRequests
                layers.asked &+= track.layersAsked
                layers.reached &+= track.layersReached
                layers.wrongPackets &+= track.wrongLayer
                freezes += track.freezes
                freeze = freeze + track.freezeTime
                if client.verifies { verified.packets &+= track.received }
                for fault in track.faults where verified.faults.count < 20 { verified.faults.append("\(client.identity): \(fault)") }
            }
            if client.verifies { verified.clients += 1 }
            packets.expected &+= expected
            packets.received &+= received
            worst = min(worst, expected == 0 ? 0 : Double(received) / Double(expected))
            freezeTime = freezeTime + freeze
            worstFreeze = max(worstFreeze, freeze)
        }
        packets.lost = packets.expected - min(packets.expected, packets.received)
        delivery = packets.expected == 0 ? 0 : Double(packets.received) / Double(packets.expected)
        let share = { (kind: MediaKind) in
            byKind[kind].map { $0.expected == 0 ? 0 : Double($0.received) / Double($0.expected) } ?? 1
        }
        deliveryVideo = share(.video)
        deliveryAudio = share(.audio)
        deliveryWorst = watching.isEmpty ? 0 : worst
        freezeS = freezeTime.seconds
        freezeSWorst = worstFreeze.seconds
        packetsPerS = packetsPerSecond.rounded()

        let overflowed = outcomes.reduce(0) { $0 &+ $1.overflowed }
        var reasons: [String] = []
        if loops.lag.percentile(99) > LoadReport.longestLag {
            reasons.append("its threads served one timer in a hundred more than \(Int(LoadReport.longestLag.milliseconds)) ms late")
        }
        if overflowed > 0 { reasons.append("it did not read \(overflowed) datagrams in time") }
        if sendFailures > 0 { reasons.append("the system would not send \(sendFailures) of its datagrams") }
        generator = Generator(
            loopLagMs: Spread(loops.lag), socketOverflow: overflowed, sendFailures: sendFailures,
            cpuS: (cpuSeconds * 1_000).rounded() / 1_000,
            cpuShare: (cpuShare * 1_000).rounded() / 1_000, threads: plan.threads + 1, isBottleneck: !reasons.isEmpty, reasons: reasons)
    }
}

/// How many packets each encoding has sent.
package struct PublishedCounts {
    private struct Key: Hashable {
        var source: UInt16
        var kind: MediaKind
        var layer: UInt8
    }
    private var counts: [Key: UInt64] = [:]

    package init(_ outcomes: [ClientOutcome]) {
        for count in outcomes.flatMap(\.published) {
            counts[Key(source: count.source, kind: count.kind, layer: count.layer)] = count.packets
        }
    }

    package var total: UInt64 { counts.values.reduce(0, &+) }

    /// How many were published after the last that somebody got.
    package func missing(behind last: TrackOutcome.Last?) -> UInt64 {
        guard let last else { return 0 }
        // The layer of sound is its level.
        let key = Key(source: last.source, kind: last.kind, layer: last.kind == .audio ? 0 : last.layer)
        guard let sent = counts[key], sent > last.ordinal + 1 else { return 0 }
        return sent - last.ordinal - 1
    }
}
