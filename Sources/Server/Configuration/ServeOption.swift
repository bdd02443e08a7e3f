import Logging
import MediaPrimitives

/// One option of `apus serve`: the same name as a flag, a key of the YAML file and, in capitals with `APUS_` before it, an environment variable.
package enum ServeOption: String, CaseIterable, Sendable {
    case dev
    case bind
    case port
    case udpPort = "udp-port"
    case tcpPort = "tcp-port"
    case adminPort = "admin-port"
    case adminBind = "admin-bind"
    case trustedProxies = "trusted-proxies"
    case announce
    case keys
    case workers
    case maxRooms = "max-rooms"
    case maxParticipants = "max-participants"
    case congestionControl = "congestion-control"
    case audioTop = "audio-top"
    case dynacast
    case drainTimeout = "drain-timeout"
    case webApp = "web-app"
    case invitationLifetime = "invitation-lifetime"
    case logLevel = "log-level"

    package var flag: String { "--" + rawValue }
    package var variable: String { "APUS_" + rawValue.uppercased().split(separator: "-").joined(separator: "_") }

    /// What a value must be, to follow "expected".
    package var expected: String {
        switch self {
        case .dev, .webApp, .congestionControl, .dynacast: "true or false"
        case .bind, .adminBind: "an IP address, or localhost"
        case .port, .udpPort, .tcpPort, .adminPort: "a port number from 0 to 65535"
        case .trustedProxies: "IP addresses and networks (10.0.0.0/8) separated by commas"
        case .announce: "IP addresses separated by commas (names are not resolved)"
        case .keys: "API keys and secrets, \"KEY: SECRET\", separated by commas"
        case .workers: "a number from 1 to \(ICECredentials.maximumWorkers)"
        case .maxRooms: "a number from 1 to 1000000"
        case .maxParticipants: "a number from 1 to 10000"
        case .audioTop: "a number from 1 to 100, or 0 for all"
        case .drainTimeout: "a duration such as 5s, 500ms or 2m, at most 1h"
        case .invitationLifetime: "a duration such as 30m or 24h, from 1m to 8760h"
        case .logLevel: "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        }
    }

    private static func count(_ text: String, in range: ClosedRange<Int>) -> OptionValue? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text), range.contains(number) else {
            return nil
        }
        return .count(number)
    }

    /// Reads a value; nil where it is not what is expected.
    package func value(of text: String) -> OptionValue? {
        let text = text.trimmed
        switch self {
        case .dev, .webApp, .congestionControl, .dynacast:
            switch text.lowercased() {
            case "true", "1", "yes": return .bool(true)
            case "false", "0", "no": return .bool(false)
            default: return nil
            }
        case .bind, .adminBind:
            if text == "localhost" { return .hosts(["127.0.0.1", "::1"]) }
            return SocketAddress(host: text, port: 0).map { .hosts([$0.host]) }
        case .port, .udpPort, .tcpPort, .adminPort:
            guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
            return UInt16(text).map { .port($0) }
        case .trustedProxies:
            return TrustedProxies(text).map { .proxies($0) }
        case .announce:
            let addresses = text.items.map { SocketAddress(host: $0, port: 0) }
            let valid = addresses.compactMap { $0 }.filter { !$0.isUnspecified }
            return valid.isEmpty || valid.count < addresses.count ? nil : .addresses(valid)
        case .keys:
            return APIKey.list(text).map { .keys($0) }
        case .workers: return Self.count(text, in: 1...ICECredentials.maximumWorkers)
        case .maxRooms: return Self.count(text, in: 1...1_000_000)
        case .maxParticipants: return Self.count(text, in: 1...10_000)
        case .audioTop: return Self.count(text, in: 0...100)
        case .drainTimeout:
            return Interval(text: text).flatMap { $0 <= .seconds(3600) ? .interval($0) : nil }
        case .invitationLifetime:
            return Interval(text: text).flatMap { $0 >= .seconds(60) ? .interval($0) : nil }
        case .logLevel:
            return Logger.Level(rawValue: text).map { .level($0) }
        }
    }
}

/// A value that has been read.
package enum OptionValue: Equatable, Sendable {
    case bool(Bool)
    case hosts([String])
    case port(UInt16)
    case addresses([SocketAddress])
    case proxies(TrustedProxies)
    case keys([APIKey])
    case count(Int)
    case interval(Interval)
    case level(Logger.Level)
}

/// A key that signs access tokens, and its name.
package struct APIKey: Equatable, Sendable {
    package var name: String
    package var secret: String

    package init(name: String, secret: String) {
        self.name = name
        self.secret = secret
    }

    /// The key pair of `--dev`. Everybody knows it.
    package static let development = APIKey(name: "devkey", secret: "secret")

    /// Reads `KEY: SECRET` pairs, separated by commas or line ends; nil if any is not a pair or a name comes twice.
    package static func list(_ text: String) -> [APIKey]? {
        var keys: [APIKey] = []
        for item in text.items {
            guard let colon = item.firstIndex(of: ":") else { return nil }
            let key = APIKey(name: String(item[..<colon]).trimmed, secret: String(item[item.index(after: colon)...]).trimmed)
            guard !key.name.isEmpty, !key.secret.isEmpty, !keys.contains(where: { $0.name == key.name }) else { return nil }
            keys.append(key)
        }
        return keys.isEmpty ? nil : keys
    }
}

extension Interval {
    /// Reads `5s`, `500ms`, `2m`, `6h`, or a plain number of seconds; nil for anything else, and above a year.
    package init?(text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), (0...31_536_000_000).contains(number) else { return nil }
        let interval: Interval
        switch text[digits.endIndex...] {
        case "ms": interval = .milliseconds(number)
        case "s", "": interval = .milliseconds(min(number, 40_000_000) * 1_000)
        case "m": interval = .milliseconds(min(number, 1_000_000) * 60_000)
        case "h": interval = .milliseconds(min(number, 10_000) * 3_600_000)
        default: return nil
        }
        guard interval <= .seconds(31_536_000) else { return nil }
        self = interval
    }
}

extension String {
    /// Without white space at either end.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    /// The items of a list separated by commas or line ends, trimmed; empty ones at line ends are left out, others stay (and will not parse).
    var items: [String] {
        split(whereSeparator: \.isNewline).flatMap { line in
            String(line).trimmed.isEmpty ? [] : line.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed }
        }
    }
}
