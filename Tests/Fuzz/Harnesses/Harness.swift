/// One way of throwing arbitrary bytes at one part of Apus. The same body serves libFuzzer and the ordinary tests that replay inputs.
package struct Harness: Sendable {
    /// Names its folders in `Corpus` and `Crashes`, too.
    package let name: String
    /// Bytes of input that are worth trying.
    package let maximumLength: Int
    private let body: @Sendable (UnsafeRawBufferPointer) throws(Finding) -> Void

    init(_ name: String, maximumLength: Int, _ body: @escaping @Sendable (UnsafeRawBufferPointer) throws(Finding) -> Void) {
        self.name = name
        self.maximumLength = maximumLength
        self.body = body
    }

    /// Runs one input. Throws what does not hold; a trap ends the process.
    package func run(_ input: UnsafeRawBufferPointer) throws(Finding) { try body(input) }

    /// Does once what takes long, so that no single input is blamed for it.
    package static func prepare() { _ = Certificates.shared }

    #if CORE_ONLY
        package static let all = core
    #else
        package static let all = core + signalling
    #endif

    private static let core: [Harness] = [
        Harness("stun", maximumLength: 600, STUNHarness.run),
        Harness("rtp", maximumLength: 400, RTPHarness.run),
        Harness("rtcp", maximumLength: 1_400, RTCPHarness.run),
        Harness("bandwidth", maximumLength: 2_048, BandwidthHarness.run),
        Harness("codecs", maximumLength: 400, CodecHarness.run),
        Harness("dependency", maximumLength: 512, DependencyHarness.run),
        Harness("layers", maximumLength: 1_024, LayerHarness.run),
        Harness("sdp", maximumLength: 8_192, SDPHarness.run),
        Harness("negotiation", maximumLength: 12_288, NegotiationHarness.run),
        Harness("fragment", maximumLength: 4_096, FragmentHarness.run),
        Harness("dtls", maximumLength: 4_096, DTLSHarness.run),
        Harness("srtp", maximumLength: 2_048, SRTPHarness.run),
        Harness("unit", maximumLength: 2_048, UnitHarness.run),
        Harness("ivf", maximumLength: 4_096, RecordingHarness.runIVF),
        Harness("ogg", maximumLength: 2_048, RecordingHarness.runOgg),
    ]
}

/// Something that must hold and did not.
package struct Finding: Error, CustomStringConvertible {
    package let description: String
    init(_ sentence: String) { description = sentence }
}

/// Throws unless `condition` holds. `sentence` says what is wrong.
func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(Finding) {
    if !condition { throw Finding(sentence()) }
}

/// The self-test of the fuzzer: a bug in each harness that only guided mutation finds. It hides behind a parser, a signature or a handshake, and
/// then behind a word that chance alone would take years to hit: a fuzzer that doesn't see the comparisons, or doesn't get that far, fails.
package enum PlantedBug {
    /// Set once, before the first input, by the process that fuzzes: nothing else runs by then.
    nonisolated(unsafe) package static var isArmed = false

    /// Throws when armed and `word`, read from the network's byte order, is one of "Aug/" to "Zug/".
    static func check(_ word: UInt32?) throws(Finding) {
        guard isArmed, let word else { return }
        for letter in UInt8(ascii: "A")...UInt8(ascii: "Z") where isWord(word.byteSwapped, UInt32(letter) | 0x2f67_7500) {
            throw Finding("the planted bug was found")
        }
    }

    /// The same for the first four bytes of a text.
    static func check(_ text: String?) throws(Finding) {
        guard isArmed, let text, text.utf8.count >= 4 else { return }
        try check(text.utf8.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }

    /// A function of its own: the comparisons would otherwise be made several at once, or of wider values, where libFuzzer does not see them.
    /// It remembers the last few dozen and tries what would have made one of them true. With a single word among thousands of harmless
    /// comparisons that takes a quarter of an hour; twenty-six out of four thousand million are still out of the reach of chance.
    @inline(never)
    private static func isWord(_ word: UInt32, _ wanted: UInt32) -> Bool { word == wanted }
}
