/// The tables of `Architecture.md` that say what ends with what: their last column, "shown by", names tests by their sentences, in quotes.
enum TeardownTable {
    struct Row: Equatable {
        /// Its first cell.
        var name: String
        var scenarios: [String]
        /// Counted from 1.
        var line: Int
    }

    /// The rows of all tables whose last column is "shown by".
    static func rows(of text: String) -> [Row] {
        var rows: [Row] = []
        var isInside = false
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard line.hasPrefix("|"), line.hasSuffix("|") else {
                isInside = false
                continue
            }
            let cells = line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimmingPrefix { $0 == " " } }
            guard let first = cells.first, let last = cells.last else { continue }
            if last.hasPrefix("shown by") {
                isInside = true
            } else if isInside, !last.hasPrefix("---") {
                let name = String(first.reversed().trimmingPrefix { $0 == " " }.reversed())
                rows.append(Row(name: name, scenarios: quoted(in: last), line: index + 1))
            }
        }
        return rows
    }

    private static func quoted(in text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// The sentences by which tests are called: what stands in quotes behind `@Test(`, on the same line or the next.
    static func sentences(of source: String) -> [String] {
        source.ranges(of: "@Test(").compactMap { range in
            let rest = source[range.upperBound...].drop { $0.isWhitespace }
            guard rest.first == "\"" else { return nil }
            return String(rest.dropFirst().prefix { $0 != "\"" })
        }
    }
}

extension TeardownTable {
    /// Classes of `Rooms` that are passive: their owners' rows speak of them.
    static let ownsNothing: Set<String> = ["WorkerOutbox", "PathTable", "SealedRepeats"]

    /// The names of the classes that `source` declares.
    static func classes(of source: String) -> [String] {
        source.ranges(of: "final class ").map { range in
            String(source[range.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" })
        }
    }
}
