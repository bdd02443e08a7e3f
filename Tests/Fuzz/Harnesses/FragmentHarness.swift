import MediaPrimitives
import Negotiation
import SDP

/// The bodies of PATCH: trickle fragments, and the answers to those that restart ICE.
enum FragmentHarness {
    static func run(_ input: UnsafeRawBufferPointer) throws(Finding) {
        let text = String(decoding: input, as: UTF8.self)
        let fragment: TrickleFragment
        do throws(NegotiationError) {
            fragment = try TrickleFragment(parsing: text)
        } catch {
            try expect([400, 413].contains(error.status) && !error.sentence.isEmpty, "refused with \(error)")
            return
        }
        try expect((0...TrickleFragment.candidateLimit).contains(fragment.candidateCount), "\(fragment.candidateCount) candidates")
        if let credentials = fragment.credentials {
            try expect((4...256).contains(credentials.ufrag.utf8.count), "a ufrag of \(credentials.ufrag.utf8.count) characters")
            try expect((22...256).contains(credentials.password.utf8.count), "a password of \(credentials.password.utf8.count) characters")
        }
        let answer = fragment.restartAnswer(local: NegotiationHarness.local)
        let again: TrickleFragment
        do throws(NegotiationError) {
            again = try TrickleFragment(parsing: answer)
        } catch {
            throw Finding("our own fragment is refused: \(error)")
        }
        try expect(again.credentials == NegotiationHarness.local.credentials, "the answer has other credentials")
        try expect(again.endOfCandidates && again.candidateCount == 2, "the answer is not complete")
        try PlantedBug.check(fragment.credentials?.ufrag)
    }
}
