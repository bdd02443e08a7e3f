/// How figures stand against what is asked of them.
package struct Verdict: Sendable {
    package struct Finding: Sendable, Equatable {
        package var scenario: String
        package var figure: Figures.Name
        package var value: Double
        package var bar: Thresholds.Bar
    }

    /// Not met, and not listed: the run fails.
    package private(set) var missed: [Finding] = []
    /// Not met, as is known.
    package private(set) var shortfalls: [Finding] = []
    /// Listed, and met: the list can become shorter.
    package private(set) var regained: [Finding] = []
    /// How many bars are met.
    package private(set) var met = 0

    package init() {}

    package mutating func judge(_ figures: Figures, of scenario: String, by thresholds: Thresholds) {
        for name in Figures.Name.allCases {
            guard let value = figures[name], let bar = thresholds.bar(name, of: scenario) else { continue }
            let finding = Finding(scenario: scenario, figure: name, value: value, bar: bar)
            let isListed = thresholds.shortfalls.contains { $0.scenario == scenario && $0.figure == name.rawValue }
            switch (bar.isMet(by: value), isListed) {
            case (true, false): met += 1
            case (true, true):
                met += 1
                regained.append(finding)
            case (false, true): shortfalls.append(finding)
            case (false, false): missed.append(finding)
            }
        }
    }
}
