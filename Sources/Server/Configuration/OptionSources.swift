/// Where a value was given; error messages begin with it.
package enum OptionOrigin: Equatable, Sendable {
    case flag(String)
    case environment(String)
    case file(path: String, line: Int)

    var place: String {
        switch self {
        case .flag(let name), .environment(let name): name
        case .file(let path, let line): "\(path):\(line)"
        }
    }
    /// A wrong flag is wrong usage; the rest is configuration.
    var status: StartError.Status {
        if case .flag = self { .usage } else { .configuration }
    }
}

/// What one source says: texts by option, each with its origin.
package struct GivenOptions: Sendable {
    private(set) var values: [ServeOption: (value: OptionValue, origin: OptionOrigin)] = [:]

    package init() {}

    /// Reads a text; throws a sentence that names the place and what was expected.
    package mutating func give(_ option: ServeOption, _ text: String, from origin: OptionOrigin) throws(StartError) {
        guard let value = option.value(of: text) else {
            // A secret does not belong on a terminal or in a log, not even a mistyped one.
            let found = option == .keys ? "something else" : "\"\(text.prefix(100))\""
            let key = if case .file = origin { "\(option.rawValue): " } else { "" }
            throw StartError(origin.status, "\(origin.place): \(key)expected \(option.expected), found \(found)")
        }
        values[option] = (value, origin)
    }

    /// The variables that name options. A variable that only looks like one of ours is reported by `unknownVariables(in:)`, not refused:
    /// orchestrators set some of their own by a service's name.
    package static func environment(_ environment: [String: String]) throws(StartError) -> GivenOptions {
        var given = GivenOptions()
        for option in ServeOption.allCases {
            guard let text = environment[option.variable] else { continue }
            try given.give(option, text, from: .environment(option.variable))
        }
        return given
    }

    /// Variables that begin with `APUS_` and are no option, in alphabetical order.
    package static func unknownVariables(in environment: [String: String]) -> [String] {
        let known = Set(ServeOption.allCases.map(\.variable) + ["APUS_CONFIG"])
        return environment.keys.filter { $0.hasPrefix("APUS_") && !known.contains($0) }.sorted()
    }
}
