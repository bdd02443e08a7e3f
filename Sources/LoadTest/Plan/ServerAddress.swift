/// Where the server's HTTP is, from a URL: `http://host[:port][/path]`, or `ws://` for the same; by TLS with `https://` or `wss://`.
package struct ServerAddress: Sendable, Hashable {
    package var host: String
    package var port: UInt16
    /// What every path begins with: empty, or `/…` without a slash at the end.
    package var prefix: String
    package var usesTLS: Bool

    /// nil for anything else.
    package init?(url: String) {
        guard let scheme = ["http://", "ws://", "https://", "wss://"].first(where: { url.lowercased().hasPrefix($0) }) else { return nil }
        usesTLS = scheme.hasPrefix("https") || scheme.hasPrefix("wss")
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        prefix = String(rest.dropFirst(authority.count))
        while prefix.hasSuffix("/") { prefix.removeLast() }
        guard !prefix.contains("?"), !prefix.contains("#"), !authority.contains("@") else { return nil }
        var port = usesTLS ? "443" : "80"
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            if !after.isEmpty { port = String(after.dropFirst()) }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { return nil }
            host = String(parts[0])
            if parts.count == 2 { port = String(parts[1]) }
        }
        guard !host.isEmpty, let number = UInt16(port), number > 0 else { return nil }
        self.port = number
    }

    /// As a `Host` field says it.
    package var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    package var url: String { "\(usesTLS ? "https" : "http")://\(authority)\(prefix)" }
}
