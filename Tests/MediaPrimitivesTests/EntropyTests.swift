import MediaPrimitives
import Testing

@Suite("Entropy")
struct EntropyTests {
    @Test("The same seed gives the same numbers, and these are SplitMix64's")
    func seeded() {
        let a = Entropy.seeded(1_234_567)
        let b = Entropy.seeded(1_234_567)
        // The reference implementation's first outputs for this seed.
        #expect([a.next(), a.next(), a.next()] == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
        #expect(b.bytes(5).count == 5)
        #expect(Entropy.seeded(1).bytes(40) == Entropy.seeded(1).bytes(40))
        #expect(Entropy.seeded(1).bytes(40) != Entropy.seeded(2).bytes(40))
    }

    @Test("The system's generator does not repeat")
    func system() {
        let entropy = Entropy.system()
        #expect(Set((0..<100).map { _ in entropy.next() }).count == 100)
    }

    @Test("Exactly as many bytes and characters as asked for", arguments: [0, 1, 7, 8, 9, 64])
    func counts(count: Int) {
        let entropy = Entropy.seeded(9)
        #expect(entropy.bytes(count).count == count)
        #expect(entropy.iceText(count).utf8.count == count)
        #expect(entropy.urlText(count).utf8.count == count)
    }

    @Test("Texts stay in their alphabets and use all of them")
    func alphabets() {
        let entropy = Entropy.seeded(10)
        let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        #expect(Set(entropy.iceText(5_000)) == letters.union("+/"))
        #expect(Set(entropy.urlText(5_000)) == letters.union("-_"))
    }

    @Test("SSRCs are never 0, the SSRC of probes")
    func ssrcs() {
        let entropy = Entropy.seeded(11)
        #expect((0..<10_000).allSatisfy { _ in entropy.ssrc() != SSRC(0) })
        let credentials = ICECredentials.random(entropy)
        #expect(credentials.ufrag.count == 8 && credentials.password.count == 24)
    }
}
