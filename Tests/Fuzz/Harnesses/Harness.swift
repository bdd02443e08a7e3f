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

    package static let all: [Harness] = [
        Harness("stun", maximumLength: 600, STUNHarness.run),
        Harness("rtp", maximumLength: 400, RTPHarness.run),
        Harness("rtcp", maximumLength: 1_400, RTCPHarness.run),
        Harness("codecs", maximumLength: 400, CodecHarness.run),
        Harness("sdp", maximumLength: 8_192, SDPHarness.run),
        Harness("negotiation", maximumLength: 12_288, NegotiationHarness.run),
        Harness("fragment", maximumLength: 4_096, FragmentHarness.run),
        Harness("dtls", maximumLength: 4_096, DTLSHarness.run),
        Harness("srtp", maximumLength: 2_048, SRTPHarness.run),
        Harness("unit", maximumLength: 2_048, UnitHarness.run),
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

/// The self-test of the fuzzer: a bug in each harness that only guided mutation finds in reasonable time, because it hides behind the parser
/// and several values that have to be right one after another.
package enum PlantedBug {
    /// Set once, before the first input, by the process that fuzzes: nothing else runs by then.
    nonisolated(unsafe) package static var isArmed = false

    /// Call where all the values were right.
    static func trigger() throws(Finding) { throw Finding("the planted bug was found") }
}
