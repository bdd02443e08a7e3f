import Foundation
import Server
import Testing

@Suite("Files that cannot be had")
struct FileTroubleTests {
    @Test("they are told apart: none, a folder, one of somebody else's")
    func reasons() throws {
        for (path, reason) in [("/nowhere/apus.yaml", "there is no such file or folder"), ("/proc", "it is a folder")] {
            let error = #expect(throws: StartError.self) { try ConfigurationFile.read(path: path) }
            #expect(error == StartError(.configuration, "\(path): expected a file of options in YAML, but \(reason)"))
        }
        #expect(FileTrouble.reason(code: EACCES) == "this user may not open it")
        let denied = CocoaError(.fileReadNoPermission, userInfo: [NSUnderlyingErrorKey: POSIXError(.EACCES)])
        #expect(FileTrouble.reason(denied) == "this user may not open it")
    }
}
