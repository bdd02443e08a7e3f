import Foundation
import Server

/// The first of the API keys that flags, environment and file give: the one that signs tokens.
enum SigningKey {
    static func find(dev: Bool, keys: String?, config: String?) throws(StartError) -> APIKey {
        let environment = ProcessInfo.processInfo.environment
        var flags = GivenOptions()
        if dev { try flags.give(.dev, "true", from: .flag(ServeOption.dev.flag)) }
        if let keys { try flags.give(.keys, keys, from: .flag(ServeOption.keys.flag)) }
        var sources = [flags, try GivenOptions.environment(environment)]
        if let path = config ?? environment["APUS_CONFIG"] { sources.append(try ConfigurationFile.read(path: path)) }
        let usable = try ServeConfiguration.keys(from: sources)
        guard let first = usable.first else { throw StartError(.configuration, "No API keys.") }
        return first
    }
}
