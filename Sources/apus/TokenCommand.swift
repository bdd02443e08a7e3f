import ArgumentParser
import Foundation
import MediaPrimitives
import Server

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print an access token, and nothing else.",
        discussion: """
            The key comes from --keys, APUS_KEYS or the configuration file, or with --dev is the one that everybody knows. The first key signs.
            Example: apus token --dev --room demo --identity alice --grant canPublish=false
            """)

    @Option(help: "The room that the token is for.")
    var room: String
    @Option(help: "Who the bearer is; one identity publishes once in a room.")
    var identity: String
    @Option(help: "A name to show to others.")
    var name: String?
    @Option(help: "Metadata for others to read.")
    var metadata: String?
    @Option(help: ArgumentHelp("A permission such as canPublish=false or roomAdmin; repeat it for several.", valueName: "grant"))
    var grant: [String] = []
    @Option(help: ArgumentHelp("How long the token is valid: 90s, 30m, 6h.", valueName: "duration"))
    var validFor = "6h"
    @Option(help: ArgumentHelp("API keys: \"KEY: SECRET\", separated by commas.", valueName: "keys"))
    var keys: String?
    @Option(help: ArgumentHelp("Options in YAML, as for apus serve.", valueName: "file"))
    var config: String?
    @Flag(help: "Sign with key \"devkey\" and secret \"secret\".")
    var dev = false

    func run() async throws {
        try await Failure.exiting { () throws(StartError) in
            var video = VideoGrant(room: room, roomJoin: true)
            for text in grant { try video.set(text) }
            guard let validity = Interval(text: validFor), validity > .zero else {
                throw StartError(.usage, "--valid-for: expected a duration such as 90s, 30m or 6h, found \"\(validFor.prefix(100))\"")
            }
            guard !room.isEmpty, !identity.isEmpty else { throw StartError(.usage, "--room and --identity must not be empty.") }
            let key = try SigningKey.find(dev: dev, keys: keys, config: config)
            let token = AccessToken(
                identity: identity, name: name, metadata: metadata, video: video, now: Date().timeIntervalSince1970,
                validFor: validity.seconds)
            guard let signed = await TokenKeys([key]).sign(token, key: key.name) else {
                throw StartError(.configuration, "The token could not be signed with key \"\(key.name)\".")
            }
            print(signed)
        }
    }
}
