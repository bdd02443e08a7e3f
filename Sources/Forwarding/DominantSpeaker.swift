/// Who has the floor in a room: the speaker whom the others look at, who keeps it through pauses and other people's coughs.
///
/// Volfin and Cohen 2013, §4, as Jitsi's videobridge has it: whoever speaks much more than the dominant speaker at this moment and in this tenth of a
/// second, and more in this second, takes the floor; of several, whoever does so most on the medium scale. Scores are compared by their ratio, so a
/// decision needs nothing but the scores of the moment: they may come from anywhere. To be asked every 300 ms.
package struct DominantSpeaker<Speaker: Hashable & Comparable & Sendable>: Sendable {
    // e to the power of C1 = 3, C2 = 2 and C3 = 0: the paper compares logarithms.
    private static var immediateRatio: Double { 20.085_537 }
    private static var mediumRatio: Double { 7.389_056 }
    private static var longRatio: Double { 1 }

    /// Who has it; nil before anybody has spoken.
    package private(set) var current: Speaker?

    package init() {}

    /// Decides among all who may have it; whoever has it and is not among them has lost it. Returns whether another one has it now.
    package mutating func decide(among speakers: some Sequence<(speaker: Speaker, scores: SpeechActivity.Scores)>) -> Bool {
        let former = current
        let present = speakers.first { $0.speaker == former }
        let (immediate, medium, long) = (present?.scores ?? .silence).likelihoods
        var best: (speaker: Speaker, ratio: Double)?
        for (speaker, scores) in speakers where speaker != present?.speaker && scores.long > 0 {
            let theirs = scores.likelihoods
            guard theirs.immediate / immediate > Self.immediateRatio, theirs.long / long > Self.longRatio else { continue }
            let ratio = theirs.medium / medium
            guard ratio > Self.mediumRatio else { continue }
            // The order in which they are told of decides nothing.
            if let chosen = best, (chosen.ratio, speaker) >= (ratio, chosen.speaker) { continue }
            best = (speaker, ratio)
        }
        current = best?.speaker ?? present?.speaker
        return current != former && current != nil
    }
}
