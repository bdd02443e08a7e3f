import ArgumentParser
import Foundation
import Logging
import Server

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server.",
        discussion: """
            Every option is also a key of the YAML file (udp-port: 7882) and an environment variable (APUS_UDP_PORT); a flag is stronger \
            than a variable, a variable stronger than the file.
            SIGTERM or SIGINT drains: no new rooms, then the end when everybody has left or the time is over. A second signal ends at once.
            """)

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await Failure.exiting { () throws(StartError) in
            let environment = ProcessInfo.processInfo.environment
            let configuration = try options.configuration(environment)
            var logger = Logger(label: "apus") { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = configuration.logLevel
            logger.notice("Starting.", metadata: ["version": "\(Version.current)"])
            for warning in configuration.warnings { logger.warning("\(warning)") }
            for name in GivenOptions.unknownVariables(in: environment) {
                logger.warning("An environment variable looks like an option and is none.", metadata: ["variable": "\(name)"])
            }
            try await ApusServer.run(configuration, logger: logger)
        }
    }
}
