import Foundation

/// Why a file could not be had, to follow a comma or a colon.
package enum FileTrouble {
    /// Of what Foundation throws: its own words leave out what the system said.
    package static func reason(_ error: any Error) -> String {
        let error = error as NSError
        let cause = (error.userInfo[NSUnderlyingErrorKey] as? any Error).map { $0 as NSError } ?? error
        return cause.domain == NSPOSIXErrorDomain ? reason(code: Int32(cause.code)) : error.localizedDescription
    }

    package static func reason(code: Int32) -> String {
        switch code {
        case ENOENT, ENOTDIR: "there is no such file or folder"
        case EISDIR: "it is a folder"
        case EACCES, EPERM: "this user may not open it"
        default: String(cString: strerror(code))
        }
    }
}
