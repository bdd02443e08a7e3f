import ArgumentParser
import Foundation
import Server

/// The options of the server, shared by the commands that need its configuration.
///
/// Numbers are parsed unconditionally: that `-4` is none to use is said by who knows what is, and it is no missing value.
struct ServeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Options in YAML, named as these flags are.", valueName: "file"))
    var config: String?
    @Flag(help: "Try it out: key \"devkey\" with secret \"secret\", HTTP on loopback, links to click.")
    var dev = false
    @Option(help: ArgumentHelp("The address on which HTTP listens. Media is on all interfaces.", valueName: "address"))
    var bind: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("The port of HTTP (7880).", valueName: "port"))
    var port: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("The UDP port of all media (7882).", valueName: "port"))
    var udpPort: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("The TCP port of media where UDP is blocked (7881).", valueName: "port"))
    var tcpPort: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("The port of metrics, readiness and explanations (7889).", valueName: "port"))
    var adminPort: String?
    @Option(
        help: ArgumentHelp(
            """
            The address on which the admin port listens (127.0.0.1). It asks nobody for a token, and tells who is in which room: give an address \
            that only you reach.
            """, valueName: "address"))
    var adminBind: String?
    @Option(
        help: ArgumentHelp(
            "Addresses or networks (10.0.0.0/8), separated by commas, of proxies whose X-Forwarded-For says where a request comes from (none).",
            valueName: "addresses"))
    var trustedProxies: String?
    @Option(
        help: ArgumentHelp(
            "An IP address at which clients reach this machine; repeat it, or separate several by commas. Default: those of the interfaces.",
            valueName: "address"))
    var announce: [String] = []
    @Option(help: ArgumentHelp("API keys: \"KEY: SECRET\", separated by commas.", valueName: "keys"))
    var keys: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Media threads (1).", valueName: "count"))
    var workers: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Rooms that there may be at a time (10000).", valueName: "count"))
    var maxRooms: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Participants that a room may have, viewers included (1000).", valueName: "count"))
    var maxParticipants: String?
    @Option(
        help: ArgumentHelp(
            "Whether what participants are sent is adapted to what their connections carry (true).", valueName: "true|false"))
    var congestionControl: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How many of a room's microphones are heard at a time, those that speak; 0 for all (0).", valueName: "count"))
    var audioTop: String?
    @Option(
        help: ArgumentHelp(
            "Whether clients are told which layers of their pictures nobody watches, and need not send them (true).",
            valueName: "true|false"))
    var dynacast: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How long sessions may go on after SIGTERM (30s; 5s with --dev).", valueName: "duration"))
    var drainTimeout: String?
    @Option(help: ArgumentHelp("Whether / is the web app, where anybody may make a room (true).", valueName: "true|false"))
    var webApp: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("How long a link of the web app lets people in (24h).", valueName: "duration"))
    var invitationLifetime: String?
    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical (info).", valueName: "level"))
    var logLevel: String?

    /// Flags, environment and file, joined and checked.
    func configuration(_ environment: [String: String]) throws(StartError) -> ServeConfiguration {
        try ServeConfiguration(sources: try sources(environment), interfaces: NetworkInterfaces.addresses())
    }

    private func sources(_ environment: [String: String]) throws(StartError) -> [GivenOptions] {
        var flags = GivenOptions()
        if dev { try flags.give(.dev, "true", from: .flag(ServeOption.dev.flag)) }
        let texts: [(ServeOption, String?)] = [
            (.bind, bind), (.port, port), (.udpPort, udpPort), (.tcpPort, tcpPort), (.adminPort, adminPort),
            (.adminBind, adminBind), (.trustedProxies, trustedProxies),
            (.announce, announce.isEmpty ? nil : announce.joined(separator: ",")), (.keys, keys), (.workers, workers),
            (.maxRooms, maxRooms), (.maxParticipants, maxParticipants),
            (.congestionControl, congestionControl), (.audioTop, audioTop), (.dynacast, dynacast), (.drainTimeout, drainTimeout),
            (.webApp, webApp),
            (.invitationLifetime, invitationLifetime), (.logLevel, logLevel),
        ]
        for (option, text) in texts {
            if let text { try flags.give(option, text, from: .flag(option.flag)) }
        }
        var sources = [flags, try GivenOptions.environment(environment)]
        if let path = config ?? environment["APUS_CONFIG"] { sources.append(try ConfigurationFile.read(path: path)) }
        return sources
    }
}
