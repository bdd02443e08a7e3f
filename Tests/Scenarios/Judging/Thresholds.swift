import Foundation

/// What is asked of each figure: the bars of all scenarios, those of some in their place, and where it is known that they are not met.
package struct Thresholds: Decodable, Sendable {
    package struct Bar: Decodable, Sendable, Equatable {
        package var least: Double?
        package var most: Double?

        package init(least: Double? = nil, most: Double? = nil) {
            self.least = least
            self.most = most
        }

        /// A bound of its own is met, too.
        package func isMet(by value: Double) -> Bool { value >= least ?? -.infinity && value <= most ?? .infinity }

        package var text: String {
            (least.map { ["at least \($0)"] } ?? []).appending(most.map { "at most \($0)" }).joined(separator: ", ")
        }
    }

    package struct Shortfall: Decodable, Sendable {
        package var scenario: String
        package var figure: String
        /// What is known of the reason.
        package var why: String?

        package init(scenario: String, figure: String, why: String? = nil) {
            self.scenario = scenario
            self.figure = figure
            self.why = why
        }
    }

    /// By figure; of every scenario in which it says something.
    package var bars: [String: Bar]
    /// By scenario and figure; null where a bar of all does not hold.
    package var scenarios: [String: [String: Bar?]]
    package var shortfalls: [Shortfall]

    package init(bars: [String: Bar], scenarios: [String: [String: Bar?]] = [:], shortfalls: [Shortfall] = []) {
        self.bars = bars
        self.scenarios = scenarios
        self.shortfalls = shortfalls
    }

    package static func read(_ path: String) throws -> Thresholds {
        try JSONDecoder().decode(Thresholds.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    package func bar(_ figure: Figures.Name, of scenario: String) -> Bar? {
        if let own = scenarios[scenario]?[figure.rawValue] { return own }
        return bars[figure.rawValue]
    }

    /// Names that are no figure's or no scenario's: a bar that is spelt wrong would hold nobody.
    package func strangers(among known: [String]) -> [String] {
        let figures = Set(Figures.Name.allCases.map(\.rawValue))
        let named = Array(bars.keys) + scenarios.values.flatMap(\.keys) + shortfalls.map(\.figure)
        let places = Array(scenarios.keys) + shortfalls.map(\.scenario)
        return (named.filter { !figures.contains($0) } + places.filter { !known.contains($0) }).sorted()
    }
}

extension [String] {
    fileprivate func appending(_ element: String?) -> [String] { self + (element.map { [$0] } ?? []) }
}
