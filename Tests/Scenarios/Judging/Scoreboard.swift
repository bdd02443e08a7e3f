/// Figures as people and programs read them.
package struct Scoreboard: Sendable {
    package struct Row: Sendable {
        package var scenario: String
        package var figures: Figures

        package init(scenario: String, figures: Figures) {
            self.scenario = scenario
            self.figures = figures
        }
    }

    package var rows: [Row] = []

    package init() {}

    private static let columns: [(name: Figures.Name, title: String, scale: Double)] = [
        (.frozen, "frozen s/min", 1), (.stopped, "stopped", 1), (.height, "lines", 1), (.frameRate, "fps", 1), (.useful, "useful %", 100),
        (.link, "link %", 100),
        (.queue, "queue ms", 1), (.stepQueue, "step ms", 1), (.queueOver, "over s", 1), (.start, "start s", 1), (.recovery, "recover s", 1),
        (.requests, "PLI", 1), (.keyframes, "key", 1), (.repair, "RTX %", 100), (.padding, "pad %", 100), (.discarded, "discard", 1),
        (.faults, "faults", 1), (.switches, "switch/min", 1), (.unfairness, "unfair %", 100), (.delay, "delay ms", 1),
        (.soundLost, "sound lost %", 100),
    ]

    package static var header: String {
        columns.reduce("scenario".padded(to: nameWidth)) { $0 + " " + $1.title.aligned(to: $1.title.count) }
    }
    private static let nameWidth = 22

    /// With an asterisk where a bar is not met.
    package static func line(_ row: Row, _ thresholds: Thresholds?) -> String {
        columns.reduce(row.scenario.padded(to: nameWidth)) { line, column in
            guard let value = row.figures[column.name] else { return line + " " + "".aligned(to: column.title.count) }
            let isMet = thresholds?.bar(column.name, of: row.scenario)?.isMet(by: value) ?? true
            return line + " " + (text(value * column.scale) + (isMet ? "" : "*")).aligned(to: column.title.count)
        }
    }

    /// Three digits, as a rule.
    package static func text(_ value: Double) -> String {
        guard value.isFinite else { return "never" }
        if value.magnitude >= 10 || value == value.rounded() { return "\(Int(value.rounded()))" }
        return "\((value * 100).rounded() / 100)"
    }

    private static func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }

    /// An object for each scenario; null for what never happened.
    package var json: String {
        let objects = rows.map { row in
            let figures = Figures.Name.allCases.compactMap { name in
                row.figures[name].map { "\"\(name.rawValue)\": " + ($0.isFinite ? "\(Scoreboard.rounded($0))" : "null") }
            }
            let times = row.figures.timeAtHeight.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \(Scoreboard.rounded($0.value))" }
            return "  {\"scenario\": \"\(row.scenario)\", " + figures.joined(separator: ", ")
                + ", \"time-at-height\": {" + times.joined(separator: ", ") + "}}"
        }
        return "[\n" + objects.joined(separator: ",\n") + "\n]\n"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    fileprivate func aligned(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
