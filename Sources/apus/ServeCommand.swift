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

    @Option(help: ArgumentHelp("Options in YAML, named as these flags are.", valueName: "file"))
    var config: String?
    @Flag(help: "Try it out: key \"devkey\" with secret \"secret\", HTTP on loopback, links to click.")
    var dev = false
    @Option(help: ArgumentHelp("The address on which HTTP listens. Media is on all interfaces.", valueName: "address"))
    var bind: String?
    @Option(help: ArgumentHelp("The port of HTTP (7880).", valueName: "port"))
    var port: String?
    @Option(help: ArgumentHelp("The UDP port of all media (7882).", valueName: "port"))
    var udpPort: String?
    @Option(help: ArgumentHelp("The TCP port of media where UDP is blocked (7881).", valueName: "port"))
    var tcpPort: String?
    @Option(help: ArgumentHelp("The port of metrics and health, on loopback (7889).", valueName: "port"))
    var adminPort: String?
    @Option(
        help: ArgumentHelp(
            "An IP address at which clients reach this machine; repeat it, or separate several by commas. Default: those of the interfaces.",
            valueName: "address"))
    var announce: [String] = []
    @Option(help: ArgumentHelp("API keys: \"KEY: SECRET\", separated by commas.", valueName: "keys"))
    var keys: String?
    @Option(help: ArgumentHelp("Media threads (1).", valueName: "count"))
    var workers: String?
    @Option(help: ArgumentHelp("How long sessions may go on after SIGTERM (30s; 5s with --dev).", valueName: "duration"))
    var drainTimeout: String?
    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical (info).", valueName: "level"))
    var logLevel: String?

    func run() async throws {
        try await Failure.exiting { () throws(StartError) in
            let environment = ProcessInfo.processInfo.environment
            let configuration = try ServeConfiguration(
                sources: try sources(environment), interfaces: NetworkInterfaces.addresses())
            var logger = Logger(label: "apus") { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = configuration.logLevel
            for name in GivenOptions.unknownVariables(in: environment) {
                logger.warning("An environment variable looks like an option and is none.", metadata: ["variable": "\(name)"])
            }
            try await ApusServer.run(configuration, logger: logger)
        }
    }

    private func sources(_ environment: [String: String]) throws(StartError) -> [GivenOptions] {
        var flags = GivenOptions()
        if dev { try flags.give(.dev, "true", from: .flag(ServeOption.dev.flag)) }
        let texts: [(ServeOption, String?)] = [
            (.bind, bind), (.port, port), (.udpPort, udpPort), (.tcpPort, tcpPort), (.adminPort, adminPort),
            (.announce, announce.isEmpty ? nil : announce.joined(separator: ",")), (.keys, keys), (.workers, workers),
            (.drainTimeout, drainTimeout), (.logLevel, logLevel),
        ]
        for (option, text) in texts {
            if let text { try flags.give(option, text, from: .flag(option.flag)) }
        }
        var sources = [flags, try GivenOptions.environment(environment)]
        if let path = config ?? environment["APUS_CONFIG"] { sources.append(try ConfigurationFile.read(path: path)) }
        return sources
    }
}
