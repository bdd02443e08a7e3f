import MediaPrimitives

/// One network, who is on it, and what happens there: always the same for a seed.
package struct Scenario: Sendable {
    /// In small letters and hyphens: the name in tables, thresholds and commands.
    package let name: String
    /// Of the time in which viewers are there.
    package let seconds: Int
    /// Another seed, where not every one has in it what the scenario is about.
    let chooseSeed: @Sendable (UInt64) throws -> UInt64
    /// Joins everybody and plans what happens, before time begins.
    let set: @Sendable (Stage) throws -> Void

    package init(
        _ name: String, seconds: Int = 60, chooseSeed: @escaping @Sendable (UInt64) throws -> UInt64 = { $0 },
        _ set: @escaping @Sendable (Stage) throws -> Void
    ) {
        self.chooseSeed = chooseSeed
        self.name = name
        self.seconds = seconds
        self.set = set
    }

    /// Plays it to the end.
    package func play(seed: UInt64, isGuided: Bool = false) throws -> Stage {
        let stage = try Stage(seed: chooseSeed(seed))
        stage.isGuided = isGuided
        try set(stage)
        stage.run(for: .seconds(Int64(seconds)))
        return stage
    }
}
