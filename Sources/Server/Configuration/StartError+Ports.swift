import Foundation

extension StartError {
    /// A port that can't be opened: which, why, and the flag that changes it.
    static func cannotListen(on listening: ListeningPlace, code: Int32) -> StartError {
        let (place, option) = (listening.description, listening.option)
        switch code {
        case EADDRINUSE:
            return StartError(.unavailable, "\(place) is taken by another process: choose another with \(option.flag).")
        case EACCES, EPERM:
            return StartError(.unavailable, "\(place) may not be opened by this user: choose one above 1023 with \(option.flag).")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            let change = listening.hostOption.map { ": choose another with \($0.flag)" } ?? ""
            return StartError(.unavailable, "\(place): this machine has no such address\(change).")
        default:
            let reason = String(cString: strerror(code))
            return StartError(.unavailable, "\(place) can't be opened (\(reason)): choose another with \(option.flag).")
        }
    }
}
