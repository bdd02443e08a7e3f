import MediaPrimitives
import Negotiation

/// What every description of ours says alike: the server's certificate and addresses.
package struct LocalTransport: Sendable {
    package var fingerprint: CertificateFingerprint
    /// Complete: a description carries all there will ever be.
    package var candidates: [LocalCandidate]

    package init(fingerprint: CertificateFingerprint, candidates: [LocalCandidate]) {
        self.fingerprint = fingerprint
        self.candidates = candidates
    }

    func description(_ credentials: ICECredentials, sessionID: UInt64) -> LocalDescription {
        LocalDescription(credentials: credentials, fingerprint: fingerprint, candidates: candidates, sessionID: sessionID)
    }
}
