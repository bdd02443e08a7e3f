/// Where randomness comes from. It is handed in, so that a simulation repeats exactly; outside of one it is the system's generator.
///
/// Not `Sendable`: each worker, and each simulated world, has its own.
package final class Entropy: RandomNumberGenerator {
    private var state: UInt64?

    /// The operating system's cryptographic generator: the only one for secrets in service.
    package static func system() -> Entropy { Entropy(seed: nil) }

    /// A repeatable generator (SplitMix64) for simulation and tests. Never for a key that protects anything.
    package static func seeded(_ seed: UInt64) -> Entropy { Entropy(seed: seed) }

    private init(seed: UInt64?) { state = seed }

    package func next() -> UInt64 {
        guard var z = state else {
            var system = SystemRandomNumberGenerator()
            return system.next()
        }
        z &+= 0x9e37_79b9_7f4a_7c15
        state = z
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// `count` random bytes.
    package func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { withUnsafeBytes(of: next()) { bytes.append(contentsOf: $0.prefix(count - bytes.count)) } }
        return bytes
    }

    /// `count` characters of 6 random bits each, from the alphabet that is valid in ICE credentials (RFC 8839 §5.4: ALPHA, DIGIT, "+", "/").
    package func iceText(_ count: Int) -> String { text(count, lastTwo: "+/") }

    /// `count` characters of 6 random bits each that need no escaping in a URL (RFC 4648 §5's alphabet).
    package func urlText(_ count: Int) -> String { text(count, lastTwo: "-_") }

    private func text(_ count: Int, lastTwo: String) -> String {
        let alphabet = Entropy.alphabet(lastTwo: lastTwo)
        return String(decoding: bytes(count).map { alphabet[Int($0 & 63)] }, as: UTF8.self)
    }

    /// The 64 characters of base 64, of which only the last two differ from use to use.
    static func alphabet(lastTwo: String) -> [UInt8] {
        Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + lastTwo).utf8)
    }

    /// A random non-zero SSRC.
    package func ssrc() -> SSRC { SSRC(UInt32.random(in: 1...UInt32.max, using: &selfAsGenerator)) }

    private var selfAsGenerator: Entropy {
        get { self }
        set {}
    }
}
