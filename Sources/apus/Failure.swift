import ArgumentParser
import Foundation
import Server

/// How a command fails: one sentence on standard error, and the exit status that goes with it.
enum Failure {
    static func exiting(_ body: () async throws(StartError) -> Void) async throws {
        do {
            try await body()
        } catch {
            FileHandle.standardError.write(Data("apus: \(error.sentence)\n".utf8))
            throw ExitCode(error.status.rawValue)
        }
    }
}
