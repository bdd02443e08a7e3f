import MediaPrimitives
import SDP

/// The body of a PATCH of type `application/trickle-ice-sdpfrag` (RFC 8840 §9, RFC 9725 §4.3): candidates, or fresh credentials for an
/// ICE restart.
///
/// Of the candidates only the number is kept: an ICE lite agent learns where its peer is from the checks it gets.
package struct TrickleFragment: Sendable {
    /// Of the first section that has them, or of the fragment; nil where none are written. Others than before ask for a restart.
    package var credentials: ICECredentials?
    /// Candidates with an address literal; names (`….local`) and what cannot be read are skipped.
    package var candidateCount: Int
    package var endOfCandidates: Bool

    /// What the answer repeats: the `BUNDLE` group and the first section.
    private var group: String?
    private var section: MediaSection?

    /// Candidates that one fragment may hold.
    package static let candidateLimit = 256

    /// Throws 400 or 413.
    package init(parsing text: String) throws(NegotiationError) {
        var limits = SDPLimits()
        limits.bytes = 64 * 1024
        limits.lines = 1_000
        let fragment: SessionDescription
        do throws(SDPError) {
            fragment = try SessionDescription(fragment: text, limits: limits)
        } catch {
            throw NegotiationError(error)
        }
        let carriers: [any AttributeCarrying] = [fragment] + fragment.media
        let candidates = carriers.flatMap { $0.candidates }
        guard candidates.count <= Self.candidateLimit else {
            throw NegotiationError(status: 413, sentence: "The fragment has more than \(Self.candidateLimit) candidates.")
        }
        candidateCount = candidates.count { SocketAddress(host: $0.address, port: $0.port) != nil }
        endOfCandidates = carriers.contains { $0.hasAllCandidates }

        let pairs = carriers.filter { $0.iceUfrag != nil || $0.icePassword != nil }
        if let first = pairs.first {
            guard let ufrag = first.iceUfrag, let password = first.icePassword else {
                throw .malformed("a=ice-ufrag and a=ice-pwd must stand together.")
            }
            guard pairs.allSatisfy({ $0.iceUfrag == ufrag && $0.icePassword == password }) else {
                throw .malformed("The fragment has different credentials for one bundle.")
            }
            let credentials = ICECredentials(ufrag: ufrag, password: password)
            guard credentials.isWellFormed else {
                throw .malformed("a=ice-ufrag must have 4 to 256 and a=ice-pwd 22 to 256 letters, digits, \"+\" or \"/\".")
            }
            self.credentials = credentials
        }
        group = fragment.groups.first { $0.semantics == "BUNDLE" }.map { (["BUNDLE"] + $0.mids).joined(separator: " ") }
        section = fragment.media.first
    }

    /// The fragment that answers a restart (RFC 9725 §4.3.3): our fresh credentials, and the candidates as before.
    package func restartAnswer(local: LocalDescription) -> String {
        var fragment = SessionDescription(origin: SessionDescription.Origin(sessionID: 0, version: 0))
        if let group { fragment.attributes.append(Attribute("group", group)) }
        fragment.attributes += [Attribute("ice-lite"), Attribute("ice-options", "ice2")]
        let transport =
            [Attribute("ice-ufrag", local.credentials.ufrag), Attribute("ice-pwd", local.credentials.password)]
            + local.candidateAttributes + [Attribute("end-of-candidates")]
        if var section {
            section.attributes = (section.mid.map { [Attribute("mid", $0)] } ?? []) + transport
            fragment.media = [section]
        } else {
            fragment.attributes += transport
        }
        return fragment.fragmentText
    }
}
