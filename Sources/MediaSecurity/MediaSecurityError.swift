/// Why a certificate, an association or a session could not be made. These are faults of this machine or of the caller,
/// never of something that a peer sent.
package struct MediaSecurityError: Error, CustomStringConvertible {
    /// A sentence for the log.
    package let description: String

    init(_ description: String) { self.description = description }
}
