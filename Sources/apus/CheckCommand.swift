import ArgumentParser
import Foundation
import Server

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Test the machine and the configuration, and say what would be slow or broken.",
        discussion: """
            Takes the options of `apus serve`. Prints one line a finding: ok, slow or broken. Exit status 0 unless something is broken: 69 for \
            a port that is taken, 78 for a mistake in the configuration.
            """)

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await Failure.exiting { () throws(StartError) in
            let configuration = try options.configuration(ProcessInfo.processInfo.environment)
            print("ok      the configuration is complete")
            var broken: StartError?
            for finding in MachineCheck.findings(for: configuration) {
                print(finding.line)
                broken = broken ?? finding.error
            }
            if let broken { throw broken }
        }
    }
}
