import CSeededRandom

/// What OpenSSL draws for one world: keys, nonces and hellos. Decision record 0012 says why.
final class SeededOpenSSL {
    private static let isInstalled: Void = seeded_random_install()

    private let state = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    init(seed: UInt64) {
        _ = SeededOpenSSL.isInstalled
        state.initialize(to: seed)
    }

    deinit { state.deallocate() }

    /// While `body` runs, OpenSSL draws from the seed on this thread.
    func drawing<Result>(_ body: () throws -> Result) rethrows -> Result {
        let former = seeded_random_exchange(state)
        defer { _ = seeded_random_exchange(former) }
        return try body()
    }
}
