import Foundation
import Yams

/// The YAML file: a mapping from the options' names to their values. Anything else in it is an error that names the line.
package enum ConfigurationFile {
    /// The largest file that is read.
    static let sizeLimit = 1 << 20

    package static func read(path: String) throws(StartError) -> GivenOptions {
        let file: Data
        do {
            // One more than it may have: then it is refused for its size.
            file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).read(upToCount: sizeLimit + 1) ?? Data()
        } catch {
            throw StartError(.configuration, "\(path): expected a file of options in YAML, but \(FileTrouble.reason(error))")
        }
        guard file.count <= sizeLimit, let text = String(data: file, encoding: .utf8) else {
            throw StartError(.configuration, "\(path):1: expected UTF-8 text of at most 1 MiB")
        }
        return try parse(text, path: path)
    }

    package static func parse(_ text: String, path: String) throws(StartError) -> GivenOptions {
        var given = GivenOptions()
        let root: Node?
        do { root = try compose(yaml: text) } catch { throw syntaxError(error, path: path, text: text) }
        // A file of comments only says nothing, and that is fine.
        guard let root, root.null == nil else { return given }
        guard case .mapping(let mapping) = root else {
            throw StartError(.configuration, "\(path):\(root.line): expected a mapping such as \"udp-port: 7882\"")
        }
        for (key, value) in mapping {
            guard let name = key.string, let option = ServeOption(rawValue: name) else {
                let found = key.string.map { "\"\($0.prefix(100))\"" } ?? "another kind of key"
                let known = ServeOption.allCases.map(\.rawValue).joined(separator: ", ")
                throw StartError(.configuration, "\(path):\(key.line): expected one of the keys \(known), found \(found)")
            }
            let line = value.mark.map(\.line) ?? key.line
            try given.give(option, try value.text(for: option, path: path, line: line), from: .file(path: path, line: line))
        }
        return given
    }

    private static func syntaxError(_ error: any Error, path: String, text: String) -> StartError {
        let place: (line: Int, problem: String) =
            switch error {
            case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
                YamlError.composer(_, let problem, let mark, _):
                (mark.line, problem)
            case YamlError.reader(let problem, let offset, _, let yaml):
                (yaml.prefix(offset ?? 0).count(where: \.isNewline) + 1, problem)
            case YamlError.duplicatedKeysInMapping(let duplicates, let context):
                (
                    lastLine(of: duplicates, in: text) ?? context.mark.line,
                    "the key \(duplicates.map { "\"\($0)\"" }.joined(separator: ", ")) comes twice"
                )
            default: (1, "it could not be parsed")
            }
        return StartError(.configuration, "\(path):\(place.line): expected YAML, but \(place.problem)")
    }

    /// The parser names the mapping in which a key comes twice; whoever wrote it wants the line.
    private static func lastLine(of keys: [String], in text: String) -> Int? {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.lastIndex { line in keys.contains { line.hasPrefix($0) } }.map { $0 + 1 }
    }
}

extension Node {
    fileprivate var line: Int { mark?.line ?? 1 }

    /// The text that a flag would have carried: scalars as they are, sequences joined by commas, keys from a mapping.
    fileprivate func text(for option: ServeOption, path: String, line: Int) throws(StartError) -> String {
        let wrongType = StartError(.configuration, "\(path):\(line): \(option.rawValue): expected \(option.expected), found \(kind)")
        switch self {
        case .scalar(let scalar):
            return scalar.string
        case .sequence(let sequence) where option == .announce || option == .keys || option == .trustedProxies:
            var items: [String] = []
            for element in sequence {
                guard case .scalar(let scalar) = element, !scalar.string.contains(",") else { throw wrongType }
                items.append(scalar.string)
            }
            return items.joined(separator: ",")
        case .mapping(let mapping) where option == .keys:
            var items: [String] = []
            for (name, secret) in mapping {
                guard case .scalar(let name) = name, case .scalar(let secret) = secret else { throw wrongType }
                guard !(name.string + secret.string).contains(where: { $0 == "," || $0.isNewline }), !name.string.contains(":") else {
                    throw wrongType
                }
                items.append("\(name.string): \(secret.string)")
            }
            return items.joined(separator: ",")
        default:
            throw wrongType
        }
    }

    private var kind: String {
        switch self {
        case .scalar: "a single value"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }
}
