/// Why a client could not do what it should.
package enum LoadError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody answers at that address.
    case unreachable(String)
    /// The server said no.
    case refused(status: Int, sentence: String)
    /// What came is not what was to come.
    case broken(String)

    package var description: String {
        switch self {
        case .unreachable(let sentence), .broken(let sentence): sentence
        case .refused(let status, let sentence): "\(status): \(sentence)"
        }
    }
}
