import Forwarding
import MediaPrimitives

/// What a track whose packets bear their level tells of who speaks on it: noted with each packet, told a few times a second.
struct Voice: Sendable {
    /// While it is not heard, whoever speaks on it says so again after so long.
    private static let insistence = Interval.milliseconds(100)
    /// So many times silence is told: what is told may be lost on its way to another worker.
    private static let lastWords = 4

    private var activity = SpeechActivity()
    private var onset = SpeechOnset()
    private var askedAt: Instant?
    private var silentTurns = Voice.lastWords

    /// Notes a packet. `isHushed`: it is not sent. True where whoever speaks is to be told of at once.
    mutating func note(_ packet: MediaPacket, level: UInt8, isHushed: Bool) -> Bool {
        activity.note(level, timestamp: packet.timestamp, at: packet.arrival)
        guard onset.note(level, isVoice: packet.voiceActivity, at: packet.arrival) else { return false }
        silentTurns = 0
        guard isHushed, askedAt.map({ packet.arrival - $0 >= Voice.insistence }) ?? true else { return false }
        askedAt = packet.arrival
        return true
    }

    /// There is something to tell at the next turn.
    var hasNews: Bool { silentTurns < Voice.lastWords || activity.isActive }

    /// What is to be told; nil where nothing is.
    mutating func report(at now: Instant) -> VoiceReport? {
        guard hasNews else { return nil }
        let report = VoiceReport(scores: activity.scores(at: now), loudness: onset.takeLoudness())
        silentTurns = report.scores == .silence && report.loudness == 0 ? silentTurns &+ 1 : 0
        return report
    }
}

/// What the place where it is decided about a room's speakers is told of one of them.
struct VoiceReport: Hashable, Sendable {
    var scores: SpeechActivity.Scores
    /// 127 less the mean level in −dBov of what was speech since the last report; 0 where nothing was.
    var loudness: UInt8
}
