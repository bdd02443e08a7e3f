/// A document that follows a packet through the sources, as `FollowOnePacket.md` does.
///
/// Its format: a file is a path in backticks that ends in `.swift`; a function is a name with its opening parenthesis in backticks,
/// such as `receive(_:at:)` or `Transport.receive(`, and belongs to the file named last before it in the same paragraph
/// (paragraphs and list items end at a blank line). Anything else in backticks is free text.
enum PacketWalk {
    struct Step: Equatable {
        var file: String
        var function: String
        var line: Int
    }

    struct Findings: Equatable {
        /// Files named, with the line (from 1) that names them.
        var files: [String] = []
        var steps: [Step] = []
        /// Lines that name a function where no file has been named.
        var homeless: [Int] = []
    }

    static func read(_ text: String) -> Findings {
        var findings = Findings()
        var file: String?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.allSatisfy(\.isWhitespace) { file = nil }
            // Odd pieces between backticks are the quoted ones.
            for (position, quoted) in line.split(separator: "`", omittingEmptySubsequences: false).enumerated() where position % 2 == 1 {
                if quoted.hasSuffix(".swift") {
                    file = String(quoted)
                    findings.files.append(String(quoted))
                } else if let parenthesis = quoted.firstIndex(of: "("), let name = functionName(quoted[..<parenthesis]) {
                    if let file {
                        findings.steps.append(Step(file: file, function: name, line: index + 1))
                    } else {
                        findings.homeless.append(index + 1)
                    }
                }
            }
        }
        return findings
    }

    /// `Transport.receive` → `receive`; nil for what is no identifier.
    private static func functionName(_ quoted: Substring) -> String? {
        guard let last = quoted.split(separator: ".").last, !last.isEmpty, last.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
        else { return nil }
        return String(last)
    }

    /// Whether `source` declares a function (or initialiser) called `name`.
    static func declares(_ name: String, in source: String) -> Bool {
        let declaration = name == "init" ? "init" : "func \(name)"
        return source.ranges(of: declaration).contains { range in
            guard range.upperBound < source.endIndex else { return false }
            let next = source[range.upperBound]
            return next == "(" || next == "<" || (name == "init" && next == "?")
        }
    }
}
