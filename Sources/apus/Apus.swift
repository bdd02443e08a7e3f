import ArgumentParser
import Server

@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "A media server for WebRTC: many people in a room, each sent what they can use.",
        discussion: """
            Exit status: 0 done, 1 a request was refused or a bar was missed, 64 wrong usage, 69 a port is taken or nobody answers, 78 wrong \
            configuration.
            """,
        version: Version.current,
        subcommands: [ServeCommand.self, TokenCommand.self, LoadCommand.self, CheckCommand.self])
}
