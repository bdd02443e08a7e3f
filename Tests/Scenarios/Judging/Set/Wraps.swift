import HeadlessClients
import MediaPrimitives
import Simulation

// Numbers that begin again: on both legs the sequence numbers of media, the transport-wide ones, timestamps, PictureID, TL0PICIDX and KEYIDX.
extension ScenarioSet {
    /// Seconds until all have: 15 bits of PictureID take 1,093.
    static let wrapping = 1_100

    @Sendable static func wraps(_ stage: Stage) throws {
        try stage.publish { plan in
            plan.video?.firstSequence = 65_500
            plan.video?.firstTimestamp = 0xffff_ffff - 90_000 * 30
            plan.audio?.firstSequence = 65_500
            plan.audio?.firstTimestamp = 0xffff_ffff - 48_000 * 30
        }
        let viewer = try stage.watch(behind: stage.bottleneck(.init(wide))) { $0.downlink.loss = 0.01 }
        // Five bits of KEYIDX take 32 keyframes. Mostly the best encoding, so that sequence numbers get on.
        for round in 0..<36 {
            stage.at(Double(20 + 30 * round)) { stage.wish(viewer, round % 2) }
            stage.at(Double(23 + 30 * round)) { stage.wish(viewer, nil) }
        }
    }

    /// Only the server chooses the first timestamp that it sends: the next seed is looked for with which it wraps in time.
    @Sendable static func seedThatWraps(after seed: UInt64) throws -> UInt64 {
        for offset in 0..<UInt64(1_000) {
            let candidate = seed &+ offset &* 1_000_003
            let stage = try Stage(seed: candidate)
            try wraps(stage)
            stage.run(for: .seconds(1))
            guard let timestamp = stage.viewers[0].screens[0].video.decoder.lastTimestamp else { continue }
            let left = Int((UInt32.max - timestamp) / 90_000)
            if (10..<wrapping - 30).contains(left) { return candidate }
        }
        return seed
    }
}
