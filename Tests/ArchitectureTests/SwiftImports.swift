/// One `import` of a Swift source file.
struct SwiftImport: Equatable {
    var module: String
    /// Counted from 1.
    var line: Int
}

enum SwiftImports {
    private static let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    private static let kinds: Set<Substring> = ["typealias", "struct", "class", "enum", "protocol", "let", "var", "func", "macro"]

    /// The imports of `source`, one a line, with or without attributes, access level and kind (TSPL, "Import Declaration").
    static func find(in source: String) -> [SwiftImport] {
        var found: [SwiftImport] = []
        for (index, line) in source.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let code = line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex)
            var words = code.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == ";" })[...]
            while let word = words.first, word.hasPrefix("@") || modifiers.contains(word) { words.removeFirst() }
            guard words.first == "import" else { continue }
            words.removeFirst()
            if let kind = words.first, kinds.contains(kind) { words.removeFirst() }
            // A page's script, in a string, imports `{ … } from …`: no module of Swift's.
            guard let path = words.first, let module = path.split(separator: ".").first, let initial = module.first,
                initial.isLetter || initial == "_"
            else { continue }
            found.append(SwiftImport(module: String(module), line: index + 1))
        }
        return found
    }
}
