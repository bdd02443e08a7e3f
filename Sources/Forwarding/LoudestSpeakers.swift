import MediaPrimitives

/// Which tracks of a room are heard where not all of them are: at most so many, those that speak.
///
/// Whoever begins to speak is let in at once, in place of the one who has been silent longest; with nobody silent, in place of the quietest, if clearly
/// louder. Nobody goes within 1.5 s of coming or of having spoken, but for somebody louder; the dominant speaker never. Places that nobody wants are
/// kept, and those that are free are given to whoever is there: a small room is heard whole.
package struct LoudestSpeakers<Speaker: Hashable & Sendable>: Sendable {
    /// So long somebody is heard at least, and after their last word.
    private static var stay: Interval { .milliseconds(1_500) }
    /// Decibels.
    private static var clearlyLouder: Int { 6 }

    private struct Entry: Sendable {
        var speaker: Speaker
        var isHeard = false
        var heardSince = Instant(nanoseconds: 0)
        var lastSpeech: Instant?
        /// 127 less the level in −dBov, smoothed.
        var loudness = 0
    }

    /// In the order in which they came.
    private var entries: [Entry] = []
    private let places: Int
    private var heard = 0
    /// What has changed since it was last taken.
    private var changes: [(speaker: Speaker, isHeard: Bool)] = []

    package init(places: Int) { self.places = places }

    /// Takes who is heard from now on, or not any more, in order.
    package mutating func takeChanges() -> [(speaker: Speaker, isHeard: Bool)] {
        defer { changes.removeAll() }
        return changes
    }

    package mutating func add(_ speaker: Speaker, at now: Instant) {
        entries.append(Entry(speaker: speaker))
        if heard < places { admit(entries.count - 1, at: now) }
    }

    package mutating func remove(_ speaker: Speaker, at now: Instant) {
        guard let index = entries.firstIndex(where: { $0.speaker == speaker }) else { return }
        let wasHeard = entries.remove(at: index).isHeard
        guard wasHeard else { return }
        heard -= 1
        // Whoever has spoken last, or else has been here longest.
        let next = entries.indices.filter { !entries[$0].isHeard }.max {
            (entries[$0].lastSpeech?.nanoseconds ?? .min, $1) < (entries[$1].lastSpeech?.nanoseconds ?? .min, $0)
        }
        if let next { admit(next, at: now) }
    }

    /// `speaker` speaks, so loud: 127 less the level in −dBov.
    package mutating func note(_ speaker: Speaker, loudness: Int, dominant: Speaker?, at now: Instant) {
        guard let index = entries.firstIndex(where: { $0.speaker == speaker }) else { return }
        let isFresh = entries[index].lastSpeech.map { now - $0 > Self.stay } ?? true
        entries[index].loudness = isFresh ? loudness : (entries[index].loudness + loudness) / 2
        entries[index].lastSpeech = now
        guard !entries[index].isHeard else { return }
        if heard >= places {
            guard let other = replaceable(by: index, dominant: dominant, at: now) else { return }
            entries[other].isHeard = false
            heard -= 1
            changes.append((entries[other].speaker, false))
        }
        admit(index, at: now)
    }

    /// Who is to go for the one at `index`; nil where nobody is.
    private func replaceable(by index: Int, dominant: Speaker?, at now: Instant) -> Int? {
        let settled = entries.indices.filter {
            entries[$0].isHeard && entries[$0].speaker != dominant && now - entries[$0].heardSince >= Self.stay
        }
        let silent = settled.filter { entries[$0].lastSpeech.map { now - $0 >= Self.stay } ?? true }
        if let longest = silent.min(by: { (entries[$0].lastSpeech?.nanoseconds ?? .min) < (entries[$1].lastSpeech?.nanoseconds ?? .min) }) {
            return longest
        }
        let quietest = settled.min { entries[$0].loudness < entries[$1].loudness }
        return quietest.flatMap { entries[$0].loudness + Self.clearlyLouder <= entries[index].loudness ? $0 : nil }
    }

    private mutating func admit(_ index: Int, at now: Instant) {
        entries[index].isHeard = true
        entries[index].heardSince = now
        heard += 1
        changes.append((entries[index].speaker, true))
    }
}
