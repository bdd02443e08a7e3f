/// Builds Prometheus's text format (version 0.0.4): `HELP` and `TYPE` once a family, then a line for each sample.
package struct PrometheusText: Sendable {
    package enum Kind: String, Sendable { case counter, gauge }

    package private(set) var text = ""
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package init() {}

    package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    package mutating func sample(_ name: String, _ value: some CustomStringConvertible, _ labels: KeyValuePairs<String, String> = [:]) {
        let pairs = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}
